"""The HDF5 format of ann-benchmarks, in and out: `train`, `test`, `neighbors`, `distances`, attribute `distance`.

E. Bernhardsson, M. Aumueller and A. Faithfull, "ANN-Benchmarks", Information Systems 2020. Its "angular" is cosine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from benchmarks.missing import DatasetMissingError

METRICS = {"euclidean": "euclidean", "angular": "cosine", "dot": "dot"}


def read(path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[Any], str]:
    """Return base (n, d), queries (q, d) and metric of a file.

    Raises:
        DatasetMissingError: the file is not there, or not of this format.
    """
    try:
        with h5py.File(path) as file:
            metric = METRICS[str(file.attrs["distance"])]
            return np.asarray(file["train"]), np.asarray(file["test"]), metric
    except (OSError, KeyError) as error:
        raise DatasetMissingError(f"{path} is no file of ann-benchmarks: {error}") from None


def write(
    path: Path,
    base: npt.NDArray[Any],
    queries: npt.NDArray[Any],
    metric: str,
    ids: npt.NDArray[np.int64],
    distances: npt.NDArray[np.float64],
) -> None:
    """Write a file that ann-benchmarks reads, with the exact neighbours (q, k) and their distances."""
    with h5py.File(path, "w") as file:
        file.attrs["type"] = "dense"
        file.attrs["distance"] = {mine: theirs for theirs, mine in METRICS.items()}[metric]
        file.attrs["dimension"] = base.shape[1]
        file.attrs["point_type"] = "float"
        file["train"] = base
        file["test"] = queries
        file["neighbors"] = ids.astype(np.int32)
        file["distances"] = distances.astype(np.float32)
