"""The forms of a row: as it is kept, as it is compared, and as it is hashed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.arrays import DISCRETE, Float32, Metric, Rows

UNIT_BLOCK = 1 << 16
"""Rows are brought to length one so many numbers at a time, which stay in the processor's cache."""


def unit_rows(vectors: Float32) -> Float32:
    """Return the rows of `vectors` (n, d), none of them zero, at length one: made in float64, and rounded once."""
    unit = np.empty_like(vectors)
    step = max(1, UNIT_BLOCK // vectors.shape[1])
    for start in range(0, len(vectors), step):
        block = vectors[start : start + step].astype(np.float64)
        block *= (1 / np.sqrt(np.vecdot(block, block)))[:, np.newaxis]
        unit[start : start + step] = block
    return unit


def prepared(vectors: Rows, metric: Metric) -> Rows:
    """Return vectors as an index of `metric` keeps them: float32 at length one under cosine, others as they are.

    Those of narrower types stay as they are, since they could not hold a vector of length one exactly; their
    lengths are divided out whenever they are compared.
    """
    return unit_rows(vectors) if metric == "cosine" and vectors.dtype == np.float32 else vectors


def comparable(rows: Rows, metric: Metric) -> Float32:
    """Return kept rows as float32, at length one under cosine; codes and sets as they are."""
    if rows.dtype == np.float32 or metric in DISCRETE:
        return rows
    wide: Float32 = rows.astype(np.float32)
    return unit_rows(wide) if metric == "cosine" else wide


def as_hashed(rows: npt.NDArray[Any], metric: Metric) -> Float32:
    """Return a copy of `rows` (n, d) as float32, under "cosine" at length one."""
    hashed: Float32 = np.array(rows, dtype=np.float32, order="C")
    if metric == "cosine":
        lengths = np.sqrt(np.einsum("ij,ij->i", hashed, hashed))
        hashed /= np.where(lengths > 0, lengths, 1)[:, np.newaxis]
    return hashed


def widened(rows: Rows, room: Float32) -> Float32:
    """Return `rows` (n, d) of any kept type as float32, written into `room` (n, d)."""
    if rows.dtype != np.float16:
        np.copyto(room, rows)
        return room
    # NumPy widens float16 one by one. Its bits are those of a float32 whose exponent is less by 112.
    bits = room.view(np.int32)
    np.copyto(bits, rows.view(np.int16))  # which widens the sign, too
    bits <<= 13
    bits &= ~0x70000000
    room *= np.float32(2.0**112)
    return room
