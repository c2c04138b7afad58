"""Where buckets overtake the exact scan: the figures behind `scan_size` in lookalike.index.settings.

    python benchmarks/scan_size.py [--dimension 32 128 1280] [--rows 1000 2000 5000 10000]

Clustered random rows; prints the time of one query and of a query in a batch of 256, by scan and by buckets at
a recall of 0.95, in microseconds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from lookalike.index import Index

BATCH = 256
REPEATS = 5


def rows_and_queries(rows: int, dimension: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return rows about 200 centres on a subspace of 24 dimensions, and queries of the same kind."""
    random = np.random.default_rng(rows)
    total = rows + BATCH
    centres = 2 * random.standard_normal((200, 24))
    points = centres[random.integers(0, 200, total)] + random.standard_normal((total, 24))
    vectors = points @ random.standard_normal((24, dimension)) + 0.1 * random.standard_normal(
        (total, dimension)
    )
    return vectors[:rows].astype(np.float32), vectors[rows:].astype(np.float32)


def fastest(run: Callable[[], object]) -> float:
    """Return the least time of some runs, in microseconds; the least is what other work disturbs least."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1e6 * min(times)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dimension", type=int, nargs="+", default=[32, 128, 1280])
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 2000, 5000, 10000])
    options = parser.parse_args()
    print("dimension   rows  single scan  single buckets  batch scan  batch buckets  build s")
    for dimension in options.dimension:
        for rows in options.rows:
            vectors, queries = rows_and_queries(rows, dimension)
            start = time.perf_counter()
            index = Index.build(vectors, scan_below=1)
            build = time.perf_counter() - start
            times = [
                fastest(partial(index.search, block, 10, recall=recall)) / len(block)
                for block in (queries[:1], queries)
                for recall in (1.0, 0.95)
            ]
            print(
                f"{dimension:9} {rows:6} {times[0]:12.0f} {times[1]:15.0f}"
                f" {times[2]:11.0f} {times[3]:14.0f} {build:8.1f}"
            )


if __name__ == "__main__":
    main()
