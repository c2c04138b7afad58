"""Pairs within a distance: `Index.pairs` beside exact search, which is timed on a part of the rows and scaled.

    python -m benchmarks.self_join sift-1m --data DATA --max-distance 100

Exact search is a product of matrices in float32, a block of rows with all others, as FAISS and NumPy do it, and a test
of each result; half of it is counted, since pairs are symmetric. Recall is the share of the exact pairs of the timed
rows that the join has found. Both take one thread.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from benchmarks import datasets
from benchmarks.runner import machine
from lookalike import Index

BLOCK, COLUMNS = 500, 2048
"""A block of products, which stays in the processor's cache."""


def exact_pairs(rows: npt.NDArray[Any], some: npt.NDArray[Any], limit: float) -> tuple[set[int], float]:
    """Return the pairs within `limit` of which one is of `some` rows, as numbers, and the seconds that took."""
    wide = rows.astype(np.float32)
    squares = np.einsum("ij,ij->i", wide, wide)
    near: list[tuple[npt.NDArray[Any], npt.NDArray[Any]]] = []
    begun = time.perf_counter()
    for start in range(0, len(rows), COLUMNS):
        beyond = wide[start : start + COLUMNS]
        for first in range(0, len(some), BLOCK):
            asked = some[first : first + BLOCK]
            apart = wide[asked] @ beyond.T
            apart *= -2
            apart += squares[start : start + COLUMNS]
            row, other = np.nonzero(apart <= (limit * limit + 1 - squares[asked])[:, np.newaxis])
            near.append((asked[row], other + start))
    seconds = time.perf_counter() - begun
    one, second = (np.concatenate(side) for side in zip(*near, strict=True))
    kept = one != second
    one, second = one[kept], second[kept]
    true = np.zeros(len(one), dtype=np.bool_)
    for start in range(0, len(one), 1 << 16):
        part = slice(start, start + (1 << 16))
        difference = wide[one[part]].astype(np.float64) - wide[second[part]]
        true[part] = np.sqrt(np.einsum("ij,ij->i", difference, difference)).astype(np.float32) <= limit
    return set(_keys(one[true], second[true], len(rows)).tolist()), seconds


def _keys(first: npt.NDArray[Any], second: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    keys: npt.NDArray[Any] = np.minimum(first, second) * count + np.maximum(first, second)
    return keys


def main() -> None:
    """Print a row of the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("dataset", choices=datasets.DATASETS)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--max-distance", type=float, nargs="+", required=True)
    parser.add_argument("--part", type=int, default=5000, help="rows that exact search is timed on")
    parser.add_argument("--index", type=Path, help="where the index is kept between runs")
    options = parser.parse_args()
    base = datasets.load(options.dataset, options.data).base
    some = np.sort(np.random.default_rng(0).permutation(len(base))[: options.part])
    with threadpool_limits(1):
        begun = time.perf_counter()
        if options.index is not None and options.index.exists():
            index = Index.open(options.index)
        else:
            index = Index.build(base, n_jobs=1, path=options.index)
            print(f"built in {time.perf_counter() - begun:.1f} s, one thread")
        sum(len(distances) for _, distances in Index.build(base[:20_000], scan_below=0).pairs(1))  # compiles
        print(f"{machine()['processor']}, one thread, {len(base):,} x {base.shape[1]}")
        for limit in options.max_distance:
            begun = time.perf_counter()
            found = [pairs for pairs, _ in index.pairs(limit)]
            joined = time.perf_counter() - begun
            pairs = np.concatenate(found)
            wanted, seconds = exact_pairs(base, some, limit)
            whole = seconds * len(base) / len(some) / 2
            keys = _keys(pairs[:, 0], pairs[:, 1], len(base))
            mine = keys[np.isin(pairs, some).any(axis=1)]
            share = len(wanted.intersection(mine.tolist())) / max(1, len(wanted))
            print(
                f"within {limit:g}: {len(pairs):,} pairs in {joined:.1f} s; recall {share:.4f} of {len(wanted):,}; "
                f"exact {whole:,.0f} s (scaled from {seconds:.1f} s), {whole / joined:.0f} x"
            )


if __name__ == "__main__":
    main()
