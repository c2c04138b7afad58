"""Vectors as signed bytes, laid out so that one instruction multiplies a query's bytes with those of 16 vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32

BLOCK_VECTORS = 16
WIDTH_STEP = 16
"""Vectors are padded with zeros to a multiple of this."""


def byte_blocks(vectors: Float32, constants: Float32) -> npt.NDArray[np.uint8]:
    """Return `vectors` (n, w) in blocks of 16, (blocks, 16 * padded w + 192).

    A block holds its vectors' values as int8, four of each beside one another; int32 biases, which take back that a
    query's bytes are around 128; the float32 `constants` (n,), inf where there is no vector; and the float32 steps of
    the vectors' bytes: each has its own, so that a long vector does not make the others coarse.
    """
    count, width = vectors.shape
    groups, padded = -(-count // BLOCK_VECTORS), padded_width(width)
    steps = np.zeros(groups * BLOCK_VECTORS, dtype=np.float32)
    longest = np.abs(vectors).max(axis=1, initial=0) / np.float32(127)
    steps[:count] = np.maximum(longest, np.finfo(np.float32).tiny)
    codes = np.zeros((groups * BLOCK_VECTORS, padded), dtype=np.int8)
    codes[:count, :width] = np.rint(vectors / steps[:count, np.newaxis])
    blocks = aligned(np.zeros((groups, 16 * padded + 192), dtype=np.uint8))
    by_word = codes.reshape(groups, BLOCK_VECTORS, padded // 4, 4).transpose(0, 2, 1, 3)
    blocks[:, : 16 * padded] = by_word.reshape(groups, -1).view(np.uint8)
    biases = -128 * codes.sum(axis=1, dtype=np.int32)
    filled = np.full(groups * BLOCK_VECTORS, np.inf, dtype=np.float32)
    filled[:count] = constants
    blocks.view(np.int32)[:, 4 * padded : 4 * padded + 16] = biases.reshape(groups, -1)
    blocks.view(np.float32)[:, 4 * padded + 16 : 4 * padded + 32] = filled.reshape(groups, -1)
    blocks.view(np.float32)[:, 4 * padded + 32 :] = steps.reshape(groups, -1)
    return blocks


def padded_width(width: int) -> int:
    """Return how many values a vector of `width` has in a block."""
    return -(-width // WIDTH_STEP) * WIDTH_STEP


def aligned(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return `array`, or a contiguous copy, that begins a cache line: a load that crosses lines costs two."""
    if array.flags.c_contiguous and array.ctypes.data % 64 == 0:
        return array
    room = np.empty(array.nbytes + 64, dtype=np.uint8)
    start = -room.ctypes.data % 64
    copy: npt.NDArray[Any] = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy
