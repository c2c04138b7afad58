"""Binary codes and sets: what `kernels.reference_discrete` defines."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from lookalike.kernels.compiled.entry import entry
from lookalike.kernels.reference_discrete import FIRST_FACTOR, NO_ELEMENT, NO_HASH, SECOND_FACTOR

kernel: Any = entry()
inner: Any = njit(nogil=True, error_model="numpy", inline="always")

_NO_ELEMENT, _NO_HASH = np.uint32(NO_ELEMENT), np.uint64(NO_HASH)
_FIRST, _SECOND, _SHIFT = np.uint64(FIRST_FACTOR), np.uint64(SECOND_FACTOR), np.uint64(33)
_FIVES, _THREES, _FOURS, _ONES = (
    np.uint64(0x5555555555555555),
    np.uint64(0x3333333333333333),
    np.uint64(0x0F0F0F0F0F0F0F0F),
    np.uint64(0x0101010101010101),
)


@inner
def _bit_count(word: Any) -> Any:
    # LLVM makes one instruction of this where there is one.
    word = word - (word >> np.uint64(1) & _FIVES)
    word = (word & _THREES) + (word >> np.uint64(2) & _THREES)
    word = word + (word >> np.uint64(4)) & _FOURS
    return word * _ONES >> np.uint64(56)


@kernel
def hamming_distances(queries: Any, rows: Any, query: Any, row: Any, distances: Any) -> None:
    """Fill in the distance of code `queries[query[i]]` to `rows[row[i]]`, for each i, (n,) float32.

    Codes are (q, w) and (n, w), both of uint64 or of uint8.
    """
    for i in range(len(query)):
        first, second, total = queries[query[i]], rows[row[i]], np.uint64(0)
        for j in range(first.shape[0]):
            total += _bit_count(np.uint64(first[j]) ^ np.uint64(second[j]))
        distances[i] = np.float32(total)


@kernel
def jaccard_distances(queries: Any, rows: Any, query: Any, row: Any, distances: Any) -> None:
    """Fill in the distance of the set `queries[query[i]]` to `rows[row[i]]`, for each i, (n,) float32."""
    for i in range(len(query)):
        first, second = queries[query[i]], rows[row[i]]
        at = other = shared = 0
        while at < len(first) and other < len(second):
            one, two = first[at], second[other]
            if one == _NO_ELEMENT or two == _NO_ELEMENT:
                break
            shared += one == two
            at += one <= two
            other += two <= one
        union = at + other - shared
        while at < len(first) and first[at] != _NO_ELEMENT:
            at, union = at + 1, union + 1
        while other < len(second) and second[other] != _NO_ELEMENT:
            other, union = other + 1, union + 1
        distances[i] = np.float32(1.0 - shared / union) if union else np.float32(0)


@kernel
def least_hashes(sets: Any, seeds: Any, least: Any, second: Any) -> None:
    """Do as the function of this name in `kernels.reference_discrete` does."""
    for row in range(len(sets)):
        for function in range(len(seeds)):
            lowest, next_lowest, seed = _NO_HASH, _NO_HASH, seeds[function]
            for place in range(sets.shape[1]):
                element = sets[row, place]
                if element == _NO_ELEMENT:
                    break
                value = np.uint64(element) ^ seed
                value = (value ^ value >> _SHIFT) * _FIRST
                value = (value ^ value >> _SHIFT) * _SECOND
                value ^= value >> _SHIFT
                if value < lowest:
                    lowest, next_lowest = value, lowest
                elif value < next_lowest:
                    next_lowest = value
            least[row, function], second[row, function] = lowest, next_lowest
