"""The bucket store in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.buckets.bucket_store_model import answers, filled, header
from tests.buckets.bucket_store_suite import BucketStoreSuite

from lookalike.buckets import BucketStore, MemoryBuckets, gather, open_bucket_store
from lookalike.buckets.table import Table
from lookalike.errors import BucketStoreError, OptionError, VectorError
from lookalike.kernels.reference_buckets import unpacked


@pytest.fixture(params=["NumPy", "compiled"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have buckets gathered by NumPy, or by the kernel wherever ids allow it."""
    monkeypatch.setattr(
        "lookalike.buckets.memory.is_compiled_quicker", lambda keys: request.param == "compiled"
    )


class TestMemoryBuckets(BucketStoreSuite):
    def open(self, namespace: str) -> BucketStore:
        return open_bucket_store("memory:", namespace)


def store_of_two_tables() -> MemoryBuckets:
    store = MemoryBuckets()
    rows = np.random.default_rng(0).integers(0, 9, (50, 2)).tolist()
    filled(store, dict(enumerate(rows)), 2)
    return store


PROBES = np.random.default_rng(1).integers(0, 9, (5, 2, 3)).astype(np.uint64)


def test_a_restored_store_answers_alike() -> None:
    store = store_of_two_tables()
    again = MemoryBuckets.restored(header(2), store.arrays())
    assert answers(again, PROBES) == answers(store, PROBES)


@pytest.mark.parametrize("limit", [1, 4, 100])
@pytest.mark.parametrize("allow", [None, [], [3, 8, 20, 49, 50, 2**40], [-7, 0]])
def test_candidates_are_marked(limit: int, allow: list[int] | None, request: pytest.FixtureRequest) -> None:
    store = store_of_two_tables()
    ids = None if allow is None else np.array(allow, dtype=np.int64)
    found = store.candidates(PROBES, limit=limit, allow=ids)
    marks = store.marks(PROBES, limit=limit, allow=ids)
    assert (marks is None) == ("NumPy" in request.node.name)
    if marks is not None:
        for query, words in enumerate(marks.words):
            own = found.ids[found.offsets[query] : found.offsets[query + 1]]
            assert np.flatnonzero(unpacked(words, marks.size)).tolist() == own.tolist()
        assert [marks.counts.tolist(), marks.met.tolist()] == [found.counts.tolist(), found.met.tolist()]
        assert marks.cut.tolist() == found.cut.tolist()


def test_a_part_of_the_queries_is_told_of_alone() -> None:
    store = store_of_two_tables()
    some = np.array([True, False, True, True, False])
    whole, part = (store.candidates(keys, limit=3) for keys in (PROBES, PROBES[some]))
    for name in ("offsets", "ids", "hits", "met", "cut"):
        assert getattr(whole.of(some), name).tolist() == getattr(part, name).tolist()
    marks, fewer = (store.marks(keys, limit=3) for keys in (PROBES, PROBES[some]))
    if marks is not None and fewer is not None:
        assert marks.of(some).words.tolist() == fewer.words.tolist()
        assert marks.of(some).counts.tolist() == fewer.counts.tolist()


def test_answers_do_not_depend_on_how_many_are_gathered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_of_two_tables()
    whole = answers(store, PROBES, 4)
    monkeypatch.setattr(gather, "GATHERED", 1)
    assert answers(store, PROBES, 4) == whole


def test_of_a_hot_bucket_the_lowest_ids_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "LARGEST_BUCKET", 2)
    store = MemoryBuckets()
    filled(store, {number: [5] for number in (4, 1, 3)})
    assert answers(store, np.full((1, 1, 1), 5, dtype=np.uint64)) == [({1: 1, 3: 1}, 2)]
    assert len(store.stats().notes) == 1


def swapped(starts: Any) -> Any:
    starts = starts.copy()
    starts[1:3] = starts[2], starts[1]
    return starts


DAMAGES = [
    ("keys_0", lambda keys: keys[:-1]),
    ("keys_1", lambda keys: keys[::-1].copy()),
    ("keys_1", lambda keys: keys.astype(np.int64)),
    ("starts_1", lambda starts: starts[:-1]),
    ("starts_1", lambda starts: starts + 1),
    ("starts_0", swapped),
    ("starts_0", lambda starts: np.where(np.arange(len(starts)) == 2, 2**62, starts)),
    ("starts_0", lambda starts: np.where(np.arange(len(starts)) == 2, -(2**62), starts)),
    ("members_1", lambda members: members[:-1]),
    ("members_1", lambda members: members.astype(np.float32)),
    ("members_0", lambda members: members[np.newaxis]),
]


@pytest.mark.parametrize(("name", "damage"), DAMAGES)
def test_damaged_arrays_are_refused(name: str, damage: Any) -> None:
    arrays = store_of_two_tables().arrays()
    arrays[name] = damage(arrays[name])
    with pytest.raises(BucketStoreError, match=r"the buckets of table . are damaged"):
        MemoryBuckets.restored(header(2), arrays)


@pytest.mark.parametrize("member", [-(2**31), -1, 2**31 - 1])
def test_damaged_members_do_no_harm(member: int) -> None:
    arrays = store_of_two_tables().arrays()
    arrays["members_0"][7] = member
    found = MemoryBuckets.restored(header(2), arrays).candidates(PROBES, limit=50, allow=np.arange(40))
    assert set(found.ids.tolist()) <= set(range(40))


@pytest.mark.parametrize(
    ("url", "namespace", "timeout", "message"),
    [
        ("redish://host", "n", 5.0, "of no known kind; give a URL of memory"),
        ("", "n", 5.0, "of no known kind"),
        ("memory:", "", 5.0, "the name of a namespace"),
        (None, "n", 5.0, "give its URL"),
        ("memory:", "n", 0.0, "timeout is 0.0"),
        ("memory:", "n", "soon", "timeout is 'soon'"),
    ],
)
def test_a_store_that_cannot_be_meant_is_refused(
    url: Any, namespace: Any, timeout: Any, message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        open_bucket_store(url, namespace, timeout=timeout)


def test_a_store_of_another_package_is_found_by_its_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        name = "elsewhere"

        def load(self) -> Any:
            return lambda url, namespace, *, timeout: (url, namespace, timeout)

    def points(*, group: str, name: str | None = None) -> Any:
        return (Point(),) if (group, name) == ("lookalike.bucket_stores", "elsewhere") else ()

    monkeypatch.setattr("lookalike.buckets.opening.entry_points", points)
    assert open_bucket_store("elsewhere://host", "n", timeout=2) == ("elsewhere://host", "n", 2)  # type: ignore[comparison-overlap]


keys_of = st.lists(st.integers(0, 12), max_size=40)


@given(keys=keys_of, more=keys_of, removed=st.sets(st.integers(0, 39)))
def test_a_renumbered_table_is_that_of_its_ids_at_once(
    keys: list[int], more: list[int], removed: set[int]
) -> None:
    there = np.array([number not in removed for number in range(len(keys))], dtype=bool)
    kept = np.append(np.array(keys, dtype=np.uint64)[there], np.array(more, dtype=np.uint64))
    numbers = np.where(there, np.cumsum(there) - 1, -1)
    ids = np.arange(there.sum(), len(kept))
    table = Table.of(np.arange(len(keys)), np.array(keys, dtype=np.uint64))
    merged = table.renumbered(numbers, ids, np.array(more, dtype=np.uint64))
    wanted = Table.of(np.arange(len(kept)), kept)
    for own, made in zip(merged.arrays(), wanted.arrays(), strict=True):
        assert own.dtype == made.dtype and np.array_equal(own, made)
    assert merged.is_sound()


def test_a_renumbered_store_is_another_and_damaged_ones_are_refused() -> None:
    store = store_of_two_tables()
    before = answers(store, PROBES)
    numbers = np.append(np.arange(49), -1)
    merged = store.renumbered(numbers, np.array([[3, 4]], dtype=np.uint64))
    assert np.array_equal(merged.ids(), np.arange(50))
    assert answers(store, PROBES) == before
    with pytest.raises(VectorError, match="3 tables"):
        store.renumbered(numbers, np.zeros((1, 3), dtype=np.uint64))
    with pytest.raises(BucketStoreError, match="not there"):
        store.renumbered(numbers[:20], np.zeros((0, 2), dtype=np.uint64))
    with pytest.raises(BucketStoreError, match="no buckets"):
        MemoryBuckets().renumbered(numbers, np.zeros((0, 2), dtype=np.uint64))
