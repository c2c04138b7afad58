"""Purity of clusters by a label, beside scikit-learn's k-means on the same vectors.

    python -m benchmarks.clusters COLLECTION FEATURE --label articleType -k 75

Purity is the share of the sources that have the commonest label of their cluster. Both are run with several seeds;
scikit-learn as it comes (greedy k-means++, one start), and with four starts.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike import Collection


def purity(labels: npt.NDArray[Any], kinds: npt.NDArray[Any]) -> float:
    """Return the share of things whose kind is the commonest of those with the same label."""
    table = np.zeros((labels.max() + 1, kinds.max() + 1), dtype=np.int64)
    np.add.at(table, (labels, kinds), 1)
    return float(table.max(axis=1).sum() / len(labels))


def main() -> None:
    """Print a line for each way."""
    from sklearn.cluster import KMeans

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("collection", type=Path)
    parser.add_argument("feature")
    parser.add_argument("--label", required=True)
    parser.add_argument("-k", type=int, nargs="+", default=[75])
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    with Collection.open(options.collection) as collection:
        sources = [source for source in collection.list() if options.label in source.metadata]
        # A picture that lies in several places may have a list of labels: all together are its kind.
        _, kinds = np.unique([str(source.metadata[options.label]) for source in sources], return_inverse=True)
        rows = np.stack([collection.vectors(source.id)[options.feature] for source in sources])
        if collection.features()[options.feature].metric == "cosine":
            rows /= np.linalg.norm(rows, axis=1)[:, np.newaxis]
        for k in options.k:
            ours, seconds = [], 0.0
            for seed in range(options.seeds):
                begun = time.perf_counter()
                found = collection.clusters(options.feature, count=k, seed=seed)
                seconds += time.perf_counter() - begun
                place = np.searchsorted(found.numbers, [source.number for source in sources])
                ours.append(purity(found.labels[place], kinds))
            _tell(k, "lookalike", ours, seconds)
            for starts in (1, 4):
                begun = time.perf_counter()
                theirs = [
                    purity(KMeans(k, n_init=starts, random_state=seed).fit_predict(rows), kinds)
                    for seed in range(options.seeds)
                ]
                _tell(k, f"scikit-learn, {starts} starts", theirs, time.perf_counter() - begun)


def _tell(k: int, name: str, found: list[float], seconds: float) -> None:
    mean, spread = np.mean(found), np.std(found)
    print(f"{k} clusters, {name}: purity {mean:.4f} +- {spread:.4f}, {seconds / len(found):.1f} s")


if __name__ == "__main__":
    main()
