"""What several features say together: weights from the data, kept with the collection, the same wherever it lives."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from tests.collection.afar import Create
from tests.services.postgres import Kind, PostgresServer

from lookalike import Collection
from lookalike.arrays import Float32
from lookalike.errors import OptionError

GROUPS, EACH = 20, 8
COUNT = GROUPS * EACH
IDS = [f"g{group:02}-{member}" for group in range(GROUPS) for member in range(EACH)]
Weights = dict[str, float]


def rows(noise: float, seed: int, dimension: int = 12) -> Float32:
    """Return vectors of groups, the members of which differ by `noise`."""
    random = np.random.default_rng(seed)
    middles = np.repeat(random.normal(size=(GROUPS, dimension)), EACH, axis=0)
    made: Float32 = (middles + noise * random.normal(size=middles.shape)).astype(np.float32)
    return made


GOOD, ALSO = rows(0.4, 1), rows(0.6, 2)
NOISE = np.random.default_rng(3).normal(size=(COUNT, 12)).astype(np.float32)


@pytest.fixture
def collection(create: Create, tmp_path: Path) -> Iterator[Collection]:
    with create(tmp_path / "c") as made:
        fill(made)
        yield made


def fill(collection: Collection, first: int = 0, last: int = COUNT) -> None:
    for name, vectors in (("good", GOOD), ("also", 100 * ALSO), ("noise", NOISE)):
        collection.add_vectors(vectors[first:last], ids=IDS[first:last], feature=name)


def precision(collection: Collection, features: Weights | list[str] | None) -> float:
    found = [collection.search(id_, k=EACH - 1, features=features) for id_ in IDS[::5]]
    return float(
        np.mean([hit.id[:3] == id_[:3] for id_, hits in zip(IDS[::5], found, strict=True) for hit in hits])
    )


def weights_of(collection: Collection, features: Weights | list[str] | None = None) -> Weights:
    return dict(collection.search(IDS[0], features=features).query["features"])


def test_a_feature_that_knows_nothing_hardly_says_anything(collection: Collection) -> None:
    weights = weights_of(collection)
    assert weights["noise"] < 0.02
    assert sum(weights.values()) == pytest.approx(1)
    alone = precision(collection, {"good": 1})
    assert precision(collection, None) >= alone
    assert precision(collection, {"good": 1, "noise": 1}) < alone - 0.1
    assert precision(collection, ["good", "noise"]) >= alone - 0.003


def test_names_alone_have_the_weights_of_the_data(collection: Collection) -> None:
    named, whole = weights_of(collection, ["good", "also"]), weights_of(collection)
    assert named["good"] / named["also"] == pytest.approx(whole["good"] / whole["also"], rel=0.05)
    assert weights_of(collection, {"good": 1, "also": 3}) == {"good": 0.25, "also": 0.75}
    assert weights_of(collection, ["noise"]) == {"noise": 1}


def test_equal_weights_mean_equal_say(collection: Collection) -> None:
    """The wide feature has no more say than the narrow one."""
    both = {"good": 1.0, "also": 1.0}
    found = collection.search(IDS[0], k=COUNT - 1, features=both)
    narrow, wide = (np.array([hit.features[name] for hit in found]) for name in both)
    order = np.argsort(narrow / narrow.std() + wide / wide.std())
    assert np.corrcoef(np.argsort(order), np.arange(COUNT - 1))[0, 1] > 0.99


def test_explain_tells_what_each_part_adds(collection: Collection) -> None:
    for features in (None, {"good": 1.0, "also": 2.0, "noise": 1.0}):
        explained = collection.explain(IDS[0], IDS[1], features=features)
        parts = explained.parts
        assert {name: part.weight for name, part in parts.items()} == weights_of(collection, features)
        spread = {name: part.distance / part.comparable for name, part in parts.items()}
        shares = {name: part.weight / spread[name] for name, part in parts.items()}
        mean = sum(shares[name] * part.distance for name, part in parts.items()) / sum(shares.values())
        assert explained.distance == pytest.approx(mean, rel=1e-5)
        assert explained.score is None
        hits = collection.search(IDS[0], k=COUNT, features=features)
        assert next(hit.distance for hit in hits if hit.id == IDS[1]) == pytest.approx(
            explained.distance, rel=1e-6
        )


def test_the_weights_of_a_state_do_not_depend_on_who_asks(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c") as collection:
        fill(collection)
        kept = weights_of(collection)
    forget(tmp_path / "c")
    with Collection.open(tmp_path / "c") as collection:
        assert weights_of(collection, ["also", "noise"])
        assert weights_of(collection) == kept
        assert measured(tmp_path / "c") is not None  # what a search had to measure is kept
        assert list(collection.verify()) == []


def test_they_are_measured_anew_when_enough_has_changed(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c") as collection:
        fill(collection, 0, 96)
        first, weights = measured(tmp_path / "c"), weights_of(collection)
        fill(collection, 96, 104)
        assert measured(tmp_path / "c") == first
        assert weights_of(collection) == weights
        fill(collection, 104)
        assert measured(tmp_path / "c") != first
        assert weights_of(collection) != weights
        last = measured(tmp_path / "c")
        collection.add_vectors(NOISE, ids=IDS, feature="good", on_duplicate="replace")
        assert measured(tmp_path / "c") != last
        assert weights_of(collection)["good"] < 0.1
        collection.remove_feature("good")
        assert weights_of(collection).keys() == {"also", "noise"}
        collection.add_vectors(GOOD, ids=IDS, feature="good")
        assert weights_of(collection)["good"] > 0.3


def test_a_search_by_one_feature_measures_nothing(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c") as collection:
        collection.add_vectors(GOOD, ids=IDS, feature="good")
        assert collection.search(IDS[0])[0].id[:3] == IDS[0][:3]
    assert measured(tmp_path / "c") is None


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions as POSIX has them")
def test_while_somebody_writes_a_search_measures_for_itself(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c") as collection:
        fill(collection)
        kept = weights_of(collection)
    forget(tmp_path / "c")
    with Collection.open(tmp_path / "c") as writing, Collection.open(tmp_path / "c") as reading:
        with writing._backend.writing("add"):
            assert weights_of(reading) == kept
        assert measured(tmp_path / "c") is None


@pytest.mark.parametrize(
    "told", ["", "nothing", "[]", "{}", '{"counts": 5}', '{"counts": {}, "distributions": {}}']
)
def test_what_cannot_be_read_is_measured_anew(tmp_path: Path, told: str) -> None:
    with Collection.create(tmp_path / "c") as collection:
        fill(collection)
        kept = weights_of(collection)
    with closing(sqlite3.connect(tmp_path / "c" / "catalogue.sqlite")) as connection, connection:
        connection.execute("UPDATE distributions SET told = ?", [told])
    with Collection.open(tmp_path / "c") as collection:
        assert weights_of(collection) == kept


def test_a_server_gives_the_same_weights(
    postgres_servers: Callable[[Kind], PostgresServer], tmp_path: Path
) -> None:
    with (
        Collection.create(tmp_path / "c") as here,
        Collection.create(postgres_servers("system").new_database()) as there,
    ):
        fill(here)
        fill(there)
        assert weights_of(here) == weights_of(there)
        for id_ in IDS[::30]:
            found = [[(hit.id, hit.distance) for hit in each.search(id_)] for each in (here, there)]
            assert found[0] == found[1]


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_few_sources_weigh_all_the_same(create: Create, tmp_path: Path, count: int) -> None:
    with create(tmp_path / "c") as collection:
        fill(collection, 0, count)
        hits = collection.search({"good": GOOD[0], "noise": NOISE[0]})
        assert hits.query["features"] == {"good": 0.5, "noise": 0.5}
        assert (hits[0].id, hits[0].distance, len(hits)) == (IDS[0], 0, count)


def test_odd_features_are_borne(tmp_path: Path) -> None:
    """All the same, one vector only, inner products, bits."""
    bits = np.random.default_rng(5).random((COUNT, 64)) < 0.5
    with Collection.create(tmp_path / "c") as collection:
        collection.add_vectors(GOOD, ids=IDS, feature="good")
        collection.add_vectors(np.ones((COUNT, 3), np.float32), ids=IDS, feature="same")
        collection.add_vectors(ALSO, ids=IDS, feature="dot", metric="dot")
        collection.add_vectors(bits, ids=IDS, feature="bits", metric="hamming")
        assert precision(collection, ["good", "same"]) == precision(collection, {"good": 1})
        assert precision(collection, ["good", "bits"]) >= precision(collection, {"good": 1}) - 0.003
        assert precision(collection, None) > 0.5
        collection.add_vectors(NOISE[:1], ids=IDS[:1], feature="lone")
        assert len(collection.search(IDS[0], k=COUNT)) == COUNT - 1
        assert {hit.id for hit in collection.search(IDS[3], features=["good"])}


def test_blend_takes_a_weight(create: Create, tmp_path: Path) -> None:
    with create(tmp_path / "c") as collection:
        words = [{"title": "red" if number % 3 == 0 else "blue"} for number in range(COUNT)]
        collection.add_vectors(GOOD, ids=IDS, feature="good", metadata=words)

        def found(**options: object) -> list[str]:
            return [hit.id for hit in collection.search(IDS[0], text="red", **options)]  # type: ignore[arg-type]

        assert found(blend=0.3) == found(blend=True, text_weight=0.3)
        assert found(blend=True) == found(blend=0.5)
        assert found(blend=0.0) == [hit.id for hit in collection.search(IDS[0])]
        with pytest.raises(OptionError, match="blend is 7"):
            found(blend=7.0)


def test_explain_tells_how_words_and_looks_are_fused(create: Create, tmp_path: Path) -> None:
    with create(tmp_path / "c") as collection:
        words = [{"title": "red" if number % 3 == 0 else "blue"} for number in range(COUNT)]
        collection.add_vectors(GOOD, ids=IDS, feature="good", metadata=words)
        options = {"text": "red", "blend": 0.25, "k": 5}
        hits = collection.search(IDS[0], **options)  # type: ignore[arg-type]
        told = [collection.explain(IDS[0], hit.id, **options) for hit in hits]  # type: ignore[arg-type]
        for explained in told:
            ranks = ((explained.looks_rank, 0.75), (explained.words_rank, 0.25))
            assert explained.score == pytest.approx(sum(share / (60 + rank) for rank, share in ranks if rank))
            assert explained.last_score == told[-1].score
        scores = [explained.score for explained in told if explained.score is not None]
        assert scores == sorted(scores, reverse=True)
        far = next(id_ for id_ in reversed(IDS) if collection.explain(IDS[0], id_, **options).rank is None)  # type: ignore[arg-type]
        explained = collection.explain(IDS[0], far, **options)  # type: ignore[arg-type]
        assert explained.score is not None
        assert explained.score <= scores[-1]
        assert f"it scores {explained.score:.6f}" in explained.verdict
        assert f"the last of them {scores[-1]:.6f}" in explained.verdict
        assert any(
            line.startswith(f"score {explained.score:.6f}, that of the last hit")
            for line in explained.lines()
        )


def forget(folder: Path) -> None:
    """Leave the collection as one that was made before distributions were kept."""
    with closing(sqlite3.connect(folder / "catalogue.sqlite")) as connection, connection:
        connection.execute("DELETE FROM distributions")


def measured(folder: Path) -> str | None:
    """Return what is kept of distributions."""
    with closing(sqlite3.connect(folder / "catalogue.sqlite")) as connection:
        row = connection.execute("SELECT told FROM distributions").fetchone()
    return None if row is None else str(row[0])
