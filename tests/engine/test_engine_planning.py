"""How candidates are found: a filter costs no hit, wherever it leaves documents."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.engine.museum import COUNT, IDS, nearest, vectors

from lookalike.engine import EngineIndex, TokenScheme, planning
from lookalike.engine import search as searching
from lookalike.engine.asked import Asked
from lookalike.engine.client import Engine
from lookalike.engine.query import MOST_HITS, graph_query
from lookalike.engine.search import Search
from lookalike.engine.terms import packed
from lookalike.hashing import Clusterings


@pytest.fixture(params=[60, MOST_HITS], ids=["ranked", "union"])
def narrow(engine: Engine, index_name: str, request: pytest.FixtureRequest) -> EngineIndex:
    """An index whose queries probe one cluster of 40 and compare 60 candidates, or all that share a token.

    `side` is where a vector lies.
    """
    family = Clusterings(tables=4, clusters=40).fit(vectors())
    scheme = TokenScheme(family, "euclidean", probes=1, candidates=request.param)
    index = EngineIndex.create(engine, index_name, scheme=scheme, fields={"side": "double", "part": "long"})
    told = [{"side": float(row[0]), "part": i % 10} for i, row in enumerate(vectors())]
    index.add(IDS, vectors(), told)
    return index


@pytest.fixture
def never_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no filter be so narrow that all documents that pass it are compared."""
    for name in ("EXACT_NUMBERS", "LARGEST_EXACT_NUMBERS"):
        monkeypatch.setattr(planning, name, 0)
    monkeypatch.setattr(planning, "TERM_NUMBERS", {"tokens": 0, "union": 0})


def exact(query: np.ndarray, allowed: np.ndarray) -> list[str]:
    distances = np.linalg.norm(vectors().astype(np.float64) - query, axis=1)
    return [IDS[i] for i in np.lexsort((np.arange(COUNT), distances)) if allowed[i]][:5]


@pytest.mark.usefixtures("never_all")
def test_a_filter_far_from_the_query_has_more_clusters_probed(narrow: EngineIndex) -> None:
    side = vectors()[:, 0]
    for share in (0.1, 0.25, 0.5):
        limit = float(np.quantile(side, share))
        for query in vectors()[np.argsort(side)[-3:]]:
            hits = narrow.search(query, 5, where={"side": (None, limit)})
            assert list(hits.ids) == exact(query, side <= limit)


@pytest.mark.usefixtures("never_all")
def test_a_filter_that_leaves_documents_everywhere_has_more_clusters_probed(narrow: EngineIndex) -> None:
    for query in vectors()[:5]:
        hits = narrow.search(query, 5, where={"part": 3})
        assert list(hits.ids) == exact(query, np.arange(COUNT) % 10 == 3)


def test_few_documents_that_pass_a_filter_are_all_compared(narrow: EngineIndex) -> None:
    plan = Search(narrow._target, Asked.of(where={"part": 3})).plan()
    assert plan.way == "exact"
    assert Search(narrow._target, Asked.of()).plan().by_tokens


def test_a_query_that_shares_too_few_tokens_is_compared_with_all(narrow: EngineIndex) -> None:
    assert len(narrow.search(vectors()[0] + 50, COUNT)) == COUNT


@pytest.mark.parametrize("narrow", [60], indirect=True)
@pytest.mark.usefixtures("never_all")
def test_a_query_that_shares_too_few_tokens_with_too_many_documents_says_so(
    narrow: EngineIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.engine.planning.CANDIDATES_K", COUNT)  # else more is probed for more hits
    hits = narrow.search(vectors()[0], COUNT)
    assert len(hits) < COUNT
    assert hits.notes == (
        "too few documents share a token with the query, and there are too many to compare them all",
    )


def test_terms_beyond_the_room_are_packed_by_table_and_rank() -> None:
    terms = [
        (f"{table}-{key}{rank}", 1 / (1 + key))
        for key in range(100)
        for table in range(3)
        for rank in ("", "-2")
    ]
    clauses = packed(terms, 60)
    assert len(clauses) <= 60
    assert clauses[:30] == [((token,), boost) for token, boost in terms[:30]]
    assert sorted(token for tokens, _ in clauses for token in tokens) == sorted(token for token, _ in terms)
    for tokens, boost in clauses:
        assert len({(token.split("-")[0], token.count("-")) for token in tokens}) == 1
        assert boost == max(dict(terms)[token] for token in tokens)


def test_terms_that_have_room_are_left_alone() -> None:
    assert packed([("0-1", 1.0), ("1-4", 0.5)], 2) == [(("0-1",), 1.0), (("1-4",), 0.5)]


def test_more_lists_than_there_is_room_for_lose_the_least() -> None:
    terms = [(f"{table}-0", 1 / (1 + table)) for table in range(300)]
    assert packed(terms, 100) == [((token,), boost) for token, boost in terms[:100]]


def test_a_graph_that_finds_too_few_is_not_all_that_is_asked(
    museum: EngineIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fewer(engine: Any, feature: str, query: Any, count: int, filters: Any) -> Any:
        return graph_query(engine, feature, query, 1, filters)

    monkeypatch.setattr(searching, "graph_query", fewer)
    hits = museum.search(vectors()[5], 10, candidates="knn")
    assert list(hits.ids) == [one for one, _ in nearest(vectors()[5])[:10]]
    assert len(museum.search(vectors()[5], COUNT, candidates="knn").ids) == len(IDS)
