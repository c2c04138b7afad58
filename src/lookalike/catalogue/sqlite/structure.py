"""The file itself: what its header and its definitions of tables must be, and damage of SQLite's own structures."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection

from lookalike.catalogue.advice import REBUILD, RESTORE
from lookalike.catalogue.records import SCHEMA_VERSION, Problem
from lookalike.catalogue.sqlite import words
from lookalike.errors import CollectionDamagedError, CollectionLockedError, CollectionReadOnlyError

APPLICATION_ID = int.from_bytes(b"LOOK", "big")
_SETTINGS = {"application_id": APPLICATION_ID, "user_version": SCHEMA_VERSION}
"""What a catalogue's header has beside what SQLite itself puts there."""

_HEADER = {
    0: b"SQLite format 3\0",
    18: bytes((2, 2, 0, 64, 32, 32)),  # with a log; no bytes kept free in a page; how full a page may be
    44: (4).to_bytes(4, "big"),  # the format of the tables
    48: bytes(8),  # no size of the cache, and no pages that move by themselves
    56: (1).to_bytes(4, "big"),  # UTF-8
    64: bytes(4),
    72: bytes(20),
}
"""What lies where in the first 100 bytes of every catalogue; https://sqlite.org/fileformat2.html describes them."""


def put_settings(connection: Connection) -> None:
    """Write into the header that the file is a catalogue, and of which schema."""
    for name, value in _SETTINGS.items():
        connection.exec_driver_sql(f"PRAGMA {name} = {value}")


def tables_checksum(connection: Connection) -> int:
    """CRC-32 of the definitions of all tables and indexes."""
    rows = connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name")
    return zlib.crc32(json.dumps([list(row) for row in rows]).encode("ascii"))


def problems(connection: Connection, path: Path) -> Iterator[Problem]:
    """What is wrong with the header, with pages, with rows without the row they refer to, and with the words."""
    with path.open("rb") as file:
        header = file.read(100)
    for offset, expected in _HEADER.items():
        if header[offset : offset + len(expected)] != expected:
            yield Problem(f"the header is damaged at byte {offset}", "the database file", RESTORE)
    for name, expected_value in _SETTINGS.items():
        if connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() != expected_value:
            yield Problem(f"the header is damaged ({name})", "the database file", RESTORE)
    for (message,) in connection.exec_driver_sql("PRAGMA integrity_check"):
        for line in str(message).splitlines():
            if line != "ok" and not line.startswith("***"):  # a heading
                yield Problem(line, "the database file", RESTORE)
    for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        yield Problem(f"refers to a row of {parent} that is not there", f"table {table}, row {row}", RESTORE)
    try:
        connection.exec_driver_sql(words.CHECK)  # It writes nothing, though SQLite has it as an insert.
    except (CollectionReadOnlyError, CollectionLockedError):
        pass  # SQLite refuses where nothing can be written now; the texts can be compared all the same
    except CollectionDamagedError:
        yield Problem("the index does not match its own text", "full text", REBUILD)
