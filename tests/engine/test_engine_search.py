"""Searching: hits are those of exact search, and words, filters and facets mean what they mean in plain Python."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.engine.museum import COUNT, DIMENSION, IDS, documents, make_museum, nearest, scheme, vectors

from lookalike.arrays import Metric
from lookalike.catalogue.where import Where
from lookalike.engine import EngineIndex
from lookalike.engine.client import Engine
from lookalike.errors import EngineError, OptionError, UnknownIdError
from lookalike.index import Index

QUERIES = vectors()[:8] + np.float32(0.05)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_hits_are_those_of_the_index_in_memory(engine: Engine, index_name: str, metric: Metric) -> None:
    index = make_museum(engine, index_name, metric)
    ids, distances = Index.build(vectors(), metric=metric).search(QUERIES, 15)
    for hits, expected_ids, expected in zip(index.search_many(QUERIES, 15), ids, distances, strict=True):
        assert [IDS.index(one) for one in hits.ids] == expected_ids.tolist()
        assert np.allclose(hits.distances, expected, rtol=1e-6)


def test_scores_too_coarse_for_distances_are_not_relied_upon(engine: Engine, index_name: str) -> None:
    """Squared distances of 1e-8 all but vanish in 1 / (1 + d^2), and equal scores hide an order."""
    index = make_museum(engine, index_name, "euclidean")
    close = np.float32(1e-4) * np.random.default_rng(5).standard_normal((12, DIMENSION), dtype=np.float32)
    names = [f"close-{i}" for i in range(12)]
    index.add(names, vectors()[0] + close, [{}] * 12)
    (order,), (expected,) = Index.build(vectors()[0] + close).search(vectors()[:1], 12)
    hits = index.search(vectors()[0], 14)
    assert [one for one in hits.ids if one in names] == [names[i] for i in order]
    assert hits.distances[-12:].tolist() == expected.tolist()


def test_one_query_and_many_find_the_same(museum: EngineIndex) -> None:
    for query, hits in zip(QUERIES, museum.search_many(QUERIES, 5), strict=True):
        alone = museum.search(query, 5)
        assert (alone.ids, alone.distances.tolist()) == (hits.ids, hits.distances.tolist())


def test_equal_distances_are_ordered_by_id_over_shards(museum: EngineIndex) -> None:
    for i in range(20):
        assert museum.search(vectors()[i], 2).ids == (IDS[i], IDS[100 + i])
        assert museum.search(vectors()[i], 1).ids == (IDS[i],)


def test_hits_bring_their_documents_and_nothing_that_was_added(museum: EngineIndex) -> None:
    hits = museum.search(QUERIES[0], 3)
    assert [hit.document for hit in hits] == [documents()[IDS.index(hit.id)] for hit in hits]
    assert [hit.document for hit in museum.search(QUERIES[0], 3, documents=False)] == [{}, {}, {}]


@pytest.mark.parametrize(
    "fields",
    [
        {"material": "oak"},
        {"material": ["oak", "Glass"], "year": (1850, 1900)},
        {"year": (None, 1801)},
        {"shown": True, "weight": (50.0, None)},
        {"acquired": ("1950", "1951-06-30")},
        {"acquired": "1950-03-23"},
        {"material": "glass"},
        {"year": 1850.5},
        {"shown": "true"},
    ],
)
def test_a_filter_leaves_what_plain_python_leaves_and_costs_no_hit(
    museum: EngineIndex, fields: dict[str, Any]
) -> None:
    where = Where.of(fields)
    matching = {one for one, document in zip(IDS, documents(), strict=True) if where.matches(document)}
    expected = [one for one, _ in nearest(QUERIES[0]) if one in matching][:10]
    assert list(museum.search(QUERIES[0], 10, where=fields).ids) == expected


def test_words_narrow_to_those_that_have_them_all(museum: EngineIndex) -> None:
    hits = museum.search(QUERIES[0], COUNT, text="SHIP dog")
    expected = {
        i
        for i, d in zip(IDS, documents(), strict=True)
        if {"ship", "dog"} <= set(d["title"].lower().replace(",", "").split())
    }
    assert set(hits.ids) == expected != set()
    assert list(hits.ids) == [one for one, _ in nearest(QUERIES[0]) if one in expected]


def test_a_word_that_is_taken_apart_has_to_stand_together(museum: EngineIndex) -> None:
    assert len(museum.search(QUERIES[0], COUNT, text="t-shirt")) > 0
    assert len(museum.search(QUERIES[0], COUNT, text="shirt-t")) == 0


def test_facets_count_what_filter_and_words_leave_whatever_it_looks_like(museum: EngineIndex) -> None:
    hits = museum.search(
        QUERIES[0], 1, where={"year": (1900, None)}, text="dog", facets=["material", "shown"]
    )
    met = [d for d in documents() if d.get("year", 0) >= 1900 and "dog" in d["title"]]
    materials = Counter(
        m for d in met for m in (d["material"] if isinstance(d["material"], list) else [d["material"]])
    )
    assert dict(hits.facets["material"]) == dict(materials)
    assert dict(hits.facets["shown"]) == dict(Counter(d["shown"] for d in met if d["shown"] is not None))


def test_weighed_words_fuse_both_rankings(museum: EngineIndex) -> None:
    by_looks = museum.search(QUERIES[0], 10)
    assert museum.search(QUERIES[0], 10, text="ship", text_weight=0).ids == by_looks.ids
    by_words = museum.search(QUERIES[0], 10, text="ship", text_weight=1)
    assert all("ship" in hit.document["title"] for hit in by_words)
    both = museum.search(QUERIES[0], 10, text="ship", text_weight=0.5)
    assert both[0].id in museum.search(QUERIES[0], COUNT, text="ship").ids
    exact = dict(nearest(QUERIES[0]))
    assert np.allclose(both.distances, [exact[one] for one in both.ids], rtol=1e-6)


def test_a_distance_limit_is_meant_as_a_distance(museum: EngineIndex) -> None:
    limit = nearest(QUERIES[0])[4][1] + 1e-6
    assert len(museum.search(QUERIES[0], 100, max_distance=limit)) == 5
    assert len(museum.search(QUERIES[0] + 1000, 100, max_distance=1.0)) == 0


def test_all_documents_are_found_where_k_is_all(museum: EngineIndex) -> None:
    hits = museum.search(QUERIES[3], COUNT + 5)
    assert sorted(hits.ids) == IDS
    assert hits.distances.tolist() == sorted(hits.distances.tolist())


def test_the_graph_of_the_engine_gives_candidates_that_are_compared_exactly(museum: EngineIndex) -> None:
    exact = dict(nearest(QUERIES[0]))
    hits = museum.search(QUERIES[0], 10, candidates="knn", where={"shown": True}, facets=["shown"])
    assert len(hits) == 10
    assert hits.facets == {"shown": [(True, sum(told["shown"] is True for told in documents()))]}
    assert all(hit.document["shown"] for hit in hits)
    assert np.allclose(hits.distances, [exact[one] for one in hits.ids], rtol=1e-6)


def test_the_graph_is_asked_for_where_the_index_has_one(engine: Engine, index_name: str) -> None:
    index = make_museum(engine, index_name)
    with pytest.raises(OptionError, match="made without a graph"):
        index.search(QUERIES[0], candidates="knn")


def test_the_request_is_the_one_that_answers(museum: EngineIndex, engine: Engine) -> None:
    request = museum.request(QUERIES[0], 5, text="ship", facets=["material"])
    answer = engine.call(request["method"], request["path"], request["body"], params=request["params"])
    hits = museum.search(QUERIES[0], 5, text="ship", facets=["material"])
    assert {hit["_id"] for hit in answer["hits"]["hits"]} >= set(hits.ids)
    assert answer["aggregations"]["all"]["met"]["material"]["buckets"]


def test_an_explanation_adds_up(museum: EngineIndex) -> None:
    told = museum.explain(QUERIES[0], IDS[0])
    assert told.distance == museum.search(QUERIES[0], 1)[0].distance
    assert told.score == sum(boost for _, boost in told.shared) > 0
    assert told.tokens == 3
    with pytest.raises(UnknownIdError, match="no document 'nothing'"):
        museum.explain(QUERIES[0], "nothing")


@pytest.mark.parametrize("factors", [False, True])
def test_engines_score_candidates_as_they_are_explained(
    engine: Engine, index_name: str, factors: bool
) -> None:
    scheme_of_few = replace(scheme(), probes=2)
    if factors:
        scheme_of_few = scheme_of_few.spread_out(vectors())
    index = EngineIndex.create(engine, index_name, scheme=scheme_of_few, shards=2)
    index.add(IDS, vectors())
    request = index.request(QUERIES[0], 30)
    del request["body"]["rescore"]
    answer = engine.call(request["method"], request["path"], request["body"])
    for hit in answer["hits"]["hits"][:10]:
        assert np.isclose(hit["_score"], index.explain(QUERIES[0], hit["_id"]).score, rtol=1e-6)
    assert index.search(QUERIES[0], 1)[0].id == nearest(QUERIES[0])[0][0]


def test_more_like_this_finds_alike_by_id_and_by_vector(museum: EngineIndex) -> None:
    by_id = museum.more_like_this(id=IDS[3], k=5)
    by_vector = museum.more_like_this(vectors()[3], k=5)
    assert by_id.ids == by_vector.ids
    assert by_id.ids[:2] == (IDS[3], IDS[103])
    with pytest.raises(UnknownIdError):
        museum.more_like_this(id="nothing")


def test_more_like_this_finds_the_only_two_that_are_alike(engine: Engine, index_name: str) -> None:
    index = make_museum(engine, index_name)
    index.remove([one for one in IDS if one not in ("thing-000", "thing-100")])
    assert index.more_like_this(id="thing-000").ids == ("thing-000", "thing-100")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k is 0"),
        ({"k": 5001}, "k is 5001"),
        ({"text_weight": 0.5}, "give text"),
        ({"text": "a", "text_weight": 2}, "share from 0 to 1"),
        ({"text": "..."}, "no word to look for"),
        ({"text": 5}, "text is of type int"),
        ({"candidates": "magic"}, "choose tokens or knn"),
        ({"facets": "material"}, "give a list"),
        ({"facets": ["title"]}, "cannot be filtered or counted"),
        ({"facets": ["nothing"]}, "no metadata field 'nothing'"),
        ({"where": {"nothing": 1}}, "no metadata field 'nothing'"),
        ({"where": {"title": "ship"}}, "search it by words"),
        ({"where": {"acquired": ("yesterday", None)}}, "is no date"),
        ({"max_distance": "near"}, "max_distance"),
    ],
)
def test_bad_options_are_refused_in_words(museum: EngineIndex, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        museum.search(QUERIES[0], **options)


def test_more_words_than_an_engine_takes_are_refused_in_words(museum: EngineIndex) -> None:
    with pytest.raises(EngineError, match="ask with fewer words, conditions or"):
        museum.search(QUERIES[0], text=" ".join(f"word{i}" for i in range(12_000)))


@pytest.mark.parametrize("query", [np.zeros(DIMENSION + 1), np.full(DIMENSION, np.nan), vectors()[:2]])
def test_bad_queries_are_refused_in_words(museum: EngineIndex, query: Any) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        museum.search(query)
