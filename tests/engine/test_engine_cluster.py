"""Three nodes, of which one is killed: what was acknowledged is there once, and searches go on."""

from __future__ import annotations

import logging
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
"""Times that a node is killed while documents are written and searched, and another while they are only searched."""
BATCH = 25
PATIENCE = 150.0
"""Seconds within which the nodes that are left take documents again."""
STILL = {"year": (None, -1)}
"""Documents that nobody changes."""

logger = logging.getLogger(__name__)


class Writer(threading.Thread):
    """Adds batches until it is told to stop; one that fails is added again, as some of it may have been written."""

    def __init__(self, index: EngineIndex, first: int) -> None:
        super().__init__()
        self._index, self._stop_asked = index, threading.Event()
        self.next = first
        self.acknowledged: list[str] = []
        self.failures: list[str] = []

    def run(self) -> None:
        failed = False
        while failed or not self._stop_asked.is_set():
            ids = [f"w{i}" for i in range(self.next, self.next + BATCH)]
            rows = vectors()[np.arange(self.next, self.next + BATCH) % len(vectors())]
            try:
                self._index.add(ids, rows, [{"year": int(one[1:])} for one in ids], refresh=False)
            except EngineError as error:
                self.failures.append(str(error))
                failed = True
                continue
            failed = False
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


class Searcher(threading.Thread):
    """Searches among documents that nobody changes, until it is told to stop."""

    def __init__(self, index: EngineIndex) -> None:
        super().__init__()
        self._index, self._stop_asked = index, threading.Event()
        self._expected = self._search()
        self.right = 0
        self.wrong: list[object] = []

    def _search(self) -> list[tuple[str, ...]]:
        return [hits.ids for hits in self._index.search_many(vectors()[:5], 10, where=STILL)]

    def run(self) -> None:
        while not self._stop_asked.is_set():
            try:
                found = self._search()
            except EngineError as error:
                self.wrong.append(error)
            else:
                self.right += found == self._expected
                self.wrong += [found] if found != self._expected else []

    def stop(self) -> None:
        self._stop_asked.set()
        self.join()


def all_ids(engine: Engine, index: str) -> Counter[str]:
    """Every id that searches of all shards find, with how often they do."""
    found: Counter[str] = Counter()
    body = {"size": 10_000, "_source": False, "track_total_hits": True, "sort": ["year"]}
    while True:
        answer = engine.call(
            "POST", path_of(index, "_search"), body, params={"allow_partial_search_results": "false"}
        )
        hits, total = answer["hits"]["hits"], answer["hits"]["total"]["value"]
        found.update(hit["_id"] for hit in hits)
        if len(hits) < 10_000:
            assert found.total() == total
            return found
        body["search_after"] = hits[-1]["sort"]


def test_a_killed_node_loses_nothing_doubles_nothing_and_stops_no_search(
    engine_cluster: EngineServer,
) -> None:
    engine = Engine.open(engine_cluster.url, timeout=30)
    with EngineIndex.create(engine, "killed", scheme=scheme(), fields=FIELDS, shards=2, replicas=1) as index:
        acknowledged = [f"still{i}" for i in range(100)]
        index.add(acknowledged, vectors()[:100], [{"year": -1 - i} for i in range(100)])
        for kill in range(KILLS):
            writer, searcher = Writer(index, len(acknowledged)), Searcher(index)
            writer.start()
            searcher.start()
            writer.wait_for(4 * BATCH)
            victim = engine_cluster.nodes[kill % 3]
            victim.kill()
            writer.wait_for(8 * BATCH)
            writer.stop()
            searcher.stop()
            acknowledged += writer.acknowledged
            index.refresh()
            found = all_ids(engine, index.name)
            doubled = found.total() - len(found)
            told = (
                "kill %d: %d acknowledged, %d found, %d doubled, %d writes tried again, %d searches meanwhile"
            )
            logger.info(
                told, kill + 1, len(acknowledged), len(found), doubled, len(writer.failures), searcher.right
            )
            assert found == Counter(acknowledged)
            assert not searcher.wrong
            assert searcher.right > 0
            engine_cluster.restart(victim)
            assert all_ids(engine, index.name) == Counter(acknowledged)

            expected = index.search_many(vectors()[:5], 10)
            victim = engine_cluster.nodes[(kill + 1) % 3]
            for i in range(60):
                if i == 10:
                    victim.kill()
                again = index.search_many(vectors()[:5], 10)
                assert [hits.ids for hits in again] == [hits.ids for hits in expected]
            if kill + 1 < KILLS:
                engine_cluster.restart(victim)
    engine.close()
