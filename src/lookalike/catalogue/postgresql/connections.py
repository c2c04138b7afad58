"""Connections to a schema of PostgreSQL's."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import psycopg

from lookalike.catalogue.postgresql.address import Address
from lookalike.errors import CollectionError, CollectionMissingError

CONNECT_SECONDS = 10
STATEMENT_SECONDS = 120
"""A statement is ended by the server after this, unless the server, the user's role or the URL says otherwise."""
ANSWER_SECONDS = 150.0
"""A server that has said nothing for so long is given up."""
BUSY_SECONDS = 10.0
"""How long one write waits for another."""
OLDEST_VERSION = 14
KEEP_ALIVE = {"keepalives_idle": 60, "keepalives_interval": 10, "keepalives_count": 3}

_LOOK = """
    SELECT set_config('search_path', %(path)s, false),
        set_config('statement_timeout', CASE current_setting('statement_timeout') WHEN '0' THEN %(timeout)s
            ELSE current_setting('statement_timeout') END, false),
        (SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass(%(path)s || '.state')
            AND attname IN ('schema_version', 'tables_checksum')) = 2 AS is_catalogue,
        (SELECT min(relname) FROM pg_class WHERE relnamespace = to_regnamespace(%(path)s)) AS other
"""


class _Connection(psycopg.Connection[Any]):
    """A connection that does not wait for ever."""

    def wait(self, gen: Generator[Any, Any, Any], *arguments: Any, **options: Any) -> Any:
        return super().wait(self._in_time(gen), *arguments, **options)

    def _in_time(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """What psycopg waits with, which is asked again several times a second."""
        end = time.monotonic() + ANSWER_SECONDS
        try:
            state = next(gen)
            while True:
                ready = yield state
                if ready:
                    end = time.monotonic() + ANSWER_SECONDS
                elif time.monotonic() > end:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"no answer within {ANSWER_SECONDS:g} s")
                state = gen.send(ready)
        except StopIteration as done:
            return done.value


def connect(address: Address, *, purpose: str = "") -> _Connection:
    """A connection, in no transaction, that begins none by itself; of a schema that may not be there."""
    given: dict[str, Any] = {
        "connect_timeout": str(CONNECT_SECONDS),
        "application_name": " ".join(filter(None, ("lookalike", purpose))),
        **KEEP_ALIVE,
        **address.parameters,
        "client_encoding": "UTF8",
    }
    connection = _Connection.connect(autocommit=True, **given)
    try:
        _check_server(connection, address)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_catalogue(address: Address) -> _Connection:
    """The same, of a schema that holds a catalogue.

    Raises: CollectionMissingError; CollectionError where something else is in the schema.
    """
    connection = connect(address)
    try:
        look(connection, address, expect=True)
    except BaseException:
        connection.close()
        raise
    return connection


def look(connection: psycopg.Connection[Any], address: Address, *, expect: bool) -> bool:
    """Set what each session needs; return whether the schema holds a catalogue.

    Raises: CollectionMissingError if one is expected and not there; CollectionError where something else is.
    """
    parameters = {"path": quoted(address.schema), "timeout": f"{STATEMENT_SECONDS}s"}
    row = connection.execute(_LOOK, parameters).fetchone()
    assert row is not None
    _, _, is_catalogue, other = row
    if is_catalogue:
        return True
    if other is not None:
        raise CollectionError(
            f"{address.name}: the schema {address.schema} holds something else ({other}); name another one with "
            "?schema=NAME at the end of the URL"
        )
    if expect:
        raise CollectionMissingError(f"there is no collection at {address.name}; make one with lookalike add")
    return False


def quoted(name: str) -> str:
    """A name of SQL's."""
    return '"' + name.replace('"', '""') + '"'


def _check_server(connection: psycopg.Connection[Any], address: Address) -> None:
    version = connection.info.server_version // 10000
    if version < OLDEST_VERSION:
        raise CollectionError(f"{address.name} runs PostgreSQL {version}; use {OLDEST_VERSION} or newer")
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise CollectionError(
            f"{address.name} keeps text in {encoding}, which cannot hold all of it; use a database in UTF8"
        )
