"""A batch of queries gets the answers that each gets alone, from one call of an index and one of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.collection.afar import Create

from lookalike import Collection, RowQuery, SourceQuery, VectorQuery
from lookalike.collection.hits import Hits
from lookalike.errors import LookalikeError, OptionError, UnknownFeatureError, UnknownIdError

VECTORS = np.random.default_rng(5).normal(size=(300, 8)).astype(np.float32)
IDS = [f"id{number}" for number in range(len(VECTORS))]


@pytest.fixture
def collection(create: Create, tmp_path: Path) -> Iterator[Collection]:
    metadata = [{"title": f"cup {number % 7}", "year": number % 5} for number in range(len(VECTORS))]
    with create(tmp_path / "c") as made:
        made.add_vectors(VECTORS, ids=IDS, metadata=metadata)
        made.add_vectors(VECTORS[:200, ::-1], ids=IDS[:200], feature="other", metric="cosine")
        yield made


def told(hits: Hits) -> list[tuple[Any, ...]]:
    return [(hit.id, hit.distance, dict(hit.features), hit.text_score, dict(hit.metadata)) for hit in hits]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"k": 3, "where": {"year": 2}},
        {"text": "cup 3", "k": 5},
        {"text": "cup 3", "k": 5, "blend": True},
        {"max_distance": 2.5},
        {"features": {"vectors": 0.3, "other": 0.7}},
        {"features": {"vectors": 0.3, "other": 0.7}, "where": {"year": 2}, "k": 60},
    ],
)
def test_a_batch_answers_as_each_query_alone(collection: Collection, options: dict[str, Any]) -> None:
    queries: list[Any] = [SourceQuery("id7"), SourceQuery("id150")]
    queries += [{"vectors": VECTORS[number] + 1, "other": VECTORS[number]} for number in range(4)]
    together = collection.search_many(queries, **options)
    assert [told(hits) for hits in together] == [told(collection.search(one, **options)) for one in queries]


def test_the_rows_of_an_array_are_queries(create: Create, tmp_path: Path) -> None:
    with create(tmp_path / "c") as collection:
        collection.add_vectors(VECTORS, ids=IDS)
        assert [hits[0].id for hits in collection.search_many(VECTORS[:20], k=1)] == IDS[:20]


def test_queries_of_different_features_may_be_mixed(collection: Collection) -> None:
    queries: list[Any] = [
        VectorQuery({"other": VECTORS[3, ::-1]}),
        SourceQuery("id250"),
        VectorQuery({"vectors": VECTORS[9]}),
    ]
    found = collection.search_many(queries, k=1)
    assert [set(hits.query["features"]) for hits in found] == [{"other"}, {"vectors"}, {"vectors"}]
    assert (found[0][0].id, found[2][0].id) == ("id3", "id9")


def test_no_queries_have_no_answers(collection: Collection) -> None:
    assert collection.search_many([]) == []


def test_hits_can_be_cut_and_counted_before_they_are_made(collection: Collection) -> None:
    hits = collection.search_many([SourceQuery("id1")], k=10)[0]
    assert [hit.id for hit in hits[2:4]] == [hit.id for hit in hits][2:4]
    assert len(hits) == 10
    assert hits[-1].id == list(hits)[-1].id


@pytest.mark.parametrize("queries", ["id1", b"bytes", 3, None, {"vectors": VECTORS[0]}, ["id1"], [None], [7]])
def test_what_is_no_list_of_queries_is_refused(collection: Collection, queries: Any) -> None:
    with pytest.raises(OptionError, match="quer"):
        collection.search_many(queries)


def test_one_bad_query_fails_the_batch_by_its_own_error(collection: Collection, tmp_path: Path) -> None:
    with pytest.raises(UnknownIdError, match="nobody"):
        collection.search_many([SourceQuery("id1"), SourceQuery("nobody")])
    with pytest.raises(LookalikeError, match=r"rows\.npy"):
        collection.search_many([RowQuery(tmp_path / "rows.npy", 3)])
    with pytest.raises(UnknownFeatureError, match="no vector of feature 'other'"):
        collection.search({"vectors": VECTORS[0]}, features={"vectors": 1, "other": 1})
