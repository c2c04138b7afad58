"""A chain of criteria: a search among the hits of a search."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.collection.afar import Create

from lookalike import Collection, Then, VectorQuery
from lookalike.errors import LookalikeError, MetadataError, OptionError, UnknownFeatureError

COUNT = 60
DRAW = np.random.default_rng(4)
FACES, COLOURS = (DRAW.normal(size=(COUNT, size)).astype(np.float32) for size in (8, 3))
IDS = [f"s{i}" for i in range(COUNT)]
METADATA = [{"title": f"red {'shoe' if i % 2 else 'hat'}", "group": i % 3} for i in range(COUNT)]
QUERY = DRAW.normal(size=8).astype(np.float32)
COLOUR = DRAW.normal(size=3).astype(np.float32)


@pytest.fixture
def people(create: Create, tmp_path: Path) -> Iterator[Collection]:
    with create(tmp_path / "c") as made:
        made.add_vectors(FACES, ids=IDS, feature="face", metadata=METADATA)
        made.add_vectors(COLOURS, ids=IDS, feature="colour")
        yield made


def nearest(rows: np.ndarray, query: np.ndarray, among: list[int], k: int) -> list[int]:
    distances = np.linalg.norm(rows[among] - query, axis=1)
    return [among[place] for place in np.argsort(distances, kind="stable")[:k]]


def numbers(hits: Any) -> list[int]:
    return [int(hit.id[1:]) for hit in hits]


BOTH = VectorQuery({"face": QUERY, "colour": COLOUR})
FACE = VectorQuery({"face": QUERY})
EVERYONE = list(range(COUNT))


def test_the_nearest_by_one_among_the_nearest_by_another(people: Collection) -> None:
    hits = people.search(BOTH, features=["face"], k=4, then=Then(features=["colour"], among=15))
    pool = nearest(FACES, QUERY, EVERYONE, 15)
    expected = nearest(COLOURS, COLOUR, pool, 4)
    assert numbers(hits) == expected
    for hit, number in zip(hits, expected, strict=True):
        assert hit.distance == pytest.approx(np.linalg.norm(COLOURS[number] - COLOUR), rel=1e-5)
        assert hit.features["face"] == pytest.approx(np.linalg.norm(FACES[number] - QUERY), rel=1e-5)
        assert hit.features["colour"] == hit.distance


def test_another_query_and_a_further_criterion(people: Collection) -> None:
    other = VectorQuery({"colour": COLOUR})
    then = [Then(other, among=20), Then("s7", features=["face"], among=5)]
    hits = people.search(FACE, k=3, then=then)
    pool = nearest(COLOURS, COLOUR, nearest(FACES, QUERY, EVERYONE, 20), 5)
    assert numbers(hits) == nearest(FACES, FACES[7], [one for one in pool if one != 7], 3)


def test_filters_words_and_distances_narrow_step_by_step(people: Collection) -> None:
    then = Then(VectorQuery({"colour": COLOUR}), where={"group": 1}, text="shoe", max_distance=2.0, among=30)
    hits = people.search(FACE, where={"group": [1, 2]}, k=COUNT, then=then)
    pool = nearest(FACES, QUERY, [one for one in EVERYONE if one % 3], 30)
    within = [one for one in pool if one % 3 == 1 and one % 2 and np.linalg.norm(COLOURS[one] - COLOUR) <= 2]
    assert numbers(hits) == nearest(COLOURS, COLOUR, within, COUNT)
    assert 0 < len(hits) < 10
    assert all(hit.text_score for hit in hits)


def test_words_first(people: Collection) -> None:
    hits = people.search(text="hat", k=2, then=Then(FACE, among=COUNT))
    assert numbers(hits) == nearest(FACES, QUERY, EVERYONE[::2], 2)
    assert all(hit.text_score for hit in hits)


def test_words_last(people: Collection) -> None:
    hits = people.search(FACE, k=COUNT, then=Then(text="shoe", blend=0.5, among=9))
    assert set(numbers(hits)) == set(nearest(FACES, QUERY, EVERYONE, 9))
    assert sum(hit.text_score is not None for hit in hits) == sum(number % 2 for number in numbers(hits))


def test_nothing_is_found_among_nothing(people: Collection) -> None:
    assert not people.search(FACE, max_distance=0.0, then=Then(VectorQuery({"colour": COLOUR})))


def test_what_was_asked_and_counted_is_told(people: Collection) -> None:
    hits = people.search(
        BOTH, features=["face"], k=2, facets=["group"], then=Then(features=["colour"], among=9)
    )
    (step,) = hits.query["then"]
    assert (hits.query["k"], step["among"], list(step["features"])) == (2, 9, ["colour"])
    assert list(hits.query["features"]) == ["face"]
    assert sorted(hits.facets["group"]) == [(0, 20), (1, 20), (2, 20)]


def test_a_source_is_not_its_own_hit(people: Collection) -> None:
    hits = people.search("s3", features=["face"], k=5, then=Then(features=["colour"]))
    assert numbers(hits) == nearest(COLOURS, COLOURS[3], [one for one in EVERYONE if one != 3], 5)


@pytest.mark.parametrize(
    ("then", "error", "message"),
    [
        ([], OptionError, "give a Then"),
        ("colour", OptionError, "then is 'colour'; give a Then"),
        (["colour"], OptionError, "give a Then"),
        (Then(among=0), OptionError, "among is 0"),
        (Then(among=10_001), OptionError, "among is 10001"),
        (Then(features=[]), OptionError, "no feature was chosen"),
        ([Then(), Then(where={"group": object()})], MetadataError, "group"),
        (Then(features=["shape"]), UnknownFeatureError, "shape"),
        (Then(5), OptionError, "the query is of type int"),  # type: ignore[arg-type]
    ],
)
def test_what_makes_no_sense_is_refused(
    people: Collection, then: Any, error: type[LookalikeError], message: str
) -> None:
    with pytest.raises(error, match=message):
        people.search(FACE, then=then)


def test_words_alone_say_nothing_of_what_to_compare(people: Collection) -> None:
    with pytest.raises(OptionError, match="nothing to search for"):
        people.search(text="red", then=Then())
