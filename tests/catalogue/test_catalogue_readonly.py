"""A catalogue that may only be read is read, and says so when it is to be written."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from only_readable import only_readable  # type: ignore[import-not-found]

from lookalike.catalogue import Catalogue, FeatureRecord, NewSource
from lookalike.errors import CollectionReadOnlyError

pytestmark = pytest.mark.skipif(not hasattr(os, "seteuid"), reason="permissions as POSIX has them")


@pytest.fixture
def path(readable: Path) -> Path:
    with Catalogue.create(readable / "c.sqlite") as catalogue, catalogue.write() as writer:
        writer.add_feature(FeatureRecord("look", "look", 4, "cosine"))
        vectors = {"look": np.ones(4, np.float32)}
        writer.add_sources([NewSource("a", "0" * 64, "row", 1, metadata={"title": "red"}, vectors=vectors)])
    return readable / "c.sqlite"


def test_reading_what_may_not_be_written(path: Path) -> None:
    with only_readable(path.parent), Catalogue.open(path) as catalogue:
        assert [source.id for source in catalogue.iterate(text="red")] == ["a"]
        assert catalogue.vectors("look", [1])[1].shape == (1, 4)
        assert list(catalogue.verify()) == []
        with pytest.raises(CollectionReadOnlyError, match="may not be written"), catalogue.write() as writer:
            writer.remove([1])
        with pytest.raises(CollectionReadOnlyError, match="may not be written"):
            catalogue.rebuild_text()
    assert list(path.parent.iterdir()) == [path]


def test_a_reader_sees_what_the_owner_writes_afterwards(path: Path) -> None:
    with only_readable(path.parent):
        reader = Catalogue.open(path)
        assert reader.count() == 1
    with reader:
        for count in (2, 3):
            with Catalogue.open(path) as owner, owner.write() as writer:
                writer.add_sources([NewSource(f"id{count}", "0" * 64, "row", 1)])
                assert reader.count() == count - 1
            with only_readable(path.parent):
                assert reader.count() == count


def test_a_reader_beside_a_writer_sees_its_commits(path: Path) -> None:
    with Catalogue.open(path) as owner:
        with owner.write() as writer:
            writer.add_sources([NewSource("b", "0" * 64, "row", 1)])
        with only_readable(path.parent), Catalogue.open(path) as reader:
            assert reader.count() == 2


def test_commits_that_only_the_log_has_are_not_passed_over(path: Path) -> None:
    """A copy of a collection that was being written, on a medium that cannot be written."""
    copy = path.parent / "copy" / "c.sqlite"
    copy.parent.mkdir()
    with closing(sqlite3.connect(path)) as owner:
        owner.execute("UPDATE state SET next_number = 9")
        owner.commit()
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    with (
        only_readable(copy.parent),
        pytest.raises(CollectionReadOnlyError, match="open it once where it may be"),
    ):
        Catalogue.open(copy)
