"""Vectors as signed bytes, laid out so that one instruction multiplies a query's bytes with those of 16 vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32

BLOCK_VECTORS = 16
PACKED_STEPS = 2.0 ** (-np.arange(9, dtype=np.float32) / 4)
"""Of packed values, steps that are tried, in units of the one that clips nothing. Values that are distributed normally
lose least where the farthest are clipped, those of a vector that is 0 nearly everywhere where none are."""
TINY = np.finfo(np.float32).tiny
WIDTH_STEP = 16
"""Vectors are padded with zeros to a multiple of this."""


def byte_blocks(vectors: Float32, constants: Float32, *, packed: bool = False) -> npt.NDArray[np.uint8]:
    """Return `vectors` (n, w) in blocks of 16, (blocks, 16 * padded w + 192), or 8 * padded w + 192 where `packed`.

    A block holds its vectors' values as int8, four of each beside one another; int32 biases, which take back that a
    query's bytes are around 128; the float32 `constants` (n,), inf where there is no vector; and the float32 steps of
    the vectors' bytes: each has its own, so that a long vector does not make the others coarse.

    Packed values have four bits, in two's complement: those of every second four are the upper bits of the bytes of the
    four before. Kernels take them for bytes whose lower bits are 0.
    """
    count, width = vectors.shape
    groups, padded = -(-count // BLOCK_VECTORS), padded_width(width)
    largest = 7 if packed else 127
    step = np.abs(vectors).max(axis=1, initial=0) / np.float32(largest)
    if packed:
        step *= _least_lossy(vectors / np.maximum(step, TINY)[:, np.newaxis], largest)
    step = np.maximum(step, TINY)
    codes = np.zeros((groups * BLOCK_VECTORS, padded), dtype=np.int8)
    codes[:count, :width] = np.clip(np.rint(vectors / step[:, np.newaxis]), -largest - 1, largest)
    steps = np.zeros(groups * BLOCK_VECTORS, dtype=np.float32)
    steps[:count] = step
    words = padded // 4
    by_word: npt.NDArray[Any] = codes.reshape(groups, BLOCK_VECTORS, words, 4).transpose(0, 2, 1, 3)
    by_word = by_word.view(np.uint8)
    if packed:
        by_word = (by_word[:, ::2] & 15) | (by_word[:, 1::2] << 4)
        words //= 2
        codes, steps = 16 * codes, steps / 16
    blocks = aligned(np.zeros((groups, 64 * words + 192), dtype=np.uint8))
    blocks[:, : 64 * words] = by_word.reshape(groups, -1)
    biases = -128 * codes.sum(axis=1, dtype=np.int32)
    filled = np.full(groups * BLOCK_VECTORS, np.inf, dtype=np.float32)
    filled[:count] = constants
    blocks.view(np.int32)[:, 16 * words : 16 * words + 16] = biases.reshape(groups, -1)
    blocks.view(np.float32)[:, 16 * words + 16 : 16 * words + 32] = filled.reshape(groups, -1)
    blocks.view(np.float32)[:, 16 * words + 32 :] = steps.reshape(groups, -1)
    return blocks


def _least_lossy(values: Float32, largest: int) -> Float32:
    """Return of each row of `values` (n, w), none beyond `largest`, that one of `PACKED_STEPS` which loses least."""
    losses = []
    for step in PACKED_STEPS:
        kept = np.clip(np.rint(values / step), -largest - 1, largest) * step
        losses.append(np.einsum("ij,ij->i", values - kept, values - kept))
    least: Float32 = PACKED_STEPS[np.argmin(losses, axis=0)]
    return least


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
