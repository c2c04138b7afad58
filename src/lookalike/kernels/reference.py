"""The kernels in NumPy: the definition that `compiled` is held to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]

EUCLIDEAN, COSINE, DOT = 0, 1, 2
"""The numbers of the metrics, as kernels take them."""


def euclidean(first: Float32, second: Float32) -> Float64:
    """Return the Euclidean distance of each row of `first` (n, d) to the same row of `second`, shape (n,)."""
    difference = np.subtract(first, second, dtype=np.float64)
    distances: Float64 = np.sqrt(np.einsum("ij,ij->i", difference, difference))
    return distances


def cosine(first: Float32, second: Float32) -> Float64:
    """Return 1 - cosine similarity of rows of length one, (n, d) each, shape (n,).

    Half the squared difference, which is the same and, unlike 1 - product, is 0 for equal rows.
    """
    difference = np.subtract(first, second, dtype=np.float64)
    distances: Float64 = np.einsum("ij,ij->i", difference, difference) / 2
    return distances


def dot(first: Float32, second: Float32) -> Float64:
    """Return the negated inner product of each row of `first` (n, d) with the same row of `second`, (n,)."""
    products: Float64 = np.einsum("ij,ij->i", first, second, dtype=np.float64)
    return -products


def pack_signs(values: Float32) -> UInt64:
    """Return (n, ceil(m / 64)) words of signs of `values` (n, m): bit i % 64 of word i // 64 is value i > 0."""
    rows, bits = values.shape
    packed = np.zeros((rows, -(-bits // 64) * 8), dtype=np.uint8)
    packed[:, : -(-bits // 8)] = np.packbits(values > 0, axis=1, bitorder="little")
    return packed.view("<u8").astype(np.uint64, copy=False)


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
    """Return for each candidate the estimate of its squared distance and the estimate's variance.

    What the arrays mean is told in `lookalike.hashing.sketch`.

    Args:
        offsets: (q + 1,), the candidates of query i are `rows[offsets[i] : offsets[i + 1]]`.
        rows: (c,), row numbers.
        codes: (n, words), signs of the rotated residuals.
        factors: (n, 3), of each row: constant, slope and spread.
        centre_of: (n,), the centre that each row's residual is about.
        centre_squares: (q, m), squared distances of the queries to the centres.
        planes: (q, 4, words), bit planes of the quantised rotated queries.
        scales: (q, 4), of each query: lowest value, step, sum of values, and 1 / square root of the number of signs.

    Raises:
        IndexError: `centre_of` names a centre that is not there.
    """
    query = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    estimates = np.empty(len(rows), dtype=np.float32)
    variances = np.empty(len(rows), dtype=np.float32)
    for i, (q, row) in enumerate(zip(query, rows, strict=True)):
        code = codes[row]
        low, step, total, shrink = scales[q].astype(np.float64)
        levels = sum(_ones(code & plane) << bit for bit, plane in enumerate(planes[q]))
        ones = _ones(code)
        product = shrink * (2 * (low * ones + step * levels) - total)
        constant, slope, spread = factors[row].astype(np.float64)
        if not 0 <= centre_of[row] < centre_squares.shape[1]:
            raise IndexError("a row's centre is not there")
        square = float(centre_squares[q, centre_of[row]])
        estimates[i] = square + constant + slope * product
        # Rounding under a dither varies by step ** 2 / 6, over all places within a step.
        variances[i] = spread * spread * square + slope * slope * step * step / 6
    return estimates, variances


def _ones(words: UInt64) -> int:
    return int(np.unpackbits(words.view(np.uint8)).sum())


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
    """Return the rows of the k nearest candidates of each query, (q, k), -1 where there are fewer, and counts.

    The k candidates of least estimate are compared exactly; then, in the order given, each of the others
    whose estimate less `confidence` standard errors is below the k-th squared distance so far. Equal distances are
    ordered by id. The second value is how many were compared, (q,).

    Args:
        sphere: (q,), where above 0 the squared distance is `sphere` - 2 products (rows on one sphere); else
            the sum of squared differences.
    """
    found = np.full((len(queries), k), -1, dtype=np.int64)
    compared = np.zeros(len(queries), dtype=np.int64)
    for q in range(len(queries)):
        here = slice(offsets[q], offsets[q + 1])
        first = np.argsort(estimates[here], kind="stable")[:k]
        rest = np.delete(np.arange(offsets[q + 1] - offsets[q]), first)
        best: list[tuple[float, int, int]] = []
        for i in (*first, *rest):
            if len(best) == k:
                above = estimates[here][i] - best[-1][0]
                if above >= 0 and above**2 >= confidence**2 * variances[here][i]:
                    continue
            row = rows[here][i]
            if sphere[q] > 0:
                square = float(sphere[q]) - 2 * float(queries[q] @ vectors[row])
            else:
                square = float(np.sum(np.square(queries[q] - vectors[row])))
            best = sorted([*best, (square, int(ids[row]), int(row))])[:k]
            compared[q] += 1
        found[q, : len(best)] = [row for _, _, row in best]
    return found, compared
