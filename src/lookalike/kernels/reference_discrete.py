"""Binary codes and sets, in NumPy: distances, and the least hashed elements of sets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
UInt8 = npt.NDArray[np.uint8]
UInt32 = npt.NDArray[np.uint32]
UInt64 = npt.NDArray[np.uint64]

NO_ELEMENT = 2**32 - 1
"""Fills a row of a set, after its elements."""
NO_HASH = 2**64 - 1
"""In place of the least hash of a set that has no further element."""
FIRST_FACTOR, SECOND_FACTOR = 0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53
"""Of the finalizer of MurmurHash3 (Appleby, 2011), which maps 64 bits to 64 bits one to one."""


def hamming(first: UInt8, second: UInt8) -> Float64:
    """Return the number of bits in which rows of `first` (n, bytes) and `second` (n or 1, bytes) differ, (n,)."""
    distances: Float64 = np.bitwise_count(first ^ second).sum(axis=1, dtype=np.float64)
    return distances


def jaccard(first: UInt32, second: UInt32) -> Float64:
    """Return 1 - |A and B| / |A or B| of the sets A in `first` (n, w) and B in `second` (n or 1, w'), (n,).

    Of two empty sets it is 0, since they are equal; of an empty set and another, 1. Rows are ascending, and each
    element is there once, with `NO_ELEMENT` after them.
    """
    sizes = np.count_nonzero(first != NO_ELEMENT, axis=1)
    others = np.count_nonzero(second != NO_ELEMENT, axis=1)
    if len(second) == 1:
        elements = second[0, : others[0]]
        place = np.minimum(np.searchsorted(elements, first), max(0, len(elements) - 1))
        shared = (
            np.count_nonzero(second[0, place] == first, axis=1) if len(elements) else np.zeros_like(sizes)
        )
    else:
        both = np.sort(np.concatenate((first, second), axis=1), axis=1)
        again = (both[:, 1:] == both[:, :-1]) & (both[:, 1:] != NO_ELEMENT)
        shared = np.count_nonzero(again, axis=1)
    union = sizes + others - shared
    similarity = np.divide(shared, union, out=np.ones(len(first)), where=union > 0)
    distances: Float64 = 1 - similarity
    return distances


def mixed(values: UInt64) -> UInt64:
    """Return `values` with their bits mixed; see `FIRST_FACTOR`."""
    mix = values ^ values >> np.uint64(33)
    mix = mix * np.uint64(FIRST_FACTOR)
    mix ^= mix >> np.uint64(33)
    mix = mix * np.uint64(SECOND_FACTOR)
    mix ^= mix >> np.uint64(33)
    return mix


def least_hashes(sets: UInt32, seeds: UInt64, least: UInt64, second: UInt64) -> None:
    """Fill in the two least hashes of the elements of each of `sets` (n, w) by each of the functions `seeds` (f,).

    A function maps an element x to `mixed(x ^ seed)`. `least` and `second` are (n, f); where a set has no such
    element, they are `NO_HASH`.
    """
    for row, elements in enumerate(sets):
        present = elements[elements != NO_ELEMENT].astype(np.uint64)
        hashes = np.full((len(seeds), len(present) + 2), NO_HASH, dtype=np.uint64)
        hashes[:, 2:] = mixed(present[np.newaxis] ^ seeds[:, np.newaxis])
        hashes.sort(axis=1)
        least[row], second[row] = hashes[:, 0], hashes[:, 1]
