"""What is damaged is never given out, and is one clear error."""

from __future__ import annotations

import errno
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from filled_catalogue import tamper  # type: ignore[import-not-found]

from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.sqlite.errors import translated
from lookalike.errors import (
    CollectionDamagedError,
    CollectionError,
    CollectionLockedError,
    CollectionReadOnlyError,
)


def test_a_missing_stamp_is_damage(filled: Catalogue) -> None:
    tamper(filled, "DELETE FROM writes WHERE generation = 1")
    with pytest.raises(CollectionDamagedError, match="no stamp"):
        filled.stamp()


def scribble(path: Path) -> None:
    path.write_bytes(b"not a database" * 1000)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize("location", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "damage",
    [
        scribble,
        cut,
        lambda path: path.write_bytes(b""),
        lambda path: tamper(path, "DROP TABLE state"),
        lambda path: tamper(path, "DELETE FROM state"),
    ],
)
def test_a_damaged_file_is_named(filled: Catalogue, damage: Callable[[Path], None]) -> None:
    filled.close()
    damage(Path(filled.name))
    with pytest.raises(CollectionDamagedError, match=r"^[^\n]*catalogue\.sqlite is damaged[^\n]*$"):
        list(Catalogue.open(Path(filled.name)).iterate())


def test_metadata_that_are_no_json_are_named(filled: Catalogue) -> None:
    tamper(filled, "UPDATE sources SET metadata = '[' WHERE number = 5")
    with pytest.raises(CollectionDamagedError, match="metadata of source 'id4'"):
        list(filled.iterate())


@pytest.mark.parametrize("value", ["zeroblob(16)", "'0123456789abcdef'"])
def test_a_vector_that_does_not_match_its_checksum_is_never_given_out(filled: Catalogue, value: str) -> None:
    tamper(filled, f"UPDATE vectors SET vector = {value} WHERE number = 3")
    with pytest.raises(CollectionDamagedError, match="source 3 does not match"):
        filled.vectors("look", [1, 3])
    with pytest.raises(CollectionDamagedError, match="source 3 does not match"):
        list(filled.changes("look"))
    assert filled.vectors("look", [1])[0].tolist() == [1]


@pytest.mark.parametrize(
    ("error", "name", "expected"),
    [
        ("SQLITE_READONLY", "may not be written", CollectionReadOnlyError),
        ("SQLITE_CANTOPEN", "cannot be opened", CollectionError),
        ("SQLITE_IOERR_WRITE", "check the disk", CollectionError),
        ("SQLITE_BUSY_SNAPSHOT", "writing", CollectionLockedError),
        ("SQLITE_CORRUPT_VTAB", "damaged", CollectionDamagedError),
        ("SQLITE_IOERR_SHMSIZE", "disk is full", CollectionError),
        ("SQLITE_IOERR_RDLOCK", "put the collection on another", CollectionError),
        ("SQLITE_IOERR_SHMMAP", "put the collection on another", CollectionError),
        ("SQLITE_PROTOCOL", "put the collection on another", CollectionError),
        ("SQLITE_TOOBIG", "boom", CollectionError),
    ],
)
def test_errors_of_the_driver(error: str, name: str, expected: type[CollectionError]) -> None:
    raised = sqlite3.OperationalError("boom")
    raised.sqlite_errorname = error
    mapped = translated(raised, Path("/c.sqlite"))
    assert type(mapped) is expected and name in str(mapped) and "\n" not in str(mapped)


@pytest.mark.parametrize("code", ["ENOLCK", "EOPNOTSUPP"])
def test_a_file_system_without_locks_is_not_called_busy(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: object) -> None:
        raise OSError(getattr(errno, code), "no locks here")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    raised = sqlite3.OperationalError("database is locked")
    raised.sqlite_errorname = "SQLITE_BUSY"
    mapped = translated(raised, Path(tempfile.gettempdir()) / "c.sqlite")
    assert type(mapped) is CollectionError and "lacks the locks" in str(mapped) and "-c FOLDER" in str(mapped)
