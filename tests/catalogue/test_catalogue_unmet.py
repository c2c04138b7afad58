"""Conditions that no source meets are told, with what there is instead."""

from __future__ import annotations

import pytest

from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.records import NewSource
from lookalike.catalogue.where import Where
from lookalike.errors import MetadataError


@pytest.fixture
def varied(catalogue: Catalogue) -> Catalogue:
    with catalogue.write() as writer:
        writer.add_sources(
            [
                NewSource(
                    f"id{i}",
                    "0" * 64,
                    "row",
                    1,
                    metadata={
                        "split": ["train", "test"][i % 2],
                        "tags": ["Red", "blue"] if i else ["green", 5],
                        "year": 2000 + i,
                        "ok": True,
                        "size": {"w": 1},
                        'quo"te': "x",
                        "long": "a" * 100,
                    },
                )
                for i in range(9)
            ]
        )
    return catalogue


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("split=tset", "no source has split = 'tset'; did you mean 'test'?"),
        ("split=tset|trian", "no source has split = 'tset' or 'trian'; did you mean 'test' or 'train'?"),
        ("split=zzz", "no source has split = 'zzz'; its texts are from 'test' to 'train'"),
        ("tags=red", "no source has tags = 'red'; did you mean 'Red'?"),
        ("year=1990", "no source has year = 1990; its numbers are from 2000 to 2008"),
        ("year=1990..1995", "no source has year = 1990..1995; its numbers are from 2000 to 2008"),
        ("year>=2010", "no source has year = 2010..; its numbers are from 2000 to 2008"),
        ("year<=a", "no source has year = ..'a'; its numbers are from 2000 to 2008"),
        ("ok=false", "no source has ok = false"),
        ("ok!=true", "no source has ok != true"),
        ("size=1", "no source has size = 1"),
        ('quo"te=y', "no source has quo\"te = 'y'; its texts are from 'x' to 'x'"),
        ("long=b", f"no source has long = 'b'; its texts are from '{'a' * 40}...' to '{'a' * 40}...'"),
        ("split=1|2|3|4|5|6|7", "no source has split = 1 or 2 or 3 or 4 or 5 or 2 others; its texts are from "
                                "'test' to 'train'"),
    ],
)  # fmt: skip
def test_a_condition_that_no_source_meets(varied: Catalogue, typed: str, line: str) -> None:
    assert varied.unmet(Where.parse([typed])) == [line]


def test_each_condition_is_told_by_itself(varied: Catalogue) -> None:
    lines = varied.unmet(Where.parse(["split=tset", "year=2003", "year=1"]))
    assert [line.partition(";")[0] for line in lines] == [
        "no source has split = 'tset'",
        "no source has year = 1",
    ]


def test_conditions_that_are_met_are_not_told_though_together_they_leave_none(varied: Catalogue) -> None:
    where = Where.parse(["year=2000", "split=test|tset"])
    assert varied.select(where).tolist() == [] and varied.unmet(where) == []


def test_a_field_that_no_source_has_is_an_error(varied: Catalogue) -> None:
    with pytest.raises(MetadataError, match="no metadata field 'splt'; did you mean 'split'"):
        varied.unmet(Where.parse(["splt=test"]))


def test_without_sources_nothing_is_told(catalogue: Catalogue) -> None:
    assert catalogue.unmet(Where.parse(["split=tset"])) == []


def test_values_of_many_sources_are_compared(catalogue: Catalogue) -> None:
    with catalogue.write() as writer:
        writer.add_sources(
            [NewSource(f"id{i}", "0" * 64, "row", 1, metadata={"a": f"value{i}"}) for i in range(3000)]
        )
    (line,) = catalogue.unmet(Where.parse(["a=valu77"]))
    assert line.startswith("no source has a = 'valu77'; did you mean 'value")
