"""Ways of finding the ten nearest documents in a search engine, and how soon they answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import numpy as np

from lookalike import EngineIndex
from lookalike.arrays import Float32, Int64
from lookalike.engine.client import Engine, path_of
from lookalike.engine.mapping import tokens_field
from lookalike.engine.query import rescored
from lookalike.engine.rescore import script_query
from lookalike.engine.vector_form import VectorForm

K = 10
WARM_SECONDS = 4.0
"""For so long each way is asked before its times count: the engine compiles itself meanwhile."""
SECONDS = 12.0
"""A way that is slow is asked fewer queries, about so long."""
CLIENTS, CLIENTS_SECONDS = 8, 4.0

Find = Callable[[Float32], Sequence[str]]


@dataclass(slots=True)
class Way:
    """One way of searching, and what was seen of it."""

    name: str
    index: str
    find: Find
    """Returns the ids of the ten nearest to a vector (d,)."""
    tokens: int = 0
    terms: int = 0
    times: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    rate: float = 0.0
    """Queries a second of `CLIENTS`."""

    def ask(self, query: Float32, nearest: Int64) -> None:
        """Ask for one query's neighbours, and note time and recall."""
        started = time.perf_counter()
        ids = self.find(query)
        self.times.append(time.perf_counter() - started)
        self.shares.append(len(set(ids[:K]) & set(map(str, nearest))) / K)

    @property
    def recall(self) -> float:
        """Share of the ten nearest that were found."""
        return float(np.mean(self.shares))

    def milliseconds(self, percentile: float) -> float:
        """Return the time of a query."""
        return 1000 * float(np.percentile(self.times, percentile))


def measure(ways: Sequence[Way], queries: Float32, nearest: Int64, *, clients: bool = True) -> None:
    """Ask all ways in turn, query after query, one client; and then each of them by `CLIENTS` at once."""
    for way in ways:
        _warm(way.find, queries)
    for query, near in zip(queries, nearest, strict=True):
        for way in ways:
            if sum(way.times) < SECONDS:
                way.ask(query, near)
    for way in ways if clients else ():
        way.rate = _rate(way.find, queries)


def _warm(find: Find, queries: Float32) -> None:
    until = time.perf_counter() + WARM_SECONDS
    for query in cycle(queries):
        if time.perf_counter() > until:
            return
        find(query)


def _rate(find: Find, queries: Float32) -> float:
    until = time.perf_counter() + CLIENTS_SECONDS

    def ask(client: int) -> int:
        count = 0
        while time.perf_counter() < until:
            find(queries[(client + CLIENTS * count) % len(queries)])
            count += 1
        return count

    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        count = sum(pool.map(ask, range(CLIENTS)))
    return count / (time.perf_counter() - started)


def by_tokens(index: EngineIndex, **options: Any) -> Find:
    """Return the search by tokens, of ids and distances alone."""
    return lambda query: index.search(query, K, documents=False, **options).ids


def by_graph(engine: Engine, name: str, count: int, form: VectorForm) -> Find:
    """Return the search by the engine's own HNSW for `count` neighbours, of ids and scores alone.

    Elasticsearch compares as many again, exactly, as `k` says, where it keeps few bits of vectors.
    """
    path = path_of(name, "_search")

    def find(query: Float32) -> list[str]:
        body: dict[str, Any] = {"size": K, "_source": False, "track_total_hits": False}
        vector = form.asked(query)
        if engine.name == "opensearch":
            beam = {"method_parameters": {"ef_search": count}}
            body["query"] = {"knn": {"vector": {"vector": vector, "k": K, **beam}}}
        else:
            body["knn"] = {"field": "vector", "query_vector": vector, "k": count, "num_candidates": count}
        return _ids(engine.call("POST", path, body))

    return find


def by_script(engine: Engine, name: str) -> Find:
    """Return the search that compares all vectors, of ids and scores alone."""
    path = path_of(name, "_search")

    def find(query: Float32) -> list[str]:
        body = {"size": K, "_source": False, "track_total_hits": False}
        return _ids(
            engine.call("POST", path, {**body, "query": script_query(engine.name, "vector", query, ())})
        )

    return find


def by_defaults_of_more_like_this(index: EngineIndex, engine: Engine, candidates: int) -> Find:
    """Return the search by the engines' own `more_like_this` as it comes, of which the best are rescored."""
    scheme = index.scheme
    path = path_of(index.name, "_search")

    def find(query: Float32) -> list[str]:
        (tokens,) = scheme.document_tokens(query[np.newaxis])
        like = {"more_like_this": {"fields": [tokens_field(index.feature)], "like": tokens}}
        body = {"size": K, "_source": False, "track_total_hits": False, "query": like}
        vector = index._target.header.form.asked(query)
        body = rescored(engine.name, index.feature, body, vector, candidates)
        return _ids(engine.call("POST", path, body))

    return find


def _ids(answer: Any) -> list[str]:
    return [hit["_id"] for hit in answer["hits"]["hits"]]
