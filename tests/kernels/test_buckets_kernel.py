"""Hits are counted and ids marked as the reference has it, and ids that there are not are noticed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lookalike.buckets.dense import DenseTables
from lookalike.buckets.table import Table
from lookalike.kernels import reference_buckets as reference
from lookalike.kernels.compiled import buckets as compiled

ROWS, TABLES, QUERIES, PROBES = 3_000, 3, 7, 40
ALL = 1 << 40


def tables_of(dtype: Any = np.int32, keys: int = 60, seed: int = 0) -> list[Table]:
    random = np.random.default_rng(seed)
    # Keys of all 64 bits, some of which are negative as int64.
    drawn = random.integers(0, 2**64, keys, dtype=np.uint64)
    made = [Table.of(np.arange(ROWS), drawn[random.integers(0, keys, ROWS)]) for _ in range(TABLES)]
    return [Table(table.keys, table.starts, table.members.astype(dtype)) for table in made]


def probed_of(tables: list[Table], seed: int = 1) -> Any:
    """Return keys of buckets, some of them twice, and some that are of none."""
    random = np.random.default_rng(seed)
    known = [random.choice(table.keys, (QUERIES, PROBES)) for table in tables]
    probed = np.stack(known, axis=1)
    probed[:, :, ::9] = random.integers(0, 2**64, probed[:, :, ::9].shape, dtype=np.uint64)
    return probed


def counted(tables: list[Table], probed: Any, most: int, allowed: Any) -> tuple[list[Any], list[Any]]:
    dense = DenseTables.of(tables)
    assert dense is not None
    plain = [table.arrays() for table in tables]
    answers = []
    for count_hits, given in ((reference.count_hits, plain), (compiled.count_hits, dense.plan)):
        counts, met = np.full(len(probed), -1), np.full(len(probed), -1)
        asked: Any = given
        found: Any = count_hits(asked, probed, most, allowed, counts, met, dense.size)
        answers.append([found[0].tolist(), found[1].tolist(), counts.tolist(), met.tolist()])
    return answers[0], answers[1]


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("most", [1, 20, ALL])
@pytest.mark.parametrize("share", [None, 0.0, 0.3])
def test_hits_are_counted(dtype: Any, most: int, share: float | None) -> None:
    tables = tables_of(dtype)
    allowed = np.empty(0, dtype=np.bool_) if share is None else np.random.default_rng(2).random(ROWS) < share
    expected, found = counted(tables, probed_of(tables), most, allowed)
    assert found == expected


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("most", [1, 20, ALL])
@pytest.mark.parametrize("share", [None, 0.0, 0.3])
def test_ids_are_marked(dtype: Any, most: int, share: float | None) -> None:
    tables = tables_of(dtype)
    probed, dense = probed_of(tables), DenseTables.of(tables)
    assert dense is not None
    allowed = np.empty(0, dtype=np.int64)
    if share is not None:
        allowed = reference.packed(np.random.default_rng(2).random(ROWS) < share)
    answers = []
    for mark_met, given in (
        (reference.mark_met, [table.arrays() for table in tables]),
        (compiled.mark_met, dense.plan),
    ):
        asked: Any = given
        marks = np.full((len(probed), -(-ROWS // 64)), -1)
        counts, met = np.full(len(probed), -1), np.full(len(probed), -1)
        mark_met(asked, probed, most, allowed, marks, counts, met, ROWS)
        answers.append([marks.tolist(), counts.tolist(), met.tolist()])
    assert answers[0] == answers[1]


def test_many_ids_are_found_in_one_bucket() -> None:
    tables = tables_of(keys=1)
    probed = np.stack([table.keys for table in tables])[np.newaxis]
    expected, found = counted(tables, probed, ALL, np.empty(0, dtype=np.bool_))
    assert found == expected
    assert found[2] == [ROWS]


@pytest.mark.parametrize("strange", [-1, ROWS, 2**31 - 1])
def test_an_id_that_has_no_counter_is_noticed(strange: int) -> None:
    tables = tables_of()
    tables[2].members[5] = strange
    dense = DenseTables.of(tables)
    assert dense is not None
    keys = np.stack([np.resize(table.keys, 60) for table in tables])[np.newaxis]
    assert dense.candidates(keys, limit=9, allow=None, stamp=None) is None
    assert dense.marks(keys, limit=9, allow=None) is None


@pytest.mark.parametrize("ids", [[0, 1, 99], [-1, 0, 1], [0, 1, 2**40]])
def test_ids_that_are_far_apart_have_no_counters(ids: list[int]) -> None:
    assert DenseTables.of([Table.of(np.array(ids), np.zeros(3, dtype=np.uint64))]) is None
