"""Rows that are equal to the last bit, found before any are compared: a thousand of them make half a million pairs."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lookalike.arrays import Int64, Rows

Blocks = Iterable[Rows]
SEED = 20040
MIX = np.uint64(0x9E3779B97F4A7C15)


def fingerprints(rows: Rows) -> Int64:
    """Return a number of each of `rows` (n, d), the same for rows that are equal to the last bit, (n,).

    A sum of the row's words, mixed, times random odd ones: others have the same by a chance of about 2**-60.
    """
    size = rows.shape[1] * rows.itemsize
    data = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), size)
    padded = -(-size // 4) * 4
    if padded != size:
        data = np.pad(data, ((0, 0), (0, padded - size)))
    words = data.view(np.uint32).astype(np.uint64)
    words *= MIX  # floats such as 1 and -1 differ in their highest bits alone, as would their products
    words ^= words >> np.uint64(32)
    weights = np.random.default_rng(SEED).integers(0, 2**63, words.shape[1], dtype=np.uint64) * 2 + 1
    sums = words @ weights
    sums ^= sums >> np.uint64(29)  # the lowest bits of a sum of products depend on the lowest bits alone
    found: Int64 = sums.view(np.int64)
    return found


def first_of_equal(prints: Int64) -> Int64:
    """Return for each place the first place that has the same fingerprint, (n,)."""
    _, first, inverse = np.unique(prints, return_index=True, return_inverse=True)
    leaders: Int64 = first[inverse]
    return leaders
