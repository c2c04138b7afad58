"""The self-join of rows by their sketches, compiled by Numba; `reference_self_join.near_pairs` says what it means."""

from __future__ import annotations

from typing import Any

import numpy as np

from lookalike.kernels.compiled.discrete import _bit_count as bit_count
from lookalike.kernels.compiled.entry import entry

BLOCK = 256
"""Rows whose sketches are compared before any of them is looked at: LLVM makes vectors of that loop."""


@entry(
    "UniTuple(int64, 2)(uint64[:, ::1], int32[::1], int64[::1], int32[::1], int64[::1], int64[::1], int32[::1],"
    " boolean, int64, int64, int32[::1], int32[::1])",
)
def near_pairs(
    words: Any,
    limits: Any,
    offsets: Any,
    cells: Any,
    asked: Any,
    starts: Any,
    probes: Any,
    mutual: bool,
    begin: int,
    end: int,
    first: Any,
    second: Any,
) -> Any:
    """Fill `first` and `second` with the pairs of asked[begin:end], as many rows of it as there is room for.

    Return the place of the first row that is still to be asked, and the number of pairs. The room is enough for one
    row if it is that of all rows.
    """
    found, room = 0, len(first)
    width = words.shape[0]
    bits = np.empty(BLOCK, dtype=np.int64)
    for place in range(begin, end):
        row = asked[place]
        own = cells[row]
        limit = np.int64(limits[row])
        before = found
        for number in range(starts[place] - 1, starts[place + 1]):
            cell = own if number < starts[place] else probes[number]
            low = offsets[cell]
            if mutual and cell == own:
                low = row + 1
            high = offsets[cell + 1]
            for at in range(low, high, BLOCK):
                count = min(BLOCK, high - at)
                code = words[0, row]
                part = words[0, at : at + count]
                for i in range(count):
                    bits[i] = np.int64(bit_count(code ^ part[i]))
                for word in range(1, width):
                    code = words[word, row]
                    part = words[word, at : at + count]
                    for i in range(count):
                        bits[i] += np.int64(bit_count(code ^ part[i]))
                for i in range(count):
                    if bits[i] > limit:
                        continue
                    other = at + i
                    if other == row or bits[i] > limits[other]:
                        continue
                    if mutual and other < row:
                        known = False
                        for turn in range(starts[other], starts[other + 1]):
                            known |= probes[turn] == own
                        if known:
                            continue
                    if found == room:
                        return place, before
                    first[found], second[found] = row, other
                    found += 1
    return end, found
