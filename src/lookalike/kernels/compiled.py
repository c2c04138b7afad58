"""The hot kernels, compiled by Numba; `reference` says what each one means.

This is the one module that imports Numba, and it is imported only when buckets are searched.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]


def _ones(typing_context: Any, word: Any) -> Any:
    """Return the number of ones in a uint64, by LLVM's own instruction."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        function = builder.module.declare_intrinsic("llvm.ctpop", [ir.IntType(64)])
        return builder.call(function, arguments)

    return types.uint64(types.uint64), build


_popcount: Any = intrinsic(_ones)


@njit(cache=True, nogil=True, error_model="numpy")
def sketch_estimates(
    offsets: Int64,
    rows: Int64,
    codes: UInt64,
    factors: Float32,
    centre_of: npt.NDArray[np.int32],
    centre_squares: Float32,
    planes: UInt64,
    scales: Float32,
) -> tuple[Float32, Float32]:
    """See `reference.sketch_estimates`; its arithmetic is in float32."""
    words = codes.shape[1]
    estimates = np.empty(len(rows), dtype=np.float32)
    variances = np.empty(len(rows), dtype=np.float32)
    two = np.float32(2)
    for q in range(len(offsets) - 1):
        low, step, total, shrink = scales[q, 0], scales[q, 1], scales[q, 2], scales[q, 3]
        rounding = step * step / np.float32(6)
        ones, twos, fours, eights = planes[q, 0], planes[q, 1], planes[q, 2], planes[q, 3]
        for i in range(offsets[q], offsets[q + 1]):
            row = rows[i]
            centre = centre_of[row]
            if centre < 0 or centre >= centre_squares.shape[1]:
                raise IndexError("a row's centre is not there")
            count = np.uint64(0)
            levels = np.uint64(0)
            for word in range(words):
                code = codes[row, word]
                count += _popcount(code)
                levels += _popcount(code & ones[word])
                levels += _popcount(code & twos[word]) << np.uint64(1)
                levels += _popcount(code & fours[word]) << np.uint64(2)
                levels += _popcount(code & eights[word]) << np.uint64(3)
            product = shrink * (two * (low * np.float32(count) + step * np.float32(levels)) - total)
            slope, spread = factors[row, 1], factors[row, 2]
            square = centre_squares[q, centre]
            estimates[i] = square + factors[row, 0] + slope * product
            variances[i] = spread * spread * square + slope * slope * rounding
    return estimates, variances


@njit(cache=True, nogil=True)
def _after(distances: Any, ids: Int64, first: int, second: int) -> bool:
    """Whether heap member `first` comes after `second`: by distance, then id."""
    if distances[first] != distances[second]:
        return bool(distances[first] > distances[second])
    return bool(ids[first] > ids[second])


@njit(cache=True, nogil=True)
def _swap(array: Any, first: int, second: int) -> None:
    kept = array[first]
    array[first] = array[second]
    array[second] = kept


@njit(cache=True, nogil=True)
def _sift_down(distances: Any, ids: Int64, rows: Int64, size: int) -> None:
    """Restore the heap (the last by order on top) after its top was replaced."""
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= size:
            return
        if child + 1 < size and _after(distances, ids, child + 1, child):
            child += 1
        if not _after(distances, ids, child, parent):
            return
        _swap(distances, child, parent)
        _swap(ids, child, parent)
        _swap(rows, child, parent)
        parent = child


@njit(cache=True, nogil=True)
def _push(
    distances: Any, ids: Int64, rows: Int64, size: int, k: int, distance: Any, number: int, row: int
) -> int:
    """Take a member into the heap of the k first by order; return its new size."""
    if size < k:
        distances[size], ids[size], rows[size] = distance, number, row
        child = size
        while child > 0 and _after(distances, ids, child, (child - 1) // 2):
            parent = (child - 1) // 2
            _swap(distances, child, parent)
            _swap(ids, child, parent)
            _swap(rows, child, parent)
            child = parent
        return size + 1
    if distance < distances[0] or (distance == distances[0] and number < ids[0]):
        distances[0], ids[0], rows[0] = distance, number, row
        _sift_down(distances, ids, rows, size)
    return size


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _square(query: Float32, vector: Float32, sphere: np.float32) -> np.float32:
    total = np.float32(0)
    if sphere > 0:
        for i in range(len(query)):
            total += query[i] * vector[i]
        return np.float32(sphere - np.float32(2) * total)
    for i in range(len(query)):
        difference = query[i] - vector[i]
        total += difference * difference
    return np.float32(total)


@njit(cache=True, nogil=True)
def rerank(
    offsets: Int64,
    rows: Int64,
    estimates: Float32,
    variances: Float32,
    queries: Float32,
    vectors: Float32,
    ids: Int64,
    k: int,
    confidence: float,
    sphere: Float32,
) -> tuple[Int64, Int64]:
    """See `reference.rerank`; squared distances are summed in float32, in another order."""
    found = np.full((len(queries), k), -1, dtype=np.int64)
    compared = np.zeros(len(queries), dtype=np.int64)
    first_estimates = np.empty(k, dtype=np.float32)
    first_places = np.empty(k, dtype=np.int64)
    unused = np.empty(k, dtype=np.int64)
    distances = np.empty(k, dtype=np.float32)
    best_ids = np.empty(k, dtype=np.int64)
    best_rows = np.empty(k, dtype=np.int64)
    longest = np.int64(0)
    for q in range(len(queries)):
        longest = max(longest, offsets[q + 1] - offsets[q])
    done = np.zeros(longest, dtype=np.bool_)
    for q in range(len(queries)):
        start, end = offsets[q], offsets[q + 1]
        first = 0
        for i in range(start, end):
            if first < k or estimates[i] < first_estimates[0]:
                first = _push(first_estimates, first_places, unused, first, k, estimates[i], i, 0)
        size = 0
        for j in range(first):
            i = first_places[j]
            row = rows[i]
            size = _push(
                distances,
                best_ids,
                best_rows,
                size,
                k,
                _square(queries[q], vectors[row], sphere[q]),
                ids[row],
                row,
            )
            done[i - start] = True
        compared[q] = first
        for i in range(start, end):
            if done[i - start]:
                done[i - start] = False
                continue
            above = estimates[i] - distances[0]
            if above < 0 or above * above < confidence * confidence * variances[i]:
                row = rows[i]
                square = _square(queries[q], vectors[row], sphere[q])
                size = _push(distances, best_ids, best_rows, size, k, square, ids[row], row)
                compared[q] += 1
        while size > 0:
            size -= 1
            found[q, size] = best_rows[0]
            distances[0], best_ids[0], best_rows[0] = distances[size], best_ids[size], best_rows[size]
            _sift_down(distances, best_ids, best_rows, size)
    return found, compared
