"""Three nodes, of which one is killed: what was acknowledged is there once, and searches go on."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter

import numpy as np
from tests.engine.museum import FIELDS, scheme, vectors
from tests.services.engines import EngineServer

from lookalike.engine import EngineIndex
from lookalike.engine.client import Engine, path_of
from lookalike.errors import EngineError

KILLS = int(os.environ.get("LOOKALIKE_KILLS", "1"))
"""Times that a node is killed while documents are written, and another while they are searched."""
BATCH = 25
PATIENCE = 150.0
"""Seconds within which the nodes that are left take documents again."""


class Writer(threading.Thread):
    """Adds batches until it is told to stop; one that fails is added again."""

    def __init__(self, index: EngineIndex, first: int) -> None:
        super().__init__()
        self._index, self._stop_asked = index, threading.Event()
        self.next = first
        self.acknowledged: list[str] = []
        self.failures: list[str] = []

    def run(self) -> None:
        while not self._stop_asked.is_set():
            ids = [f"w{i}" for i in range(self.next, self.next + BATCH)]
            rows = vectors()[np.arange(self.next, self.next + BATCH) % len(vectors())]
            try:
                self._index.add(ids, rows, [{"year": int(one[1:])} for one in ids], refresh=False)
            except EngineError as error:
                self.failures.append(str(error))
                continue
            self.acknowledged += ids
            self.next += BATCH

    def wait_for(self, count: int) -> None:
        """Wait until so many more documents are acknowledged."""
        enough, deadline = self.next + count, time.monotonic() + PATIENCE
        while self.next < enough and self.is_alive():
            self._stop_asked.wait(0.02)
            assert time.monotonic() < deadline, self.failures[-1:]

    def stop(self) -> None:
        self._stop_asked.set()
        self.join()


def all_ids(engine: Engine, index: str) -> Counter[str]:
    """Every id that a search of all shards finds, with how often it does."""
    body = {"size": 10_000, "_source": False, "track_total_hits": True}
    answer = engine.call(
        "POST", path_of(index, "_search"), body, params={"allow_partial_search_results": "false"}
    )
    assert answer["hits"]["total"]["value"] == len(answer["hits"]["hits"])
    return Counter(hit["_id"] for hit in answer["hits"]["hits"])


def test_a_killed_node_loses_nothing_doubles_nothing_and_stops_no_search(
    engine_cluster: EngineServer,
) -> None:
    engine = Engine.open(engine_cluster.url, timeout=30)
    with EngineIndex.create(engine, "killed", scheme=scheme(), fields=FIELDS, shards=2, replicas=1) as index:
        acknowledged: list[str] = []
        for kill in range(KILLS):
            writer = Writer(index, len(acknowledged))
            writer.start()
            writer.wait_for(4 * BATCH)
            victim = engine_cluster.nodes[kill % 3]
            victim.kill()
            writer.wait_for(8 * BATCH)
            writer.stop()
            acknowledged += writer.acknowledged
            index.refresh()
            assert all_ids(engine, index.name) == Counter(acknowledged)
            engine_cluster.restart(victim)
            assert all_ids(engine, index.name) == Counter(acknowledged)

            expected = index.search_many(vectors()[:5], 10)
            victim = engine_cluster.nodes[(kill + 1) % 3]
            for i in range(60):
                if i == 10:
                    victim.kill()
                found = index.search_many(vectors()[:5], 10)
                assert [hits.ids for hits in found] == [hits.ids for hits in expected]
            engine_cluster.restart(victim)
    engine.close()
