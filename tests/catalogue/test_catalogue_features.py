"""Features: their options, their index, and what goes with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from filled_catalogue import tamper  # type: ignore[import-not-found]

from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.records import FeatureRecord
from lookalike.catalogue.writer import Writer
from lookalike.errors import (
    CollectionDamagedError,
    UnknownFeatureError,
)


def test_new_options_of_a_feature_leave_its_vectors(filled: Catalogue) -> None:
    before, vectors = filled.features()["look"], filled.vectors("look", range(1, 21))[1]
    with filled.write() as writer:
        writer.set_feature_options("look", {"model": "/elsewhere/m.onnx"})
    assert filled.features()["look"] == replace(before, options={"model": "/elsewhere/m.onnx"})
    assert filled.generation() == 2
    assert (filled.vectors("look", range(1, 21))[1] == vectors).all()
    assert list(filled.changes("look", 1)) == []
    with pytest.raises(UnknownFeatureError, match="'x'"), filled.write() as writer:
        writer.set_feature_options("x", {})


def test_dropping_a_feature_takes_its_vectors(filled: Catalogue) -> None:
    with filled.write() as writer:
        writer.drop_feature("look")
    with filled.write() as writer:
        writer.add_feature(FeatureRecord("look", "onnx", 2, "euclidean", "1", "ab", {"model": "m.onnx"}))
    assert filled.features() == {
        "look": FeatureRecord("look", "onnx", 2, "euclidean", "1", "ab", {"model": "m.onnx"}, 3)
    }
    assert filled.count("look") == 0 and len(filled.lacking("look")) == 20
    assert filled.statistics().vectors == {"look": 0}


def test_a_new_index_of_a_feature_leaves_its_vectors(filled: Catalogue) -> None:
    before, index = filled.features()["look"], {"family": "p-stable", "parameters": {"tables": 16}}
    assert before.index == {}
    with filled.write() as writer:
        writer.set_feature_index("look", index)
    assert filled.features()["look"] == replace(before, index=index)
    assert filled.generation() == 2
    assert list(filled.changes("look", 1)) == []
    assert list(filled.verify()) == []


def test_a_feature_is_added_with_its_index(catalogue: Catalogue) -> None:
    feature = FeatureRecord("look", "look", 4, "cosine", index={"family": "hyperplane", "parameters": {}})
    with catalogue.write() as writer:
        writer.add_feature(feature)
    assert catalogue.features() == {"look": replace(feature, generation=1)}


def test_the_index_of_an_unknown_feature(filled: Catalogue) -> None:
    with pytest.raises(UnknownFeatureError, match="'x'"), filled.write() as writer:
        writer.set_feature_index("x", {})


@pytest.mark.parametrize(
    "change",
    [
        lambda writer: writer.set_feature_index("look", {"a": 1}),
        lambda writer: writer.set_feature_options("look", {}),
        lambda writer: writer.update_metadata({3: {}}),
    ],
)
def test_a_change_of_a_damaged_row_does_not_hide_the_damage(
    filled: Catalogue, change: Callable[[Writer], None]
) -> None:
    tamper(filled, "UPDATE features SET version = 'x'", "UPDATE sources SET size = 10")
    with pytest.raises(CollectionDamagedError, match="does not match its checksum"), filled.write() as writer:
        change(writer)
