"""Embeddings: rows that an index compares by a metric of its own, as far apart as a descriptor's distance says.

All are pure functions of the row; what is random is drawn by `uniforms`, the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from lookalike.arrays import Array, Float32, Float64, Int64, UInt8
from lookalike.kernels.reference_rotation import hadamard


def unary_codes(rows: Array, largest: int | Sequence[int], repeats: Sequence[int] | None = None) -> UInt8:
    """Return rows of whole numbers (n, d) as unary codes, whose Hamming distance is their weighted L1, exactly.

    A number v of at most m is written as v ones and m - v zeros, as often as its weight says (Gionis, Indyk & Motwani,
    VLDB 1999). The family that serves them is bit sampling.

    Args:
        largest: m of every column, or of each.
        repeats: the weight of each column, a whole number; 1 where it is not given.

    Returns:
        uint8 (n, bytes), bits packed as by `numpy.packbits`; `unary_bytes` tells how many.
    """
    columns, levels = _unary_bits(_each(largest, rows.shape[1]), _each(repeats or 1, rows.shape[1]))
    return np.packbits(rows[:, columns] >= levels, axis=1)


def unary_bytes(numbers: int, largest: int | Sequence[int], repeats: Sequence[int] | None = None) -> int:
    """Return the bytes of a unary code of `numbers` columns; see `unary_codes`."""
    bits = sum(m * w for m, w in zip(_each(largest, numbers), _each(repeats or 1, numbers), strict=True))
    return -(-bits // 8)


def threshold_codes(values: Array, columns: Int64, thresholds: Array) -> UInt8:
    """Return the bits values[:, columns] >= thresholds, packed: uint8 (n, bytes).

    With columns drawn at random and thresholds uniform over a range that holds all values, the share of bits that
    differ estimates the L1 distance: it is a sample of the bits of a unary code.

    Args:
        values: (n, d) numbers.
        columns: (bits,) indices of columns.
        thresholds: (bits,) numbers of the type of `values`.
    """
    return np.packbits(values[:, columns] >= thresholds, axis=1)


def uniforms(count: int, seed: int) -> Float64:
    """Return numbers (count,) uniform over (0, 1), the same on every machine and with every version of NumPy."""
    # PCG64's stream is promised never to change (NEP 19); what Generator makes of it is not.
    drawn = np.random.PCG64(seed).random_raw(count)
    return ((drawn >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def normals(count: int, seed: int) -> Float64:
    """Return standard normal numbers (count,), by the Box-Muller transform of `uniforms`."""
    first, second = uniforms(2 * count, seed).reshape(2, count)
    drawn: Float64 = np.sqrt(-2 * np.log(first)) * np.cos(2 * np.pi * second)
    return drawn


def _each(numbers: int | Sequence[int], count: int) -> tuple[int, ...]:
    return (numbers,) * count if isinstance(numbers, int) else tuple(numbers)


@cache
def _unary_bits(largest: tuple[int, ...], repeats: tuple[int, ...]) -> tuple[Int64, Int64]:
    """Return, for each bit of a unary code, its column, and the least number for which it is set."""
    columns = [
        column for column, (m, w) in enumerate(zip(largest, repeats, strict=True)) for _ in range(m * w)
    ]
    levels = [
        level for m, w in zip(largest, repeats, strict=True) for _ in range(w) for level in range(1, m + 1)
    ]
    return np.array(columns, dtype=np.int64), np.array(levels, dtype=np.int64)


def projected(vectors: Float64, dimension: int, seed: int) -> Float32:
    """Return vectors (n, d) in fewer dimensions, (n, dimension), with dot products kept on average.

    Signs at random, a Hadamard transform, and some of its numbers at random (Ailon & Chazelle, "Approximate nearest
    neighbors and the fast Johnson-Lindenstrauss transform", STOC 2006). The standard error of the dot product of unit
    vectors is about 1 / sqrt(dimension).
    """
    count, width = vectors.shape
    order = 1 << (width - 1).bit_length()
    signs, chosen = _projection(width, order, dimension, seed)
    padded = np.zeros((count, order), np.float32)
    padded[:, :width] = vectors * signs
    return hadamard(padded)[:, chosen] / np.float32(np.sqrt(dimension))


@cache
def _projection(width: int, order: int, dimension: int, seed: int) -> tuple[Float64, Int64]:
    drawn = uniforms(width + order, seed)
    return np.where(drawn[:width] < 0.5, -1.0, 1.0), np.argsort(drawn[width:])[:dimension]
