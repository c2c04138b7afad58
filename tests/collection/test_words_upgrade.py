"""What follows a catalogue of schema 4 learns that scripts without blanks are taken apart now."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.services.engines import EngineServer

from lookalike import Collection, TextQuery
from lookalike.engine import records
from lookalike.features import text

TITLES = ["红色连衣裙", "red dress"]


def whole_words(told: Any) -> tuple[list[str], ...]:
    """What an index of words had of a title before."""
    return told["title"].split(), [], [], []


def of_schema_4(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "catalogue.sqlite")) as connection, connection:
        connection.execute("UPDATE state SET schema_version = 4")


def fill(collection: Collection) -> None:
    metadata = [{"title": title} for title in TITLES]
    collection.add_vectors(np.eye(2), ids=["chinese", "english"], feature="look", metadata=metadata)


def test_an_index_in_an_engine(
    tmp_path: Path, engine_server: EngineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(records, "indexed", whole_words)
        with Collection.create(tmp_path / "c", engine=engine_server.url) as old:
            fill(old)
            assert not old.search(np.eye(2)[0], text="连衣裙")
    of_schema_4(tmp_path / "c")
    with Collection.open(tmp_path / "c", engine=engine_server.url) as collection:
        for word, expected in (("连衣裙", ["chinese"]), ("dress", ["english"])):
            hits = collection.search(np.eye(2)[0], text=word, strict=True)
            assert [hit.id for hit in hits] == expected
            assert hits.notes == ()
        collection.remove_feature("look")


def test_sets_of_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as before:
        before.setattr(text, "terms", str.split)
        with Collection.create(tmp_path / "c") as old:
            fill(old)
            old.add_words()
    of_schema_4(tmp_path / "c")
    with Collection.open(tmp_path / "c") as collection:
        collection.add_vectors(np.ones((1, 2)), ids=["new"], feature="look")
        (first, *_) = collection.search(TextQuery("连衣裙"))
        assert (first.id, first.distance) == ("chinese", 0.5)
