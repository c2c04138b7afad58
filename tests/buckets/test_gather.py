"""From the contents of probed buckets to candidates."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lookalike.buckets import Candidates
from lookalike.buckets.gather import Spans, gather


def spans_of(buckets: list[list[list[int]]], dtype: npt.DTypeLike = np.int64) -> Spans:
    """Return one table's spans: of each query, and of each of its probes, the entries."""
    members = [entry for query in buckets for probe in query for entry in probe]
    lengths = np.array([[len(probe) for probe in query] for query in buckets])
    starts = (np.cumsum(lengths) - lengths.reshape(-1)).reshape(lengths.shape)
    return Spans(np.array(members, dtype=dtype), starts, lengths)


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
