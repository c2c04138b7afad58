"""How much a search asks of the catalogue and of the indexes: statements and calls, not seconds."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_pictures import draw, register_mean_colour  # type: ignore[import-not-found]

from lookalike import Collection, SourceQuery
from lookalike.catalogue.sqlite import connections
from lookalike.features import registry
from lookalike.features.base import Extractor
from lookalike.index import view

VECTORS = np.random.default_rng(1).normal(size=(500, 6)).astype(np.float32)
IDS = [f"id{number}" for number in range(len(VECTORS))]


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement but those that begin and end transactions, as SQLite sees them while the test runs."""
    asked: list[str] = []

    def note(statement: str) -> None:
        if statement.split()[0] not in ("BEGIN", "ROLLBACK", "COMMIT", "--"):
            asked.append(statement)

    connect = connections.connect

    def connected(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.set_trace_callback(note)
        return connection

    monkeypatch.setattr(connections, "connect", connected)
    return asked


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


@pytest.fixture
def collection(tmp_path: Path, statements: list[str]) -> Iterator[Collection]:
    with Collection.create(tmp_path / "c") as made:
        made.add_vectors(VECTORS, ids=IDS)
        made.search("id3")
        statements.clear()
        yield made


def test_a_search_by_id_asks_three_statements(collection: Collection, statements: list[str]) -> None:
    list(collection.search(SourceQuery("id3")))
    assert len(statements) <= 3, statements


def test_an_id_as_a_string_asks_no_more_statements(collection: Collection, statements: list[str]) -> None:
    list(collection.search("id3"))
    assert len(statements) <= 3, statements


def test_a_search_by_vector_asks_two_statements(collection: Collection, statements: list[str]) -> None:
    list(collection.search(VECTORS[7]))
    assert len(statements) <= 2, statements


def test_a_search_asks_the_index_once(collection: Collection, calls: list[str]) -> None:
    list(collection.search("id3"))
    assert calls == ["search"]


def test_a_batch_asks_no_more_than_one_query(
    collection: Collection, statements: list[str], calls: list[str]
) -> None:
    assert len(collection.search_many(VECTORS[:200])) == 200
    assert len(statements) <= 2, statements
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
