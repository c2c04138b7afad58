"""Sums of pixels over blocks."""

from __future__ import annotations

import numpy as np

from lookalike.arrays import Array, Int64


def block_sums(values: Array, height: int, width: int) -> Array:
    """Return the sums of adjoining blocks of `height` x `width` pixels, the first one at the top left.

    Args:
        values: (h, w) or (h, w, channels); of whole numbers, sums must fit in 32 bits.

    Returns:
        (h div height, w div width), with the channels behind, uint32 or, where `values` are, float64; added up in the
        order of pixels. What no whole block covers is left out.
    """
    dtype = np.float64 if values.dtype.kind == "f" else np.uint32
    rows, columns = values.shape[0] // height, values.shape[1] // width
    values = values[: rows * height, : columns * width]
    sums = np.zeros((rows, columns, *values.shape[2:]), dtype)
    for y in range(height):
        for x in range(width):
            sums += values[y::height, x::width]
    return sums


def segment_sums(values: Array, rows: Int64, columns: Int64) -> Array:
    """Return sums over a grid of unequal blocks, some of them perhaps empty.

    Args:
        values: whole numbers (h, w).
        rows: where each row of blocks begins, ascending, and where the last one ends; `columns` likewise.

    Returns:
        int64 (len(rows) - 1, len(columns) - 1); an empty block's sum is 0.
    """
    for axis, edges in ((0, rows), (1, columns)):
        before = np.zeros_like(values.take([0], axis), dtype=np.int64)
        running = np.concatenate([before, values.cumsum(axis=axis, dtype=np.int64)], axis=axis)
        values = np.diff(running.take(edges, axis), axis=axis)
    return values
