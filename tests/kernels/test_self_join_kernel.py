"""The compiled self-join of sketches finds the pairs of its plain twin."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.kernels import reference_self_join
from lookalike.kernels.compiled.pair_squares import pair_squares
from lookalike.kernels.compiled.self_join import near_pairs
from lookalike.kernels.plan import ELEMENTS


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 3), st.booleans(), st.integers(0, 40))
def test_pairs_are_those_of_the_reference(seed: int, rows: int, width: int, mutual: bool, more: int) -> None:
    random = np.random.default_rng(seed)
    cells = np.sort(random.integers(0, 5, rows)).astype(np.int32)
    offsets = np.append(0, np.cumsum(np.bincount(cells, minlength=5)))
    words = random.integers(0, 2**63, (width, rows), dtype=np.uint64) & np.uint64(0xFF)
    limits = random.integers(0, 6 * width, rows).astype(np.int32)
    asked = np.arange(rows) if mutual else np.sort(random.permutation(rows)[: rows // 2 + 1])
    looked = [np.setdiff1d(random.integers(0, 5, 3), [cells[row]]).astype(np.int32) for row in asked]
    starts = np.append(0, np.cumsum([len(some) for some in looked]))
    known = words, limits, offsets, cells, asked, starts, np.concatenate(looked), mutual
    wanted = set(zip(*map(np.ndarray.tolist, reference_self_join.near_pairs(*known)), strict=True))
    found: list[tuple[int, int]] = []
    begin = 0
    while begin < len(asked):  # with little room, it is called again
        room = [np.empty(rows + more, dtype=np.int32) for _ in range(2)]
        begin, count = near_pairs(*known, begin, len(asked), *room)
        found += zip(room[0][:count].tolist(), room[1][:count].tolist(), strict=True)
    assert len(found) == len(set(found))
    assert set(found) == wanted
    if mutual:
        assert len({frozenset(pair) for pair in found}) == len(found)


def test_squares_are_those_of_the_reference() -> None:
    random = np.random.default_rng(0)
    for name in ELEMENTS:
        rows = random.integers(0, 100, (50, 37)).astype(name)
        queries = rows[:10].astype(np.float32)
        query, row = random.integers(0, 10, 200), random.integers(0, 50, 200)
        squares = np.empty(200, dtype=np.float32)
        pair_squares(queries, query, rows.ctypes.data, rows.itemsize * 37, ELEMENTS.index(name), row, squares)
        wanted = ((queries[query] - rows[row].astype(np.float32)) ** 2).sum(axis=1)
        np.testing.assert_allclose(squares, wanted, rtol=1e-5)
