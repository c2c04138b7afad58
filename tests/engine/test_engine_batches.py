"""Many searches at once: as many in a request as one timeout is enough for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.engine.museum import COUNT, DIMENSION, vectors

from lookalike.engine import EngineIndex, multi_search, search
from lookalike.engine.client import Engine

QUERIES = vectors()[:10] + 0.05
FILTER = {"shown": [True, False]}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many searches each request had that was sent."""
    counts: list[int] = []
    call = Engine.call

    def counted(self: Engine, method: str, path: str, body: Any = None, **options: Any) -> Any:
        if path.endswith(("/_search", "/_msearch")):
            counts.append(1 if isinstance(body, Mapping) else len(body) // 2)
        return call(self, method, path, body, **options)

    monkeypatch.setattr(Engine, "call", counted)
    return counts


def test_searches_are_sent_together_where_they_compare_little(museum: EngineIndex, sent: list[int]) -> None:
    museum.search_many(QUERIES, 3)
    assert 10 in sent


@pytest.mark.parametrize(("limit", "most"), [(1, 1), (3 * COUNT * DIMENSION, 3)])
def test_no_more_is_compared_for_one_request_than_its_timeout_is_enough_for(
    museum: EngineIndex, sent: list[int], monkeypatch: pytest.MonkeyPatch, limit: int, most: int
) -> None:
    expected = [hits.ids for hits in museum.search_many(QUERIES, 3, where=FILTER)]
    sent.clear()
    monkeypatch.setattr(multi_search, "COMPARED_TOGETHER", limit)
    assert [hits.ids for hits in museum.search_many(QUERIES, 3, where=FILTER)] == expected
    (_, *searches) = sent  # the first counts what the filter leaves
    assert searches[: 10 // most] == [most] * (10 // most)


def test_vectors_that_are_returned_are_dearer_than_those_that_are_compared(
    museum: EngineIndex, sent: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multi_search, "COMPARED_TOGETHER", 2 * 40 * DIMENSION * multi_search.RETURNED)
    museum.search_many(QUERIES, 10, candidates="knn")  # fetches 40 vectors a query
    assert max(sent) == 1
    sent.clear()
    museum.search_many(QUERIES, 4, candidates="knn")
    assert max(sent) == 4


def test_long_searches_are_sent_in_several_requests(
    museum: EngineIndex, sent: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multi_search, "SENT_BYTES", 10_000)
    where = {"year": list(range(1000, 2000))}
    museum.search_many(QUERIES, 3, where=where)
    assert len(sent) > len(QUERIES) // 2


def test_queries_are_answered_a_few_at_a_time_and_facets_counted_once(
    museum: EngineIndex, sent: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = museum.search_many(QUERIES, 3, facets=["shown"])
    monkeypatch.setattr(search, "QUERIES_TOGETHER", 3)
    sent.clear()
    found = museum.search_many(QUERIES, 3, facets=["shown"])
    assert [(hits.ids, hits.facets) for hits in found] == [(hits.ids, hits.facets) for hits in expected]
    assert max(sent) == 3
