"""Pseudo-random rotations of cross-polytopes and the keys of moved floors, in NumPy: the definitions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]


def hadamard(vectors: Float32) -> Float32:
    """Return `vectors` (..., n) times the Hadamard matrix of order n, a power of two, in Sylvester's order, unscaled.

    The fast transform: log2(n) passes of sums and differences, of members that are n / 2, n / 4, ..., 1 apart.
    """
    order, half = vectors.shape[-1], vectors.shape[-1] // 2
    turned = np.ascontiguousarray(vectors)
    while half:
        pairs = turned.reshape(-1, order // (2 * half), 2, half)
        turned = np.stack((pairs[:, :, 0] + pairs[:, :, 1], pairs[:, :, 0] - pairs[:, :, 1]), axis=2)
        half //= 2
    return turned.reshape(vectors.shape)


def rotate(vectors: Float32, first: Int8, later: Int8, turned: Float32) -> None:
    """Fill `turned` (n, f, D) with each of `vectors` (n, d) after each of f pseudo-random rotations, unscaled.

    A rotation is rounds of signs and Hadamard transform: signs `first` (f, d) of the vector, padded with zeros to D
    then, and signs `later` (rounds, f, D).
    """
    turned[..., first.shape[1] :] = 0
    np.multiply(vectors[:, np.newaxis], first, out=turned[..., : first.shape[1]])
    turned[...] = hadamard(turned)
    for signs in later:
        turned[...] = hadamard(turned * signs)


def moved_keys(own: Int64, multipliers: Int64, moves: Int64, size: int, keys: UInt64) -> None:
    """Fill `keys` (n, count) with the keys of n queries' floors in tables, each moved by `moves` (n, count).

    Args:
        own: (n,), keys (p . floors) mod size of the floors as they are.
        multipliers: (tables, floors), p from 0 to size - 1; query i is one of table i % tables.
        moves: masks: bit j takes 1 from floor j, and bit floors + j adds 1 to it.
        size: of a table, below 2**31.
    """
    tables, floors = multipliers.shape
    steps = np.concatenate((-multipliers, multipliers), axis=1)[np.arange(len(own)) % tables]
    for place in range(moves.shape[1]):
        chosen = moves[:, place, np.newaxis] >> np.arange(2 * floors) & 1
        keys[:, place] = ((own + (chosen * steps).sum(axis=1)) % size).astype(np.uint64)
