"""What is refused is named, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from filled_catalogue import new  # type: ignore[import-not-found]

from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.records import FeatureRecord, Location, NewSource
from lookalike.catalogue.where import Where
from lookalike.errors import (
    DuplicateIdError,
    InputError,
    LookalikeError,
    MetadataError,
    UnknownFeatureError,
    UnknownIdError,
    VectorError,
)


@pytest.mark.parametrize(
    ("sources", "expected", "message"),
    [
        ([new(30), new(5)], DuplicateIdError, "'id5' is there already"),
        ([new(30), new(30)], DuplicateIdError, "'id30' is given more than once"),
        ([new(30, vectors={"other": np.ones(4, np.float32)})], UnknownFeatureError, "'other'"),
        ([new(30, vectors={"look": np.ones(3, np.float32)})], VectorError, "dimension 3"),
        ([new(30, vectors={"look": np.zeros(4, np.float32)})], VectorError, "all zero"),
        ([new(30, vectors={"look": np.full(4, np.nan, np.float32)})], VectorError, "NaN"),
        ([new(30), new(31, vectors={"look": np.ones(3, np.float32)})], VectorError, "different shapes"),
        ([new(30, metadata={"a": float("nan")})], MetadataError, "id30"),
        ([new(30, metadata={"a": 2**63})], MetadataError, "64 bits"),
        ([new(30, metadata={"a": "x\0y"})], MetadataError, "NUL"),
        ([new(30, metadata={"a": "\ud800"})], MetadataError, "id30"),
        ([new(30, metadata={"a": np.float32(1)})], MetadataError, "id30"),
        ([new(30, metadata={1: "a"})], MetadataError, "field name 1"),
        ([new(30, places=(Location("/\udcff.jpg"),))], InputError, "not valid Unicode"),
        ([NewSource("", "0" * 64, "picture", 1)], InputError, "is empty"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(
    filled: Catalogue, sources: list[NewSource], expected: type[LookalikeError], message: str
) -> None:
    with pytest.raises(expected, match=message), filled.write() as writer:
        writer.add_sources([new(40)])
        writer.add_sources(sources)
    assert filled.count() == 20 and filled.generation() == 1
    assert list(filled.verify()) == []


def test_unknown_numbers_and_features(filled: Catalogue) -> None:
    with filled.write() as writer:
        for refused in (
            lambda: writer.remove([1, 77]),
            lambda: writer.update_metadata({77: {}}),
            lambda: writer.add_places([(77, Location("/x"))]),
            lambda: writer.add_vectors("look", [77], np.ones((1, 4), np.float32)),
            lambda: filled.sources([1, 77]),
        ):
            with pytest.raises(UnknownIdError, match="77"):
                refused()
        for ask in (
            lambda: writer.drop_feature("x"),
            lambda: filled.count("x"),
            lambda: filled.lacking("x"),
        ):
            with pytest.raises(UnknownFeatureError, match="the collection has: look"):
                ask()
        with pytest.raises(DuplicateIdError, match="'look'"):
            writer.add_feature(FeatureRecord("look", "look", 4, "cosine"))
    assert filled.generation() == 1 and filled.count() == 20


def test_ids_are_data_not_sql(catalogue: Catalogue) -> None:
    ids = ["'; DROP TABLE sources; --", '"', "$[0]", "%", "é", "[1]"]
    with catalogue.write() as writer:
        numbers = writer.add_sources([NewSource(id_, "0" * 64, "row", 1, metadata={id_: id_}) for id_ in ids])
    assert catalogue.numbers(ids) == dict(zip(ids, numbers.tolist(), strict=True))
    for id_, number in zip(ids, numbers.tolist(), strict=True):
        assert catalogue.select(Where.of({id_: id_})).tolist() == [number]
    assert list(catalogue.metadata_fields()) == sorted(ids)


def test_many_more_numbers_than_sqlite_has_variables(filled: Catalogue) -> None:
    many = range(300_000)
    assert filled.vectors("look", many)[0].tolist() == list(range(1, 21))
    assert len(filled.text_scores("red", many)[0]) == 20


def test_importing_the_package_loads_no_sql() -> None:
    code = "import sys, lookalike; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
