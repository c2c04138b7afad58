"""How much a search asks of the catalogue and of the indexes: statements and calls, not seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_pictures import draw, register_mean_colour  # type: ignore[import-not-found]
from tests.catalogue.sent_statements import sent_statements

from lookalike import Collection, SourceQuery
from lookalike.features import registry
from lookalike.features.base import Extractor
from lookalike.index import view

VECTORS = np.random.default_rng(1).normal(size=(500, 6)).astype(np.float32)
IDS = [f"id{number}" for number in range(len(VECTORS))]


@pytest.fixture(params=["folder", "postgresql"])
def collection(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Collection]:
    place: Path | str = tmp_path / "c"
    if request.param == "postgresql":
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        place = request.getfixturevalue("postgres_servers")("system").new_database()
    with Collection.create(place) as made:
        made.add_vectors(VECTORS, ids=IDS)
        made.search("id3")
        yield made


@pytest.fixture
def statements(collection: Collection) -> Iterator[Callable[[], list[str]]]:
    """Gives what was sent to the database since, but for the beginnings and ends of transactions."""
    with sent_statements() as sent:
        yield lambda: [statement for statement in sent if "BEGIN" not in statement]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls of an index that search or compare."""
    made: list[str] = []

    def spied(name: str, own: Callable[..., Any]) -> Callable[..., Any]:
        def spy(*arguments: Any, **options: Any) -> Any:
            made.append(name)
            return own(*arguments, **options)

        return spy

    for name in ("search", "distances"):
        monkeypatch.setattr(view.SnapshotView, name, spied(name, getattr(view.SnapshotView, name)))
    return made


def test_a_search_by_id_asks_three_statements(
    collection: Collection, statements: Callable[[], list[str]]
) -> None:
    list(collection.search(SourceQuery("id3")))
    assert 0 < len(statements()) <= 3, statements()


def test_an_id_as_a_string_asks_no_more_statements(
    collection: Collection, statements: Callable[[], list[str]]
) -> None:
    list(collection.search("id3"))
    assert 0 < len(statements()) <= 3, statements()


def test_a_search_by_vector_asks_two_statements(
    collection: Collection, statements: Callable[[], list[str]]
) -> None:
    list(collection.search(VECTORS[7]))
    assert 0 < len(statements()) <= 2, statements()


def test_a_search_asks_the_index_once(collection: Collection, calls: list[str]) -> None:
    list(collection.search("id3"))
    assert calls == ["search"]


def test_a_batch_asks_no_more_than_one_query(
    collection: Collection, statements: Callable[[], list[str]], calls: list[str]
) -> None:
    assert len(collection.search_many(VECTORS[:200])) == 200
    assert 0 < len(statements()) <= 2, statements()
    assert calls == ["search"]


def test_a_search_makes_an_extractor_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register_mean_colour(monkeypatch)
    (first, second) = draw(tmp_path, ["a.png", "b.png"])
    with Collection.create(tmp_path / "c") as collection:
        collection.add([first], features=["mean"])
        made: list[str] = []
        create = registry.create_extractor

        def noted(spec: registry.FeatureSpec) -> Extractor:
            made.append(spec.name)
            return create(spec)

        monkeypatch.setattr("lookalike.collection.extraction.create_extractor", noted)
        for _ in range(3):
            collection.search(second)
        collection.explain(second, str(first))
    assert made == ["mean"]
