"""Times the parts of a search on one core: `python -m benchmarks.kernels [VECTORS.npy QUERIES.npy]`.

Without files, rows are made about random centres. Times are of the processor's clock and the least of several, so
that what else the machine does disturbs them little; pin the process to one core all the same.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numba import njit

from lookalike.hashing.k_means import many_means, nearest_centroid
from lookalike.index.ivf.inverted_file import InvertedFile
from lookalike.index.ivf.tuning import measured
from lookalike.index.sketches.rotation import Rotation
from lookalike.index.sketches.sketched_rows import SketchedRows
from lookalike.kernels.compiled import probe, select
from lookalike.kernels.compiled.scratch import allocated
from lookalike.kernels.compiled.select import SORT_BYTES

ROWS, DIMENSION, QUERIES = 100_000, 128, 1_000
ROUNDS = 7
RECALLS = (0.9, 0.95, 0.99)


def main(paths: list[str]) -> None:
    """Print microseconds a query, part by part."""
    if paths:
        vectors, queries = (np.load(path) for path in paths)
    else:
        random = np.random.default_rng(0)
        centres = random.standard_normal((1000, DIMENSION)) * 2
        rows = centres[random.integers(0, 1000, ROWS + QUERIES)]
        rows += random.standard_normal(rows.shape)
        vectors, queries = np.split(rows.astype(np.float32), [ROWS])
    queries = np.ascontiguousarray(queries, dtype=np.float32)
    inverted_file = made(vectors)
    for name, microseconds in parts(inverted_file, queries).items():
        print(f"{name:34} {microseconds:8.2f} us")
    tuning = measured(inverted_file, 0)
    for recall in RECALLS:
        setting = tuning.choose(10, recall)
        if setting is None:
            print(f"recall {recall}: no setting serves")
            continue
        search = partial(
            inverted_file.search,
            k=10,
            probes=setting.probes,
            rerank=setting.rerank,
            reach=setting.reach,
            margin=setting.margin,
        )

        def one_by_one(search: Callable[..., Any] = search) -> None:
            for i in range(len(queries)):
                search(queries[i : i + 1])

        batch, single = least(partial(search, queries)) / len(queries), least(one_by_one) / len(queries)
        print(
            f"recall {recall}: {setting.probes} probes, {setting.rerank} compared, {setting.rows:.0f} estimated: "
            f"batch {batch:.1f} us, single {single:.1f} us"
        )


def made(vectors: Any) -> InvertedFile:
    """Return the inverted file of `vectors` by 4 * sqrt(n) centroids."""
    random = np.random.default_rng(0)
    count = len(vectors)
    sample = vectors[np.sort(random.choice(count, min(count, 60_000), replace=False))].astype(np.float32)
    centroids = many_means(sample, round(4 * count**0.5), random)
    labels = nearest_centroid(vectors, centroids)
    order = np.argsort(labels, kind="stable")
    offsets = np.append(0, np.cumsum(np.bincount(labels, minlength=len(centroids))))
    rotation = Rotation.fitted(sample, 0)
    return InvertedFile(
        SketchedRows.encoded("euclidean", vectors[order], order, rotation, centroids, offsets)
    )


def parts(inverted_file: InvertedFile, queries: Any) -> dict[str, float]:
    """Return microseconds a query of what every search does, and of buckets and rows one more."""
    rotate, compare_centroids, choose = probe.rotate, probe.compare_centroids, probe.choose
    query_scratch, bucket_scratch = probe.query_scratch, probe.bucket_scratch
    query_bytes, bucket_bytes, sort_scratch = probe.query_bytes, probe.bucket_bytes, select.sort_scratch
    groups = -(-len(inverted_file.sketched.centroids) // 16)

    @njit
    def beginnings(plan: Any, queries: Any, probes: Any) -> Any:
        held = allocated(query_bytes(plan) + bucket_bytes(plan) + SORT_BYTES)
        moved, rotated, tables, told, rest = query_scratch(plan, held)
        nearness, lowest, chosen, buckets, rest = bucket_scratch(plan, rest)
        ranked, numbers, _ = sort_scratch(rest)
        total = np.int64(0)
        for q in range(len(queries)):
            query = queries[q].ctypes.data
            rotate(plan, query, 1, moved, rotated, tables, told)
            compare_centroids(plan, query, 1, tables, nearness, lowest, told)
            if probes:
                reach = np.float32(0)
                total += choose(
                    nearness[0],
                    lowest[0],
                    groups,
                    probes,
                    probes,
                    reach,
                    chosen,
                    buckets,
                    ranked,
                    numbers,
                )
        return total

    def timed(probes: int) -> float:
        return least(lambda: beginnings(inverted_file.plan, queries, probes)) / len(queries)

    def whole(probes: int, rerank: int) -> float:
        return least(lambda: inverted_file.search(queries, 10, probes, rerank)) / len(queries)

    beginning = timed(0)
    probes = min(64, len(inverted_file.sketched.centroids))
    few, many = whole(1, 10), whole(probes, 10)
    return {
        "rotation, tables and centroids": beginning,
        f"choosing {probes} buckets": timed(probes) - beginning,
        "a bucket estimated": (many - few) / max(1, probes - 1),
        "a row compared": (whole(probes, 210) - many) / 200,
    }


def least(run: Callable[[], Any]) -> float:
    """Return the least microseconds of a few runs."""
    run()
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times) * 1e6


if __name__ == "__main__":
    main(sys.argv[1:])
