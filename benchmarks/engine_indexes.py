"""Indexes of one data set in a search engine, each by one way of finding neighbours, and what they cost to make."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from lookalike import EngineIndex
from lookalike.arrays import Float32, Metric, Rows
from lookalike.engine.bulk import Action, write
from lookalike.engine.client import Engine, path_of
from lookalike.engine.tokens import TokenScheme
from lookalike.engine.vector_form import VectorForm
from lookalike.engine.writing import in_streams
from lookalike.errors import EngineError

Documents = list[dict[str, Any]]
NUMBER = "number"
"""The one field of each document: its place in a random order, by which filters leave a share of all documents."""
TIMEOUT = 3600.0
PARTS = {
    "fdt": "source",
    "dvd": "doc values",
    "vec": "vectors",
    "veq": "vectors",
    "veb": "vectors",
    "vex": "graph",
}
"""Parts of an index by the files of Lucene that hold them; all others are tokens, numbers and ids."""


@dataclass(frozen=True, slots=True)
class Made:
    """What an index cost."""

    documents: int
    written: float
    """Seconds until all documents were acknowledged and can be searched, the making of tokens included."""
    merged: float
    """Seconds of merging them into one segment."""
    parts: dict[str, float]
    """Bytes a document on disk, by `PARTS`."""

    @property
    def rate(self) -> float:
        """Documents a second, written and merged."""
        return self.documents / (self.written + self.merged)

    @property
    def bytes(self) -> float:
        """Bytes a document."""
        return sum(self.parts.values())


def documents(count: int) -> Documents:
    """Return so many documents, each with a `NUMBER` of its own."""
    return [{NUMBER: int(number)} for number in np.random.default_rng(0).permutation(count)]


def make_tokens(engine: Engine, name: str, scheme: TokenScheme, base: Rows) -> Made:
    """Make an index of tokens."""
    drop(engine, name)
    index = EngineIndex.create(engine, name, scheme=scheme, dtype=base.dtype.name, fields={NUMBER: "long"})
    return _made(
        engine, name, len(base), lambda: index.add(_ids(base), base, documents(len(base)), refresh=False)
    )


def make_plain(engine: Engine, name: str, metric: Metric, base: Rows, *, graph: bool) -> Made:
    """Make an index of vectors alone, as one does without Lookalike, all else by the engine's defaults.

    Args:
        graph: whether the engine indexes them by its own HNSW, quantised where that is its default.
    """
    drop(engine, name)
    form = plain_form(engine, base)
    settings: dict[str, Any] = {"number_of_shards": 1, "number_of_replicas": 0}
    if engine.name == "opensearch":
        space = "cosinesimil" if metric == "cosine" else "l2"
        mapping = form.described(base.shape[1])
        if graph:
            settings["knn"] = True
            mapping["method"] = {"name": "hnsw", "engine": "lucene", "space_type": space}
    else:
        mapping = {**form.described(base.shape[1]), "index": graph}
        if graph:
            mapping["similarity"] = "cosine" if metric == "cosine" else "l2_norm"
    fields = {NUMBER: {"type": "long"}, "vector": mapping}
    body = {"settings": {"index": settings}, "mappings": {"dynamic": False, "properties": fields}}
    engine.call("PUT", path_of(name), body, timeout=TIMEOUT)

    def write_part(part: slice) -> None:
        write(engine, name, _actions(base[part].astype(np.float32), part.start, form))

    return _made(engine, name, len(base), lambda: in_streams(write_part, len(base)))


def plain_form(engine: Engine, base: Rows) -> VectorForm:
    """Return how an index of vectors alone keeps them."""
    return VectorForm("knn_vector" if engine.name == "opensearch" else "dense_vector", base.dtype.name)


def drop(engine: Engine, name: str) -> None:
    """Delete an index of either kind, unless it is not there."""
    try:
        EngineIndex.open(engine, name).drop()
    except EngineError:
        try:
            engine.call("DELETE", path_of(name), timeout=TIMEOUT)
        except EngineError as error:
            if error.kind != "index_not_found_exception":
                raise


def _made(engine: Engine, name: str, count: int, add: Callable[[], Any]) -> Made:
    started = time.perf_counter()
    add()
    engine.call("POST", path_of(name, "_refresh"), timeout=TIMEOUT)
    written = time.perf_counter()
    engine.call("POST", path_of(name, "_forcemerge"), params={"max_num_segments": "1"}, timeout=TIMEOUT)
    merged = time.perf_counter()
    for path in ("_flush", "_refresh", "_flush"):  # which lets go of the segments that were merged
        engine.call("POST", path_of(name, path), timeout=TIMEOUT)
    return Made(count, written - started, merged - written, parts(engine, name, count))


def parts(engine: Engine, name: str, count: int) -> dict[str, float]:
    """Return bytes a document on disk, by `PARTS`."""
    asked = {"include_segment_file_sizes": "true"}
    told = engine.call("GET", path_of(name, "_stats", "segments,store"), params=asked)["_all"]["primaries"]
    sizes: dict[str, float] = {}
    for suffix, file in told["segments"]["file_sizes"].items():
        part = PARTS.get(suffix, "tokens and others")
        sizes[part] = sizes.get(part, 0.0) + file["size_in_bytes"] / count
    return sizes


def _ids(base: Rows) -> list[str]:
    return [str(i) for i in range(len(base))]


def _actions(some: Float32, first: int, form: VectorForm) -> Iterator[Action]:
    """Yield what writes some vectors, those from the `first` on, as quickly as Lookalike writes its own."""
    for i, vector in enumerate(form.written(some), first):
        yield Action(str(i), {NUMBER: i, "vector": vector})
