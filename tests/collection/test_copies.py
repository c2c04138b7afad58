"""Groups of what looks nearly the same, and what a collection tells of its growth and its buckets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.collection.afar import Create

from lookalike import Collection, Index
from lookalike.buckets.gather import histogram
from lookalike.errors import OptionError, UnknownFeatureError

RANDOM = np.random.default_rng(3)
APART = np.eye(40, dtype=np.float32)


@pytest.fixture
def collection(create: Create, tmp_path: Path) -> Collection:
    """Return forty vectors far apart, three of which have near copies: two, one, and a chain."""
    rows = [*APART, APART[3] + 0.001, APART[3] - 0.001, APART[8] + 0.001]
    rows += [APART[20] + step * 0.01 * APART[21] for step in range(1, 15)]
    collection = create(tmp_path / "c")
    collection.add_vectors(np.array(rows, np.float32), ids=[f"id-{n}" for n in range(len(rows))])
    return collection


def ids(collection: Collection, **options: float) -> list[list[str]]:
    found = collection.copies(max_distance=0.011, **options)  # type: ignore[arg-type]
    return [[source.id for source in group] for group in found.groups]


def test_groups_are_the_largest_first_and_follow_chains(collection: Collection) -> None:
    assert ids(collection) == [
        ["id-20", *(f"id-{n}" for n in range(43, 57))],
        ["id-3", "id-40", "id-41"],
        ["id-8", "id-42"],
    ]


def test_no_more_groups_are_told_than_wanted(collection: Collection) -> None:
    assert [len(group) for group in ids(collection, most=1)] == [15]


def test_what_is_older_than_the_newest_is_found_by_these(collection: Collection) -> None:
    found = collection.copies(max_distance=0.011, newest=15)
    assert [len(group) for group in found.groups] == [15, 2]
    assert (found.looked_at, found.total) == (15, 57)


def test_removed_sources_are_of_no_group(collection: Collection) -> None:
    collection.remove(["id-42"])
    assert [len(group) for group in ids(collection)] == [15, 3]


def test_groups_need_a_feature_that_there_is(create: Create, tmp_path: Path, collection: Collection) -> None:
    with pytest.raises(UnknownFeatureError, match="vectors"):
        collection.copies("look")
    with create(tmp_path / "empty") as empty, pytest.raises(UnknownFeatureError):
        empty.copies()


def test_a_distance_that_is_none_is_refused(collection: Collection) -> None:
    with pytest.raises(OptionError, match="max_distance"):
        collection.copies(max_distance=float("nan"))


def test_growth_counts_what_is_there_by_its_day(collection: Collection) -> None:
    ((day, count),) = collection.growth().items()
    assert (len(day), count) == (10, len(collection))


def test_buckets_are_counted_by_powers_of_two() -> None:
    assert histogram(np.array([1, 1, 2, 3, 4, 7, 8, 1 << 20])) == (2, 2, 2, 1, *[0] * 16, 1)
    assert histogram(np.array([], np.int64)) == ()


@pytest.mark.parametrize("family", [None, "hyperplane"])
def test_the_histogram_of_an_index_counts_all_its_buckets(family: str | None) -> None:
    rows = RANDOM.normal(size=(3000, 32)).astype(np.float32)
    told = Index.build(rows, metric="cosine", family=family, scan_below=0).stats()
    assert sum(told.histogram) == told.buckets > 0
    assert 1 << (len(told.histogram) - 1) <= told.largest_bucket < 1 << len(told.histogram)
