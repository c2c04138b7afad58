"""An engine that computes no distances, and is easily too busy: hits are the same, and nothing is lost."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from tests.engine.museum import COUNT, IDS, documents, make_museum, nearest, scheme, vectors
from tests.services.engines import EngineServer

from lookalike.engine import EngineIndex
from lookalike.engine.client import Engine
from lookalike.errors import OptionError

WRITERS = 6
EACH = 200


def test_hits_are_exact_and_writes_are_complete(limited_server: EngineServer) -> None:
    engine = Engine.open(limited_server.url, timeout=60)
    with make_museum(engine, "museum") as index:
        assert not index._target.scripts
        check_hits(index)
        index.rebuild(scheme=scheme())
        check_hits(index)
    check_writers(engine)
    if engine.name == "opensearch":
        with pytest.raises(OptionError, match="k-NN plug-in is not there"):
            EngineIndex.create(engine, "graph", scheme=scheme(), graph=True)
    rejected = limited_server.request("GET", "/_nodes/stats/thread_pool")["nodes"].values()
    assert sum(node["thread_pool"]["write"]["rejected"] for node in rejected) > 0
    engine.close()


def check_hits(index: EngineIndex) -> None:
    query = vectors()[4] + np.float32(0.05)
    exact = nearest(query)
    hits = index.search(query, 10)
    assert list(hits.ids) == [one for one, _ in exact[:10]]
    assert np.allclose(hits.distances, [distance for _, distance in exact[:10]], rtol=1e-6)
    assert [hit.document for hit in hits] == [documents()[IDS.index(hit.id)] for hit in hits]
    oak = [one for one, told in zip(IDS, documents(), strict=True) if "oak" in told["material"]]
    narrowed = index.search(query, COUNT, where={"material": "oak"}, documents=False)
    assert list(narrowed.ids) == [one for one, _ in exact if one in oak]
    assert index.search(vectors()[4], 2).ids == (IDS[4], IDS[104])


def check_writers(engine: Engine) -> None:
    """Let many write at once, each documents of its own, by requests of few documents."""
    index = EngineIndex.create(engine, "written", scheme=scheme())
    failed: list[BaseException] = []

    def add(writer: int) -> None:
        try:
            for start in range(0, EACH, 20):
                ids = [f"{writer}-{i}" for i in range(start, start + 20)]
                index.add(ids, vectors()[start : start + 20], [{}] * 20, refresh=False)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=add, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    index.refresh()
    assert len(index) == WRITERS * EACH
