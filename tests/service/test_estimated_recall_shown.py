"""The estimated recall of hits is told alike by a collection, its client, the API, the page and the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cli.command_line import lookalike
from tests.service.conftest import Serve, as_http

from lookalike import Client, Collection, Hits, SourceQuery, Then, VectorQuery
from lookalike.collection.late_recall import LOW_RECALL

ROWS, DIMENSION, K, ODD = 12_000, 32, 10, 20


@pytest.fixture(scope="module")
def rows() -> Any:
    random = np.random.default_rng(1)
    middles = random.standard_normal((150, DIMENSION)) * 1.5
    near = middles[random.integers(0, 150, ROWS)]
    return (near + random.standard_normal((ROWS, DIMENSION))).astype(np.float32)


@pytest.fixture(scope="module")
def unlike(rows: Any) -> Any:
    """Return queries that lie between twelve rows each."""
    return rows[np.random.default_rng(2).integers(0, ROWS, (120, 12))].mean(axis=1)


@pytest.fixture(scope="module")
def folder(rows: Any, unlike: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a collection whose sources have two features, of which a few sources are unlike all others."""
    place = tmp_path_factory.mktemp("many") / "c"
    with Collection.create(place) as collection:
        ids = [f"s{number}" for number in range(ROWS)]
        metadata = [{"part": number % 100} for number in range(ROWS)]
        collection.add_vectors(rows, ids=ids, feature="whole", metadata=metadata)
        collection.add_vectors(rows[:, ::-1].copy(), ids=ids, feature="mirrored")
        odd = [f"odd{number}" for number in range(ODD)]
        collection.add_vectors(unlike[-ODD:], ids=odd, feature="whole")
    return place


@pytest.fixture(scope="module")
def collection(folder: Path) -> Iterator[Collection]:
    with Collection.open(folder) as opened:
        yield opened


def asked(collection: Any, vector: Any, **options: Any) -> Hits:
    found: Hits = collection.search(VectorQuery({"whole": vector}), k=K, **options)
    return found


def is_told(hits: Hits) -> bool:
    """Whether the hits say in words that most may be missing."""
    return any("as estimated" in note for note in hits.notes)


@pytest.fixture(scope="module")
def worst(collection: Collection, unlike: Any) -> Any:
    """Return the query of the least estimated recall."""
    recalls = [asked(collection, vector).estimated_recall for vector in unlike[:-ODD]]
    assert min(map(float, filter(None, recalls))) < LOW_RECALL
    return unlike[int(np.argmin(np.array(recalls, dtype=np.float64)))]


def test_it_tells_queries_that_are_unlike_the_rows(collection: Collection, rows: Any, unlike: Any) -> None:
    def mean(vectors: Any) -> float:
        queries = [VectorQuery({"whole": vector}) for vector in vectors]
        recalls = [hits.estimated_recall for hits in collection.search_many(queries, k=K)]
        return float(np.mean(np.array(recalls, dtype=np.float64)))

    assert mean(rows[:100] + np.float32(0.1)) > 0.9
    assert mean(unlike) < 0.85


def test_it_is_said_in_words_where_most_may_be_missing(
    collection: Collection, rows: Any, unlike: Any
) -> None:
    for vector in (*unlike[:20], *rows[:20]):
        hits = asked(collection, vector)
        assert hits.estimated_recall is not None
        assert is_told(hits) == (hits.estimated_recall < LOW_RECALL)
    ordinary = [collection.search(SourceQuery(f"s{number}"), features=["whole"]) for number in range(40)]
    assert sum(map(is_told, ordinary)) <= 2


def test_where_all_is_compared_it_is_one_and_silent(collection: Collection, worst: Any) -> None:
    hits = asked(collection, worst, where={"part": 3})
    assert (hits.estimated_recall, hits.notes) == (1, ())


def test_of_words_alone_it_is_not_known(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c") as small:
        small.add_vectors([[0.0, 1.0], [1.0, 0.0]], metadata=[{"title": "a"}, {"title": "b"}])
        assert small.search(text="a").estimated_recall is None
        assert small.search(VectorQuery(np.array([0.0, 1.0]))).estimated_recall == 1
        blended = small.search(VectorQuery(np.array([0.0, 1.0])), text="a", blend=True)
        assert blended.estimated_recall == 1
        told = small.explain(VectorQuery(np.array([0.0, 1.0])), next(small.list()).id)
        assert told.features["vectors"].estimated_recall == 1


def test_of_several_features_it_is_the_least(collection: Collection, worst: Any, rows: Any) -> None:
    near = rows[0, ::-1].copy()
    both = collection.search(VectorQuery({"whole": worst, "mirrored": near}), k=K)
    alone = [
        collection.search(VectorQuery({name: vector}), k=len(both) * 6 + 4).estimated_recall
        for name, vector in (("whole", worst), ("mirrored", near))
    ]
    assert both.estimated_recall is not None
    assert both.estimated_recall <= min(filter(None, alone)) + 0.3


def test_a_chain_tells_the_least(collection: Collection, worst: Any) -> None:
    first = asked(collection, worst)
    chain = collection.search(VectorQuery({"whole": worst}), k=5, then=Then(among=K))
    assert chain.estimated_recall == first.estimated_recall
    assert is_told(chain)


def test_it_is_in_the_json(collection: Collection, worst: Any) -> None:
    hits = asked(collection, worst)
    assert hits.to_json()["estimated_recall"] == hits.estimated_recall
    assert hits[:3].estimated_recall == hits.estimated_recall


def test_a_client_is_told_the_same(folder: Path, collection: Collection, serve: Serve, worst: Any) -> None:
    ours = collection.search(
        VectorQuery({"whole": worst}), k=K + 1
    )  # one more tells whether there is a next page
    with Client("http://localhost", http=as_http(serve(folder))) as client:
        theirs = asked(client, worst)
        assert theirs.estimated_recall == pytest.approx(ours.estimated_recall)
        assert theirs.notes == ours.notes
        (many,) = client.search_many([VectorQuery({"whole": worst})], k=K)
        assert many.estimated_recall == pytest.approx(asked(collection, worst).estimated_recall)
        told = client.explain(VectorQuery({"whole": worst}), "s3").features["whole"].estimated_recall
        assert told == pytest.approx(many.estimated_recall)


def test_the_api_tells_it(folder: Path, serve: Serve, worst: Any) -> None:
    client = serve(folder)
    body = {"query": {"vector": {"whole": worst.tolist()}}, "limit": K}
    page = client.post("/api/v1/search", json=body).json()
    assert 0 < page["estimated_recall"] < LOW_RECALL
    assert "as estimated" in page["notes"][0]
    schema = client.get("/openapi.json").json()["components"]["schemas"]["Page"]["properties"]
    assert {"type": "number"} in schema["estimated_recall"]["anyOf"]


def test_the_command_line_tells_it(folder: Path, tmp_path: Path, worst: Any) -> None:
    np.save(tmp_path / "q.npy", worst[np.newaxis])
    line = ("search", f"{tmp_path / 'q.npy'}#0", "-c", folder, "--feature", "whole")
    told = lookalike(*line)
    assert "as estimated" in told.stderr
    document = json.loads(lookalike(*line, "--json").stdout)
    assert 0 < document["estimated_recall"] < LOW_RECALL
    explained = lookalike("explain", f"{tmp_path / 'q.npy'}#0", "s3", "-c", folder, "--feature", "whole")
    assert "of the ten nearest are found, as estimated" in explained.stdout


def test_the_page_hints_at_it(folder: Path, serve: Serve) -> None:
    page = serve(folder)
    told = [page.get("/", params={"id": f"odd{number}"}).text for number in range(ODD)]
    assert any("as estimated" in text for text in told)
    assert "as estimated" not in page.get("/", params={"id": "s0"}).text
