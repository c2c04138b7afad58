"""Connections to PostgreSQL: how long they wait, and what their errors mean."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy as np
import psycopg
from psycopg import errors
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.sql import SQL, Composed

from lookalike.arrays import Int64
from lookalike.errors import (
    BucketStoreError,
    BucketStoreUnavailableError,
    OptionError,
)

R = TypeVar("R")
OLDEST = 13
"""The oldest version of PostgreSQL that is spoken to."""
GRACE_SECONDS = 1.0
"""The server is given so much longer to say itself that it took too long."""
WAKE_SECONDS = 0.1
AWAY = ("08", "57P", "53300", "55P03", "57014", "40001", "40P01", "25P0")
"""SQLSTATEs of what passes: gone, starting or stopping, all connections taken, waited too long, deadlock."""
LOST = ("08", "57P01", "57P02")
PROBLEMS = {
    "53100": "has no room left on its disk; make room",
    "53": "did not get the memory or other means that it needs",
    "25006": "may be read, but not written; give the URL of a server that is no standby",
    "28": "refuses this user or password; give others in the URL",
    "3D000": "is not there; create the database",
    "42501": "does not let this user make or use Lookalike's tables; grant CREATE on the schema",
    "42": "has tables of another shape than Lookalike's; give another schema by the URL's option search_path",
    "54": "cannot hold a bucket as large as this; choose a family with more hashes a table",
    "XX001": "is damaged; drop Lookalike's tables and fill the store again",
    "XX002": "is damaged; drop Lookalike's tables and fill the store again",
}
"""By how SQLSTATEs begin."""
REFUSALS = {"password": "28", "pg_hba.conf": "28", "no role": "28", "does not exist": "3D000"}
"""What messages of refused connections hold, which come without their SQLSTATE."""


class TookTooLong(psycopg.OperationalError):
    """The server did not answer in time, and did not say why."""


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that waits for no answer longer than its `patience`."""

    patience = math.inf
    """Seconds."""
    schema = ""
    """Where Lookalike's tables are."""

    def wait(
        self, gen: Generator[Any, Any, R], interval: float = WAKE_SECONDS, timeout: float | None = None
    ) -> R:
        """Return what `gen` does. All of psycopg's waiting is done here."""
        return super().wait(_within(gen, min(self.patience, timeout or math.inf)), interval)

    def fetched(
        self, statement: SQL | Composed, given: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """Return all rows, which travel in binary form."""
        return self.execute(statement, given, binary=True).fetchall()


@dataclass(frozen=True, slots=True, eq=False)
class Array:
    """Integers (n,) as a parameter: psycopg packs lists of numbers one by one."""

    packed: bytes

    @classmethod
    def of(cls, numbers: Int64) -> Self:
        """Return bigint[] as PostgreSQL sends and receives it."""
        items = np.empty(len(numbers), dtype=[("size", ">i4"), ("number", ">i8")])
        items["size"], items["number"] = 8, numbers
        axes, nulls, lower_bound = 1, 0, 1
        head = np.array([axes, nulls, INT8, len(numbers), lower_bound], dtype=">i4")
        return cls(head.tobytes() + items.tobytes())


INT8, INT8_ARRAY = 20, 1016
"""PostgreSQL's numbers of the types bigint and bigint[]."""


class _ArrayDumper(Dumper):
    format = Format.BINARY
    oid = INT8_ARRAY

    def dump(self, obj: Array) -> bytes:
        return obj.packed


def connect(url: str, name: str, timeout: float) -> Connection:
    """Return a connection that commits each statement, unless within a transaction.

    Raises:
        OptionError: the URL cannot be read.
        BucketStoreError: the server is too old, or has no schema to write to.
        psycopg.Error: see `raised`.
    """
    try:
        connection = Connection.connect(
            url,
            autocommit=True,
            connect_timeout=max(2, math.ceil(timeout)),  # psycopg takes whole seconds, from 2
            application_name="lookalike",
        )
    except psycopg.ProgrammingError:
        # Its message may quote the password.
        raise OptionError(
            f"{name} has a URL that cannot be read; quote signs in its parts as %40 for @"
        ) from None
    try:
        connection.patience = timeout + GRACE_SECONDS
        connection.adapters.register_dumper(Array, _ArrayDumper)
        version = connection.info.server_version // 10_000
        if version < OLDEST:
            raise BucketStoreError(f"{name} runs PostgreSQL {version}; {OLDEST} or newer is needed")
        milliseconds = f"{math.ceil(timeout * 1000)}"
        row = connection.execute(
            "SELECT current_schema(), set_config('statement_timeout', %(time)s, false), "
            "set_config('lock_timeout', %(time)s, false)",
            {"time": milliseconds},
        ).fetchone()
        if row is None or row[0] is None:
            raise BucketStoreError(
                f"{name} has no schema in its search_path; create one, or set another path"
            )
        connection.schema = row[0]
    except BaseException:
        connection.close()
        raise
    return connection


def is_lost(error: Exception) -> bool:
    """Whether the connection was gone, so that what failed may be done on another."""
    return (
        isinstance(error, psycopg.OperationalError)
        and not isinstance(error, TookTooLong)
        and (error.sqlstate is None or error.sqlstate.startswith(LOST))
    )


@contextmanager
def raised(name: str, timeout: float) -> Iterator[None]:
    """Raise psycopg's errors as the project's."""
    try:
        yield
    except psycopg.Error as error:
        said = " ".join(str(error).split())
        code = error.sqlstate or _refusal(said)
        if isinstance(error, (errors.QueryCanceled, errors.LockNotAvailable, TookTooLong)):
            raise BucketStoreUnavailableError(
                f"{name} did not do within {timeout:g} s what was asked ({said}); try again later"
            ) from error
        if code is None or code.startswith(AWAY):
            raise BucketStoreUnavailableError(
                f"{name} cannot be reached ({said}); try again later"
            ) from error
        problem = next((text for beginning, text in PROBLEMS.items() if code.startswith(beginning)), "failed")
        raise BucketStoreError(f"{name} {problem} ({said})") from error


def _refusal(said: str) -> str | None:
    return next((code for text, code in REFUSALS.items() if text in said), None)


def _within(gen: Generator[Any, Any, R], seconds: float) -> Generator[Any, Any, R]:
    """Yield what `gen` yields, and send it what is sent, until nothing was for too long."""
    try:
        wanted = next(gen)
        until = time.monotonic() + seconds
        while True:
            ready = yield wanted
            if ready:
                until = time.monotonic() + seconds
            elif time.monotonic() > until:
                raise TookTooLong(f"no answer for {seconds:g} s")
            wanted = gen.send(ready)
    except StopIteration as ended:
        result: R = ended.value
        return result
