"""From the contents of probed buckets to candidates."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lookalike.buckets import Candidates
from lookalike.buckets.gather import Spans, bucket_stats, gather
from lookalike.buckets.packed import Probed
from lookalike.errors import BucketStoreError


def spans_of(buckets: list[list[list[int]]], dtype: npt.DTypeLike = np.int64) -> Spans:
    """Return one table's spans: of each query, and of each of its probes, the entries."""
    members = [entry for query in buckets for probe in query for entry in probe]
    lengths = np.array([[len(probe) for probe in query] for query in buckets])
    starts = (np.cumsum(lengths) - lengths.reshape(-1)).reshape(lengths.shape)
    return Spans(np.array(members, dtype=dtype), starts[:, np.newaxis], lengths[:, np.newaxis])


def hits(found: Candidates) -> list[tuple[int, int]]:
    """Return the ids and hits of all queries, one after another."""
    return list(zip(found.ids.tolist(), found.hits.tolist(), strict=True))


@pytest.mark.parametrize("large", [4, 2**31 + 4, 2**62 + 4])
def test_an_entry_counts_once_a_table(large: int) -> None:
    found = gather([spans_of([[[large, 1, large], [large]]]), spans_of([[[large], []]])], limit=9)
    assert hits(found) == [(1, 1), (large, 2)]


@pytest.mark.parametrize("large", [4, 2**62 + 4])
def test_an_entry_counts_once_a_table_for_each_query(large: int) -> None:
    found = gather([spans_of([[[large, large]], [[large, 2]]])], limit=9)
    assert (hits(found), found.offsets.tolist()) == ([(large, 1), (2, 1), (large, 1)], [0, 1, 3])


def test_entries_that_do_not_count_are_not_met() -> None:
    def live(entries: Any) -> Any:
        kept = entries != 2
        return kept, entries[kept]

    found = gather([spans_of([[[1, 2, 3]]])], limit=9, live=live)
    assert (hits(found), found.met.tolist()) == ([(1, 1), (3, 1)], [2])


def test_ids_of_entries_come_in_order() -> None:
    def live(entries: Any) -> Any:
        return entries > 0, 10 - entries

    found = gather([spans_of([[[1, 2]], [[3, 2, 2]]])], limit=9, live=live)
    assert hits(found) == [(8, 1), (9, 1), (7, 1), (8, 1)]


def test_narrow_entries_do_not_overflow() -> None:
    found = gather([spans_of([[[2**32 - 1]]] * 300, np.uint32)] * 9, limit=9)
    assert set(hits(found)) == {(2**32 - 1, 9)}


@pytest.fixture
def small_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.buckets.gather.LARGEST_BUCKET", 3)


def packed_hits(contents: list[bytes | None], keys: Any, live: Any = None) -> list[tuple[int, int]]:
    probed = Probed.of(np.array(keys, dtype=np.uint64))
    return hits(gather(probed.spans(contents, np.uint32, live), limit=9, live=live))


def packed(*entries: int) -> bytes:
    return np.array(entries, dtype=np.uint32).tobytes()


def test_a_bucket_that_many_queries_probe_is_read_once() -> None:
    probed = Probed.of(np.array([[[7, 7, 9]], [[9, 2, 7]]], dtype=np.uint64))
    assert (probed.tables.tolist(), probed.keys.tolist()) == ([0, 0, 0], [2, 7, 9])
    assert probed.places.tolist() == [[[1, -1, 2]], [[2, 0, 1]]]


def test_packed_buckets_are_told_apart_by_table() -> None:
    assert packed_hits([packed(1), None, packed(3, 1, 1)], [[[5, 6], [5, 5]]]) == [(1, 2), (3, 1)]


def test_a_bucket_of_half_an_entry_is_refused() -> None:
    with pytest.raises(BucketStoreError, match="no whole number of entries"):
        packed_hits([b"abcdef"], [[[5]]])


@pytest.mark.usefixtures("small_cap")
def test_of_a_hot_bucket_the_lowest_ids_are_looked_at() -> None:
    def live(entries: Any) -> Any:
        return entries != 9, 10 - entries[entries != 9].astype(np.int64)

    assert packed_hits([packed(5, 4, 3, 5, 2, 1)], [[[7]]]) == [(1, 1), (2, 1), (3, 1)]
    assert packed_hits([packed(5, 4, 9, 3, 5, 2, 1)], [[[7]]], live) == [(5, 1), (6, 1), (7, 1)]


@pytest.mark.usefixtures("small_cap")
def test_stats_tell_of_hot_buckets() -> None:
    told = bucket_stats(np.array([4, 3, 9]), ids=9, tables=2, size=1).notes
    assert told == (
        "2 of 3 buckets have more than 3 ids, of which only the lowest are looked at; "
        "choose a family with more hashes a table",
    )
    assert bucket_stats(np.array([3]), ids=3, tables=1, size=1).notes == ()
