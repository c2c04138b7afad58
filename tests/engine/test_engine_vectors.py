"""How engines keep vectors: in files of their own, whole after merges, without a graph that nobody asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.engine.museum import DIMENSION, IDS, make_museum, scheme, vectors

from lookalike.arrays import Float32
from lookalike.engine import EngineIndex
from lookalike.engine.client import Engine, path_of
from lookalike.engine.mapping import loses_shards
from lookalike.errors import EngineError

GRAPH = "vex"
"""The file of Lucene that holds a graph."""


@pytest.mark.parametrize("graph", [False, True])
def test_vectors_stay_as_they_are_through_changes_and_merges(
    engine: Engine, index_name: str, graph: bool
) -> None:
    """OpenSearch makes the vectors of documents anew from its files of vectors, which each merge rewrites."""
    random = np.random.default_rng(5)
    index = EngineIndex.create(engine, index_name, scheme=scheme(), graph=graph)
    kept: dict[str, Float32] = {}
    for step in range(12):
        changed = random.choice(300, int(random.choice([1, 20, 90])), replace=False)
        rows = random.normal(size=(len(changed), DIMENSION)).astype(np.float32)
        ids = [f"d{i}" for i in changed]
        index.add(ids, rows, refresh=bool(random.integers(2)))
        kept |= dict(zip(ids, rows, strict=True))
        gone = sorted(kept)[: int(random.integers(8))]
        index.remove(gone)
        for one in gone:
            del kept[one]
        if step % 3 == 2:
            merged = {"max_num_segments": str(random.integers(1, 4))}
            engine.call("POST", path_of(index_name, "_forcemerge"), params=merged)
    np.testing.assert_array_equal(index.vectors(list(kept)), np.array(list(kept.values())))


def test_no_graph_is_built_that_was_not_asked_for(engine: Engine, index_name: str) -> None:
    make_museum(engine, index_name)
    assert not _has_graph(engine, index_name)


def test_a_graph_is_built_that_was_asked_for(engine: Engine, index_name: str) -> None:
    make_museum(engine, index_name, graph=True)
    assert _has_graph(engine, index_name)


def test_an_index_with_a_graph_does_not_forbid_graphs(engine: Engine, index_name: str) -> None:
    """OpenSearch up to 3.5 heeds that setting for one kind of graph alone, later releases for all."""
    make_museum(engine, index_name, graph=True)
    (told,) = engine.call("GET", path_of(index_name, "_settings"), params={"flat_settings": "true"}).values()
    assert told["settings"].get("index.knn.advanced.approximate_threshold", "0") != "-1"


def test_vectors_are_kept_once(engine: Engine, index_name: str) -> None:
    """They are left out of the stored documents by those releases that can make them anew."""
    if engine.version < {"opensearch": (3,), "elasticsearch": (9, 2)}[engine.name]:
        pytest.skip("this release keeps vectors in its stored documents, too")
    rows = np.random.default_rng(6).normal(size=(400, 400)).astype(np.float32)
    index = EngineIndex.create(engine, index_name, sample=rows)
    index.add([str(i) for i in range(400)], rows)
    engine.call("POST", path_of(index_name, "_forcemerge"), params={"max_num_segments": "1"})
    for path in ("_flush", "_refresh", "_flush"):  # which lets go of the segments that were merged
        engine.call("POST", path_of(index_name, path))
    assert sum(_files(engine, index_name).values()) < 1.4 * rows.nbytes


def test_an_index_that_a_release_would_lose_is_not_attached(engine: Engine, index_name: str) -> None:
    if not loses_shards(engine):
        pytest.skip("this release keeps its shards")
    plain = {"properties": {"mine": {"type": "knn_vector", "dimension": 2}}}
    engine.call("PUT", path_of(index_name), {"mappings": plain})
    with pytest.raises(EngineError, match=r"before 2\.19\.3 loses an index"):
        EngineIndex.attach(engine, index_name, scheme=scheme())


def test_a_second_feature_is_kept_as_the_first(engine: Engine, index_name: str) -> None:
    make_museum(engine, index_name)
    second = EngineIndex.attach(engine, index_name, scheme=scheme("cosine"), feature="other")
    second.add(IDS[:9], vectors()[50:59])
    assert not _has_graph(engine, index_name)
    fields = _features(engine, index_name)
    assert fields["other"]["properties"]["vector"] == fields["vector"]["properties"]["vector"]


def _features(engine: Engine, name: str) -> dict[str, Any]:
    (described,) = engine.call("GET", path_of(name, "_mapping")).values()
    features: dict[str, Any] = described["mappings"]["properties"]["lookalike"]["properties"]
    return features


def _has_graph(engine: Engine, name: str) -> bool:
    """Whether vectors have a graph; Elasticsearch packs its files, and says so in the mapping alone."""
    if engine.name == "opensearch":
        return GRAPH in _files(engine, name)
    options = _features(engine, name)["vector"]["properties"]["vector"]["index_options"]
    return "hnsw" in options["type"]


def _files(engine: Engine, name: str) -> dict[str, int]:
    """Return the bytes of an index's files by their endings."""
    asked = {"include_segment_file_sizes": "true"}
    told: dict[str, Any] = engine.call("GET", path_of(name, "_stats", "segments"), params=asked)
    files = told["_all"]["primaries"]["segments"]["file_sizes"]
    return {ending: file["size_in_bytes"] for ending, file in files.items()}
