"""Indexes that Annoy saved: `AnnoyIndex.save`. A file tells neither its metric nor its dimension, and is mapped.

Annoy takes a file of another dimension or metric for one of those that it is given, as long as its size happens to
fit; so the nodes of the items are looked at first. A node of an item begins with int32 1 (the number of its
descendants), then:

    angular               float32 |v|^2, 4 bytes, float32 v
    euclidean, manhattan  12 bytes of zero, float32 v
    dot                   8 bytes of zero, float32 sqrt(max |v|^2 - |v|^2), float32 v
    hamming               12 bytes, uint64 words of bits
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.errors import OptionError, VectorFileError
from lookalike.vectorfiles.saved.metrics import translated
from lookalike.vectorfiles.saved.reader import Asked, Ids, Reader, load

_NAMES = {"cosine": "angular", "euclidean": "euclidean", "dot": "dot", "hamming": "hamming"}
_READ_BYTES = 8 << 20


class AnnoyReader(Reader):
    """Float32 as it went in, or bits; items that were never given are left out."""

    def __init__(self, asked: Asked) -> None:
        annoy = load("annoy", "annoy", "annoy")
        if asked.dimension is None or asked.metric is None:
            raise OptionError(
                f"{asked.path}: a file of Annoy tells neither its dimension nor its metric; give both, as in "
                "--dimension 128 --metric angular"
            )
        self.metric = translated(asked.metric, asked.path)
        self.dimension = asked.dimension
        self.dtype = np.dtype(bool if self.metric == "hamming" else np.float32)
        name = _NAMES[self.metric]
        self._index = annoy.AnnoyIndex(asked.dimension, name)
        try:
            self._index.load(str(asked.path))
        except OSError:
            raise _other(asked, name) from None
        self._items = _items(asked, name, int(self._index.get_n_items()))
        self.rows = len(self._items)

    def ids(self, first: int, last: int) -> Ids:
        return self._items[first:last]

    def vectors(self, first: int, last: int) -> npt.NDArray[Any]:
        rows = [self._index.get_item_vector(item) for item in self._items[first:last].tolist()]
        return np.asarray(rows, np.float32).astype(self.dtype)


def _items(asked: Asked, name: str, count: int) -> npt.NDArray[np.int64]:
    """Return the items that a file holds, after their nodes were looked at."""
    assert asked.dimension is not None
    if name == "hamming":
        node = 16 + 8 * -(-asked.dimension // 64)
    else:
        node = (12 if name == "angular" else 16) + 4 * asked.dimension
    nodes = asked.path.stat().st_size // node
    if count < 1 or nodes <= count:  # there is no tree above the items
        raise _other(asked, name)
    items = []
    longest: list[float] = []  # squared, of the blocks of an index of dot
    with asked.path.open("rb") as file:
        step = max(1, _READ_BYTES // node)
        for first in range(0, count, step):
            words = np.fromfile(file, np.int32, min(step, count - first) * node // 4).reshape(-1, node // 4)
            given = words[:, 0] == 1
            if not _fit(name, asked.dimension, words[given], longest) or words[~given, 0].any():
                raise _other(asked, name)
            items.append(first + np.flatnonzero(given))
        if not _is_tree(np.fromfile(file, np.int32, node // 4), count):
            raise _other(asked, name)
    return np.concatenate(items) if items else np.empty(0, np.int64)


def _fit(name: str, dimension: int, nodes: npt.NDArray[np.int32], longest: list[float]) -> bool:
    """Whether nodes of items are those of a metric."""
    if name == "hamming":
        bits = np.unpackbits(nodes[:, 4:].copy().view(np.uint8), axis=1, bitorder="little")
        return not nodes[:, 1:3].any() and not bits[:, dimension:].any()
    if name == "euclidean":
        return not nodes[:, 1:4].any()
    start = 3 if name == "angular" else 4
    squares = np.square(nodes[:, start:].view(np.float32), dtype=np.float64).sum(axis=1)
    told = nodes[:, start - 2 if name == "angular" else start - 1].copy().view(np.float32).astype(np.float64)
    if name == "angular":
        return np.allclose(told, squares, rtol=1e-3)
    sums = squares + told**2
    longest += sums[:1].tolist()
    return not nodes[:, 1:3].any() and np.allclose(sums, longest[:1], rtol=1e-3)


def _is_tree(node: npt.NDArray[np.int32], items: int) -> bool:
    """Whether the node after the items is one of a tree; of a file cut short, Annoy takes an item for the root."""
    return bool(node[0] > 1) if items > 1 else not node[1:].any()


def _other(asked: Asked, name: str) -> VectorFileError:
    return VectorFileError(
        f"{asked.path} is no index that Annoy saved with dimension {asked.dimension} and metric {name}; "
        "give those that it was made with, unless it is damaged"
    )
