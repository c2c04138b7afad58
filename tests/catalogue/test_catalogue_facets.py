"""Facets: the most frequent values of a field among some sources, in each of the databases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lookalike.arrays import Int64
from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.facets import FACET_VALUES, LONGEST_FACET
from lookalike.catalogue.records import NewSource
from lookalike.errors import MetadataError

YEARS: list[Any] = [
    2010,
    2010.0,
    0.1,
    "2010",
    None,
    [2010, 2010.0, "b"],
    2**53 + 1,
    True,
    False,
    {"a": 1},
    [],
    -0.0,
]
LONG = "a" * LONGEST_FACET


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
                        "year": YEARS[i % 12],
                        "many": i,
                        'quo"te': "x",
                        "long": f"{LONG}{i}",
                        "word": "aBé"[i % 3],
                    },
                )
                for i in range(36)
            ]
        )
    return catalogue


def numbers(catalogue: Catalogue) -> Int64:
    """Return the numbers of all sources."""
    return catalogue.select()


def test_values_of_each_type_are_counted_once_a_source(varied: Catalogue) -> None:
    found = varied.facet("year", numbers(varied))
    assert found == (
        (2010, 9), (False, 3), (True, 3), (0, 3), (0.1, 3), (2**53 + 1, 3), ("2010", 3), ("b", 3),
    )  # fmt: skip
    assert [type(value) for value, _ in found] == [int, bool, bool, int, float, int, str, str]


def test_only_the_sources_that_were_given_count(varied: Catalogue) -> None:
    assert varied.facet("year", numbers(varied)[:1]) == ((2010, 1),)
    assert varied.facet("year", np.empty(0, np.int64)) == ()
    assert varied.facet("word", numbers(varied)[:4]) == (("a", 2), ("B", 1), ("é", 1))


def test_equal_counts_come_in_the_order_of_values_and_no_more_than_ten(varied: Catalogue) -> None:
    assert varied.facet("many", numbers(varied)) == tuple((value, 1) for value in range(FACET_VALUES))
    assert varied.facet("word", numbers(varied)) == (("B", 12), ("a", 12), ("é", 12))


def test_long_texts_are_cut_and_odd_names_are_names(varied: Catalogue) -> None:
    assert varied.facet("long", numbers(varied)) == ((LONG, 36),)
    assert varied.facet('quo"te', numbers(varied)) == (("x", 36),)


def test_a_field_that_no_source_has_is_told_with_those_like_it(varied: Catalogue) -> None:
    with pytest.raises(MetadataError, match="no metadata field 'yeer'; did you mean 'year'"):
        varied.facet("yeer", numbers(varied))
