"""Search gives exactly what filters, words and exact distances say."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.collection.afar import Create

from lookalike import Collection
from lookalike.catalogue import Where
from lookalike.errors import (
    FeatureMismatchError,
    LookalikeError,
    OptionError,
    UnknownFeatureError,
    UnknownIdError,
)

# Words that the stemmer leaves alone, so that the plain definition below is the whole of it.
WORDS = ("red", "blue", "cup", "dog", "hat")
COLOURS = ("Red", "Blue", "Green")

rows = st.lists(
    st.fixed_dictionaries(
        {
            "vector": st.tuples(*[st.integers(-3, 3)] * 3).filter(any),
            "title": st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join),
            "colour": st.none() | st.sampled_from(COLOURS),
            "year": st.none() | st.integers(2009, 2013),
        }
    ),
    min_size=1,
    max_size=25,
)
filters = st.fixed_dictionaries(
    {},
    optional={
        "colour": st.sampled_from(COLOURS) | st.lists(st.sampled_from(COLOURS), min_size=1, max_size=2),
        "year": st.sampled_from([(2010, None), (None, 2011), (2010, 2012), (2013, 2013)]),
    },
)


def fill(collection: Collection, table: list[dict[str, Any]], metric: str) -> list[dict[str, Any]]:
    metadata = [
        {name: row[name] for name in ("title", "colour", "year") if row[name] not in (None, "")}
        for row in table
    ]
    # Fields that no source has are refused, which is another test's matter.
    metadata[0] |= {"colour": metadata[0].get("colour", "Red"), "year": metadata[0].get("year", 2010)}
    vectors = np.array([row["vector"] for row in table], dtype=np.float32)
    ids = [f"row{number}" for number in range(len(table))]
    collection.add_vectors(vectors, ids=ids, metric=metric, metadata=metadata)
    return metadata


def exact(vectors: npt.NDArray[Any], query: npt.NDArray[Any], metric: str) -> npt.NDArray[np.float64]:
    vectors, query = vectors.astype(np.float64), query.astype(np.float64)
    if metric == "euclidean":
        distances = np.linalg.norm(vectors - query, axis=1)
    elif metric == "dot":
        distances = -(vectors @ query)
    else:
        distances = 1 - vectors @ query / (np.linalg.norm(vectors, axis=1) * np.linalg.norm(query))
    return np.asarray(distances, dtype=np.float64)


searches = st.fixed_dictionaries(
    {
        "query": st.tuples(*[st.integers(-3, 3)] * 3).filter(any),
        "where": filters,
        "words": st.lists(st.sampled_from(WORDS), max_size=2),
        "k": st.integers(1, 30),
        "limit": st.none() | st.floats(-5, 5),
    }
)


@given(
    table=rows,
    metric=st.sampled_from(["euclidean", "cosine", "dot"]),
    asked=st.lists(searches, min_size=1, max_size=8),
)
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_filters_words_and_distances_are_exact(
    create: Create, table: list[dict[str, Any]], metric: str, asked: list[dict[str, Any]]
) -> None:
    with tempfile.TemporaryDirectory() as folder, create(Path(folder) / "c") as collection:
        metadata = fill(collection, table, metric)
        vectors = np.array([row["vector"] for row in table])
        for search in asked:
            check(collection, metadata, vectors, metric, **search)


def check(
    collection: Collection,
    metadata: list[dict[str, Any]],
    vectors: npt.NDArray[Any],
    metric: str,
    *,
    query: tuple[int, ...],
    where: dict[str, Any],
    words: list[str],
    k: int,
    limit: float | None,
) -> None:
    hits = collection.search(
        np.array(query, dtype=np.float32),
        k=k,
        where=where or None,
        text=" ".join(words) or None,
        max_distance=limit,
    )
    distances = exact(vectors, np.array(query), metric)
    allowed = [
        number
        for number, fields in enumerate(metadata)
        if Where.of(where).matches(fields)
        and set(words) <= set(f"{fields.get('title', '')} {fields.get('colour', '')}".lower().split())
    ]
    within = [number for number in allowed if limit is None or distances[number] <= limit + 1e-5]
    certain = [number for number in allowed if limit is None or distances[number] <= limit - 1e-5]
    assert min(k, len(certain)) <= len(hits) <= min(k, len(within))
    found = [int(hit.id.removeprefix("row")) for hit in hits]
    assert len(set(found)) == len(found)
    assert set(found) <= set(within)
    np.testing.assert_allclose([hit.distance for hit in hits], distances[found], atol=1e-5)
    best = np.sort(distances[within])[: len(found)]
    np.testing.assert_allclose([hit.distance for hit in hits], best, atol=1e-5)


@given(
    table=rows,
    query=st.tuples(*[st.integers(-3, 3)] * 3).filter(any),
    weights=st.tuples(st.floats(0.05, 1), st.floats(0.05, 1)),
    k=st.integers(1, 12),
)
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_several_features_rank_by_the_weighted_mean(
    create: Create, table: list[dict[str, Any]], query: tuple[int, ...], weights: tuple[float, float], k: int
) -> None:
    vectors = np.array([row["vector"] for row in table], dtype=np.float32)
    turned = np.ascontiguousarray(vectors[:, ::-1]) + 1
    ids = [f"row{number}" for number in range(len(table))]
    asked = np.array(query, dtype=np.float32)
    with tempfile.TemporaryDirectory() as folder, create(Path(folder) / "c") as collection:
        collection.add_vectors(vectors, ids=ids, feature="first")
        collection.add_vectors(turned, ids=ids, feature="second")
        hits = collection.search(
            {"first": asked, "second": asked}, k=k, features={"first": weights[0], "second": weights[1]}
        )
    parts = {"first": exact(vectors, asked, "euclidean"), "second": exact(turned, asked, "euclidean")}
    total = (weights[0] * parts["first"] + weights[1] * parts["second"]) / sum(weights)
    np.testing.assert_allclose([hit.distance for hit in hits], np.sort(total)[:k], atol=1e-5)
    for hit in hits:
        row = int(hit.id.removeprefix("row"))
        for name, distances in parts.items():
            assert hit.features[name] == pytest.approx(distances[row], abs=1e-5)


@pytest.fixture
def fruit(create: Create, tmp_path: Path) -> Collection:
    collection = create(tmp_path / "c")
    collection.add_vectors(
        np.array([[0, 0], [1, 0], [2, 0], [3, 0], [9, 9]], dtype=np.float32),
        ids=["apple", "pear", "plum", "fig", "melon"],
        metadata=[{"title": title} for title in ("green apple", "pear", "plum", "fig", "green melon")],
    )
    return collection


def test_a_source_is_not_its_own_hit(fruit: Collection) -> None:
    assert [hit.id for hit in fruit.search("apple", k=2)] == ["pear", "plum"]
    assert len(fruit.search("apple", k=99)) == 4


def test_words_weigh_in_when_blended(fruit: Collection) -> None:
    narrowed = fruit.search(np.zeros(2, dtype=np.float32), k=5, text="green")
    assert [hit.id for hit in narrowed] == ["apple", "melon"]
    blended = fruit.search(np.zeros(2, dtype=np.float32), k=5, text="green", blend=True)
    # apple leads both rankings; melon, second by words, comes before what is second by looks alone
    assert [hit.id for hit in blended] == ["apple", "melon", "pear", "plum", "fig"]
    assert blended[1].text_score is not None
    assert blended[2].text_score is None


def test_errors_name_the_thing(fruit: Collection) -> None:
    with pytest.raises(UnknownIdError, match="grape"):
        fruit.search("grape")
    with pytest.raises(UnknownFeatureError, match="look"):
        fruit.search("apple", features={"look": 1})
    with pytest.raises(FeatureMismatchError, match="dimension 3"):
        fruit.search(np.zeros(3, dtype=np.float32))
    with pytest.raises(OptionError, match="k is 0"):
        fruit.search("apple", k=0)
    with pytest.raises(OptionError, match="weight"):
        fruit.search("apple", features={"vectors": -1})
    with pytest.raises(OptionError, match="words"):
        fruit.search("apple", blend=True)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"k": "3"}, "k is '3'"),
        ({"k": 2.5}, "k is 2.5"),
        ({"k": None}, "k is None"),
        ({"text": 5}, "text is of type int"),
        ({"text": ["green"]}, "text is of type list"),
        ({"where": 5}, "where is 5"),
        ({"where": [5]}, r"where is \[5\]"),
        ({"where": b"title=fig"}, "where is b'title=fig'"),
        ({"where": {5: 1}}, "field 5"),
        ({"where": {"title": object}}, "title"),
        ({"features": "vectors"}, "features is 'vectors'; give a list of names"),
        ({"features": 5}, "features is 5; give a list of names"),
        ({"features": ["vectors", 5]}, "features has the name 5"),
        ({"features": []}, "no feature was chosen"),
        ({"text": "fig", "blend": 2}, "blend is 2; give True, False"),
        ({"text": "fig", "blend": 1.5}, "blend is 1.5; give a share"),
        ({"text": "fig", "blend": 0.5, "text_weight": 0.5}, "give one of them"),
        ({"features": {"vectors": "x"}}, "weight of feature 'vectors' is 'x'"),
        ({"features": {"vectors": None}}, "weight of feature 'vectors' is None"),
        ({"features": {"vectors": 10**400}}, "weight of feature 'vectors'"),
        ({"features": {5: 1}}, "features has the name 5"),
        ({"features": {}}, "name at least one"),
        ({"max_distance": "x"}, "max_distance is 'x'"),
        ({"max_distance": 10**400}, "max_distance is"),
    ],
)
def test_arguments_of_a_wrong_type_are_named(fruit: Collection, options: dict[str, Any], named: str) -> None:
    with pytest.raises(LookalikeError, match=named) as raised:
        fruit.search("apple", **options)
    assert "\n" not in str(raised.value)
    with pytest.raises(LookalikeError, match=named):
        fruit.explain("apple", "pear", **options)
    if options.keys() <= {"text", "where"}:
        with pytest.raises(LookalikeError, match=named):
            fruit.list(**options)


def test_numbers_of_any_type_will_do(fruit: Collection) -> None:
    expected = fruit.search("apple", k=2, features={"vectors": 1.0}, max_distance=9.0)
    options: dict[str, Any] = {"k": np.int64(2), "max_distance": np.float32(9)}
    hits = fruit.search("apple", features={"vectors": np.float32(3)}, **options)  # type: ignore[dict-item]
    assert hits == expected
    json.dumps(hits.to_json())
    assert len(fruit.search("apple", k=2**62)) == 4


def test_a_list_has_a_limit_of_no_less_than_nothing(fruit: Collection) -> None:
    assert [source.id for source in fruit.list(limit=2)] == ["apple", "pear"]
    assert list(fruit.list(limit=0)) == []
    for limit in (-1, "3", 2.5):
        with pytest.raises(OptionError, match="limit is"):
            fruit.list(limit=limit)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="the source is 5"):
        fruit.explain("apple", 5)  # type: ignore[arg-type]


def test_a_row_that_fits_two_features_asks_which(fruit: Collection) -> None:
    fruit.add_vectors(np.eye(2, dtype=np.float32), ids=["apple", "pear"], feature="other")
    with pytest.raises(
        FeatureMismatchError, match="more than one feature has that; choose with --feature NAME"
    ):
        fruit.search(np.zeros(2, dtype=np.float32))
    assert len(fruit.search(np.zeros(2, dtype=np.float32), features={"other": 1})) == 2


def test_hits_may_be_changed_without_changing_later_answers(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "own") as own:
        own.add_vectors(np.eye(3, dtype=np.float32), metadata=[{"tags": ["red"]}] * 3)
        query = np.ones(3, dtype=np.float32)
        own.search(query)[0].metadata["tags"].append("blue")
        assert [hit.metadata["tags"] for hit in own.search(query)] == [["red"]] * 3
