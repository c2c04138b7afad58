"""All that is SQLite's own: connections, its errors, JSON, and full text (FTS5)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Integer,
    Select,
    Table,
    Text,
    and_,
    case,
    column,
    create_engine,
    event,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    table,
    true,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from lookalike.catalogue.schema import sources
from lookalike.catalogue.text import PARTS
from lookalike.catalogue.where import AnyOf, Condition, Scalar, Within
from lookalike.errors import (
    CollectionDamagedError,
    CollectionError,
    CollectionLockedError,
    CollectionReadOnlyError,
)

BUSY_TIMEOUT_SECONDS = 10.0
CACHE_KIB = 65_536
WAL_LIMIT_BYTES = 64 << 20


class _Frozen(sqlite3.Connection):
    """A connection that takes the file to be one that nobody writes."""


def connect(path: Path) -> Engine:
    """An engine for the file `path`, which must be there. All of SQLite's errors leave it as LookalikeErrors.

    A transaction is a snapshot; one of a connection with the execution option `writes` takes the write lock
    at once, so that it cannot fail half-way because another process wrote first. What may only be read, be it
    the file, its folder or the medium, is opened for reading.
    """

    def open_file() -> sqlite3.Connection:
        try:
            # SQLite itself falls back to reading where only the file may not be written.
            return _opened(path, "mode=rw", ["journal_mode = WAL"])
        except sqlite3.OperationalError as error:
            if not _name(error).startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
                raise
            # The files that processes share cannot be made beside it. Without a log, nobody has it open who
            # could write it, and the file by itself is all that was committed.
            log = path.with_name(path.name + "-wal")
            if log.is_file() and log.stat().st_size:
                raise CollectionReadOnlyError(
                    f"{path} was not closed by its last writer and may not be written here; open it once where "
                    "it may be"
                ) from error
            return _opened(path, "mode=ro&immutable=1", [], _Frozen)

    engine = create_engine("sqlite+pysqlite://", creator=open_file, poolclass=QueuePool)

    @event.listens_for(engine, "checkin")
    def checkin(connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        if isinstance(connection, _Frozen):
            record.invalidate(soft=True)  # somebody else may write before it is used again

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    @event.listens_for(engine, "handle_error")
    def handle_error(context: ExceptionContext) -> None:
        if isinstance(context.original_exception, sqlite3.Error):
            raise translated(context.original_exception, path) from context.original_exception

    return engine


def _opened(
    path: Path, mode: str, pragmas: Sequence[str], factory: type[sqlite3.Connection] = sqlite3.Connection
) -> sqlite3.Connection:
    # isolation_level None: the driver begins no transactions by itself; `begin` above does.
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?{mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        factory=factory,
    )
    try:
        for pragma in (
            *pragmas,
            "synchronous = FULL",
            "foreign_keys = ON",
            f"cache_size = -{CACHE_KIB}",
            f"journal_size_limit = {WAL_LIMIT_BYTES}",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def translated(error: sqlite3.Error, path: Path) -> CollectionError:
    """The error of Lookalike's own that says what SQLite's `error` means for the user."""
    code = _name(error)
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return CollectionLockedError(f"{path}: another process is writing; try again when it is done")
    if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT")):
        return CollectionDamagedError(f"{path} is damaged ({error}); restore it from a copy")
    if (
        "no such table" in str(error)
        or "no such column" in str(error)
        or "malformed JSON" in str(error)
        or ("Could not decode" in str(error))
    ):
        return CollectionDamagedError(f"{path} is damaged ({error}); restore it from a copy")
    if code.startswith("SQLITE_FULL"):
        return CollectionError(f"{path}: the disk is full; free some space and run it again")
    if code.startswith("SQLITE_READONLY"):
        return CollectionReadOnlyError(
            f"{path} may not be written; check the permissions of the file and its folder"
        )
    if code.startswith("SQLITE_CANTOPEN"):
        return CollectionError(f"{path} cannot be opened; check that it and its folder may be read")
    if code.startswith("SQLITE_IOERR"):
        return CollectionError(f"{path}: reading or writing failed ({error}); check the disk")
    return CollectionError(f"{path}: {error}")


def _name(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", "")


def upsert(
    target: Table, rows: Sequence[Mapping[str, Any]], connection: Connection, key: Sequence[str]
) -> None:
    """Insert `rows`, or update those whose `key` is there."""
    if rows:
        statement = insert(target)
        changed = {name: statement.excluded[name] for name in rows[0] if name not in key}
        connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changed), rows)


def members(values: Iterable[int] | Iterable[str]) -> Select[Any]:
    """A query for `values`, of any number: one parameter instead of SQLite's limited many."""
    return select(func.json_each(json.dumps(list(values))).table_valued("value").c.value)


def gathered(query: Select[Any]) -> Select[Any]:
    """A query for what `query` gives in its one column, as one JSON list: several times faster than rows."""
    return select(func.json_group_array(query.subquery().c[0]))


def bytes_of(column: ColumnElement[bytes]) -> ColumnElement[bytes | None]:
    """The column, null where it is not bytes: SQLite stores anything anywhere, and the driver fails on it."""
    return case((func.typeof(column) == "blob", column))


def is_row_of(path: ColumnElement[str], file: str) -> ColumnElement[bool]:
    """Whether `path` is `file#ROW`. The file `x#1.npy` is no row of `x`."""
    row = func.substr(path, len(file) + 2)
    # A range, as it is answered by the index: "$" is the character after "#".
    return and_(path > f"{file}#", path < f"{file}$", row.op("NOT GLOB", is_comparison=True)("*[^0-9]*"))


# --- Metadata: JSON text, as `writer.encoded` writes it ---


def meets(condition: Condition) -> ColumnElement[bool]:
    """`condition` on the metadata of `sources`, as `Where.matches` defines it."""
    value, kind = _field(condition.field)
    member = func.json_each(value).table_valued("value", "type", name="member")
    # CASE, since only it promises not to evaluate json_each of what is no list.
    found = case(
        (kind == "array", select(1).where(_holds(condition, member.c.value, member.c.type)).exists()),
        else_=_holds(condition, value, kind),
    )
    if isinstance(condition, AnyOf) and condition.negated:
        return and_(kind.is_not(None), kind != "null", found.is_(false()))
    return and_(_mentioned(condition), found.is_(true()))


def has_field(field: str) -> ColumnElement[bool]:
    """Whether the metadata of `sources` have `field` (null counts as not)."""
    return _field(field)[1] != "null"


def field_entries() -> Any:
    """`sources.metadata` taken apart: one row (`key`, `type`) a field, to be joined with `sources`."""
    return func.json_each(sources.c.metadata).table_valued("key", "type", name="entry")


def _field(field: str) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Value and JSON type of a metadata field; both null where it is missing."""
    if json.dumps(field, ensure_ascii=False) == f'"{field}"':
        path = f'$."{field}"'
        return func.json_extract(sources.c.metadata, path), func.json_type(sources.c.metadata, path)
    # A JSON path of SQLite cannot name a field with quotes, backslashes or control characters.
    entry = func.json_each(sources.c.metadata).table_valued("key", "value", "type", name="entry")
    one = [select(part).where(entry.c.key == field).limit(1) for part in (entry.c.value, entry.c.type)]
    return one[0].scalar_subquery(), one[1].scalar_subquery()


def _mentioned(condition: Condition) -> ColumnElement[bool]:
    """False where the JSON text shows that no value can be equal; spares most rows the parsing."""
    if isinstance(condition, Within) or not all(isinstance(value, str) for value in condition.values):
        return true()
    written = (json.dumps(value, ensure_ascii=False) for value in condition.values)
    return or_(*(func.instr(sources.c.metadata, text) > 0 for text in written))


def _holds(condition: Condition, value: ColumnElement[Any], kind: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether one JSON value meets `condition`, its negation left aside."""
    if isinstance(condition, AnyOf):
        return or_(*(and_(_like(kind, wanted), value == _bound(wanted)) for wanted in condition.values))
    ends = [end for end in (condition.low, condition.high) if end is not None]
    tests = [_like(kind, ends[0])]
    if condition.low is not None:
        tests.append(value >= _bound(condition.low))
    if condition.high is not None:
        tests.append(value <= _bound(condition.high))
    return and_(*tests)


def _like(kind: ColumnElement[Any], wanted: Scalar) -> ColumnElement[bool]:
    """Whether a JSON type compares with `wanted`."""
    if isinstance(wanted, bool):
        return kind.in_(("true", "false"))
    return kind == "text" if isinstance(wanted, str) else kind.in_(("integer", "real"))


def _bound(wanted: Scalar) -> ColumnElement[Any]:
    if isinstance(wanted, float):
        # Read by SQLite in the very way that the JSON is; its last bit may differ from Python's, and CAST's too.
        return func.json_extract(literal(repr(wanted)), "$")
    return literal(int(wanted) if isinstance(wanted, bool) else wanted)


# --- Full text ---

WEIGHTS = {"title": 10.0, "description": 2.0, "tags": 5.0, "other": 1.0}

text_index = table("text_index", column("rowid", Integer), *(column(part, Text) for part in PARTS))

CREATE_TEXT_INDEX = (
    f"CREATE VIRTUAL TABLE text_index USING fts5({', '.join(PARTS)}, "
    "tokenize = 'porter unicode61 remove_diacritics 2')"
)
CHECK_TEXT_INDEX = "INSERT INTO text_index(text_index) VALUES ('integrity-check')"

# BM25 is smaller for a better match in SQLite.
score = -func.bm25(literal_column("text_index"), *(literal_column(str(WEIGHTS[part])) for part in PARTS))


def text_matches(query: str) -> ColumnElement[bool]:
    """Whether a row of `text_index` matches an FTS5 query."""
    return literal_column("text_index").op("MATCH", is_comparison=True)(query)
