"""The data sets by name.

`DATA` is a folder with what there is of `fashion-mnist/` (the official idx.gz files), `sift/` (`base_300k_u8.npy`,
`query_2k_u8.npy`), `products/images/`, `photos/` and `models/mobilenet_v2_1.0_224.onnx`. `clustered` is made from a
seed, and so is always there. Base and queries never share a photograph.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import descriptors, hdf5, network, synthetic
from benchmarks.missing import DatasetMissingError

QUERIES = 2000


@dataclass(frozen=True)
class Dataset:
    """Rows to search among, and queries that are none of them."""

    name: str
    base: npt.NDArray[Any]
    """(n, d), uint8 or float32."""
    queries: npt.NDArray[Any]
    metric: str


def fashion_mnist(data: Path) -> Dataset:
    """Return 60,000 pictures of 28 x 28 pixels, and 10,000 queries: the usual fashion-mnist-784-euclidean."""
    parts = []
    for name in ("train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz"):
        path = data / "fashion-mnist" / name
        if not path.exists():
            raise DatasetMissingError(f"there is no {path}")
        with gzip.open(path) as file:
            pixels = np.frombuffer(file.read(), dtype=np.uint8, offset=16)
        parts.append(pixels.reshape(-1, 784))
    return Dataset("fashion-mnist", parts[0], parts[1], "euclidean")


def sift_300k(data: Path) -> Dataset:
    """Return 300,000 SIFT descriptors of photographs, and 2,000 queries."""
    paths = [data / "sift" / name for name in ("base_300k_u8.npy", "query_2k_u8.npy")]
    for path in paths:
        if not path.exists():
            raise DatasetMissingError(f"there is no {path}")
    return Dataset("sift-300k", np.load(paths[0]), np.load(paths[1]), "euclidean")


def sift_1m(data: Path) -> Dataset:
    """Return a million SIFT descriptors made from the pictures, and 2,000 queries of other pictures."""
    base, queries = descriptors.sift([data / "products" / "images", data / "photos"], 1_000_000, QUERIES)
    return Dataset("sift-1m", base, queries, "euclidean")


def products(data: Path) -> Dataset:
    """Return 1,280 network features of each product photograph."""
    model = data / "models" / "mobilenet_v2_1.0_224.onnx"
    base, queries = network.products(data / "products" / "images", model, all_views=False)
    return Dataset("products", base, queries, "cosine")


def products_views(data: Path) -> Dataset:
    """Return 1,280 network features of seven views of each product photograph."""
    model = data / "models" / "mobilenet_v2_1.0_224.onnx"
    base, queries = network.products(data / "products" / "images", model, all_views=True)
    return Dataset("products-views", base, queries[:QUERIES], "cosine")


def clustered(rows: int) -> Callable[[Path], Dataset]:
    """Return the maker of clustered random rows of 96 dimensions."""

    def make(data: Path) -> Dataset:
        base = synthetic.vectors(rows, 96)
        return Dataset(
            f"clustered-{rows // 1000}k", base, synthetic.vectors(QUERIES, 96, kind=1), "euclidean"
        )

    return make


DATASETS: dict[str, Callable[[Path], Dataset]] = {
    "clustered-50k": clustered(50_000),
    "fashion-mnist": fashion_mnist,
    "sift-300k": sift_300k,
    "products": products,
    "products-views": products_views,
    "sift-1m": sift_1m,
    "clustered-1000k": clustered(1_000_000),
}
SMALL = ("clustered-50k", "fashion-mnist")


def load(name: str, data: Path) -> Dataset:
    """Return a data set by name, or of an HDF5 file of ann-benchmarks by path.

    Raises:
        DatasetMissingError: it is not there; the message says what is missing.
    """
    if name in DATASETS:
        return DATASETS[name](data)
    path = Path(name)
    if path.suffix not in (".hdf5", ".h5"):
        raise DatasetMissingError(f"{name} is no data set; there are {', '.join(DATASETS)}, or a .hdf5 file")
    base, queries, metric = hdf5.read(path)
    return Dataset(path.stem, base, queries, metric)
