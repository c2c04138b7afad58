"""What a collection is made of: clusters and their words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lookalike import Collection
from lookalike.errors import InputError, OptionError, UnknownFeatureError
from lookalike.hashing.seeded_k_means import seeded_k_means

KINDS = ("red shoes", "blue hats", "green shirts")


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    """Return sixty vectors of three kinds, of which one is larger than the others."""
    random = np.random.default_rng(0)
    kinds = np.array([0] * 30 + [1] * 20 + [2] * 10)
    rows = random.normal(size=(3, 16))[kinds] * 5 + random.normal(size=(60, 16)) * 0.1
    metadata = [
        {"title": f"Some {KINDS[kind]} of {number}", "tags": ["thing"]} for number, kind in enumerate(kinds)
    ]
    collection = Collection.create(tmp_path / "c")
    collection.add_vectors(
        rows.astype(np.float32), ids=[f"id-{n}" for n in range(60)], metadata=metadata, metric="euclidean"
    )
    return collection


def test_clusters_are_the_kinds_with_their_words(collection: Collection) -> None:
    found = collection.clusters(count=3)
    assert [cluster.size for cluster in found] == [30, 20, 10]
    assert [set(cluster.words) for cluster in found] == [
        {"red", "shoes"},
        {"blue", "hats"},
        {"green", "shirts"},
    ]
    assert found.labels.tolist() == [0] * 30 + [1] * 20 + [2] * 10
    assert all(len(cluster.examples) == 8 for cluster in found)
    assert "red, shoes" in found.to_html()
    assert [cluster["size"] for cluster in found.to_json()["clusters"]] == [30, 20, 10]


def test_the_same_seed_gives_the_same_clusters(collection: Collection) -> None:
    assert (collection.clusters(count=7).labels == collection.clusters(count=7).labels).all()


def test_as_many_clusters_as_sources_and_no_more(collection: Collection) -> None:
    assert [cluster.size for cluster in collection.clusters(count=60)] == [1] * 60
    with pytest.raises(OptionError, match="61 clusters are more than the 60 sources"):
        collection.clusters(count=61)


def test_clusters_need_sources_of_a_feature(tmp_path: Path, collection: Collection) -> None:
    with pytest.raises(UnknownFeatureError, match="vectors"):
        collection.clusters("look")
    with pytest.raises(OptionError, match="count"):
        collection.clusters(count=0)
    with Collection.create(tmp_path / "empty") as empty, pytest.raises(UnknownFeatureError):
        empty.clusters()
    collection.remove([f"id-{n}" for n in range(60)])
    with pytest.raises(InputError, match="no source has the feature"):
        collection.clusters()


def test_codes_have_no_clusters(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "codes") as collection:
        codes = np.arange(80, dtype=np.uint8).reshape(10, 8)
        collection.add_vectors(codes, ids=[str(n) for n in range(10)], metric="hamming")
        with pytest.raises(OptionError, match="codes"):
            collection.clusters()


def test_equal_rows_are_seeded_too() -> None:
    rows = np.ones((5, 3), dtype=np.float32)
    assert seeded_k_means(rows, 3, np.random.default_rng(0)).shape == (3, 3)
