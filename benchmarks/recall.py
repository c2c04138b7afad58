"""Recall@10 and rate of the default index against an exact scan.

    python benchmarks/recall.py --data DIR [fashion-mnist] [sift] [--single]

DIR holds `fashion-mnist/` (the four official idx.gz files) and `sift/` (base_300k_u8.npy, query_2k_u8.npy).
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lookalike.index import Index

Float32 = npt.NDArray[np.float32]
K = 10
EXACT_QUERIES = 2000


def fashion_mnist(data: Path) -> tuple[Float32, Float32]:
    """Return base (60000, 784) and queries (10000, 784)."""
    names = ("train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz")
    parts = []
    for name in names:
        with gzip.open(data / "fashion-mnist" / name) as file:
            pixels = np.frombuffer(file.read(), dtype=np.uint8, offset=16)
        parts.append(pixels.reshape(-1, 784).astype(np.float32))
    return parts[0], parts[1]


def sift(data: Path) -> tuple[Float32, Float32]:
    """Return base (300000, 128) and queries (2000, 128)."""
    base = np.load(data / "sift" / "base_300k_u8.npy").astype(np.float32)
    return base, np.load(data / "sift" / "query_2k_u8.npy").astype(np.float32)


def recall_at(found: npt.NDArray[np.int64], truth: npt.NDArray[np.int64]) -> float:
    """Return the mean share of `truth` (q, k) found."""
    return float(np.mean([np.isin(wanted, row).mean() for row, wanted in zip(found, truth, strict=True)]))


def measure(
    name: str, base: Float32, queries: Float32, recalls: list[float], single: bool
) -> dict[str, object]:
    """Build the default index on `base`; return its figures."""
    start = time.perf_counter()
    index = Index.build(base)
    build = time.perf_counter() - start
    exact = queries[:EXACT_QUERIES]
    start = time.perf_counter()
    truth, _ = index.search(exact, K, recall=1)
    exact_rate = len(exact) / (time.perf_counter() - start)
    index.search(queries[:10], K)  # loads the compiled kernels
    runs = []
    for recall in recalls:
        start = time.perf_counter()
        found, _ = index.search(queries, K, recall=recall)
        rate = len(queries) / (time.perf_counter() - start)
        run = {"aim": recall, "recall@10": recall_at(found[: len(truth)], truth), "queries/s": rate}
        run["times exact"] = rate / exact_rate
        if single:
            start = time.perf_counter()
            for query in queries[:500]:
                index.search(query, K, recall=recall)
            run["single queries/s"] = 500 / (time.perf_counter() - start)
        runs.append(run)
    stats = index.stats()
    return {
        "data": name,
        "rows": len(index),
        "build s": build,
        "path": stats.path,
        "probes": stats.probes,
        "buckets": stats.buckets,
        "index bytes a row": stats.index_bytes / len(index),
        "exact queries/s": exact_rate,
        "runs": runs,
    }


def main() -> None:
    """Run and print JSON, one line a data set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="fashion-mnist, sift; both by default")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recall", type=float, nargs="*", default=[0.8, 0.9, 0.95, 0.99])
    parser.add_argument("--single", action="store_true", help="measure single queries, too")
    options = parser.parse_args()
    readers = {"fashion-mnist": fashion_mnist, "sift": sift}
    for name in options.names or readers:
        base, queries = readers[name](options.data)
        print(json.dumps(measure(name, base, queries, options.recall, options.single), indent=1), flush=True)


if __name__ == "__main__":
    main()
