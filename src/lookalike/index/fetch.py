"""Vectors of a database of the user's own, as an index over buckets reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from lookalike.arguments import shown
from lookalike.arrays import Int64, Rows
from lookalike.buckets import BucketStore
from lookalike.errors import OptionError, VectorError, VectorReadError

Fetch = Callable[[Int64], tuple[Any, Any]]
"""Takes ids (n,); returns those of them that are there, in any order, and their vectors."""
IDS = "ids"
"""The parameter of a query that stands for the ids asked for."""
ASKED = 500
"""Ids that one statement asks for: databases take no more than so many parameters."""


class FetchedVectors:
    """A `VectorReader`: vectors by `fetch`, ids from the buckets themselves."""

    def __init__(self, fetch: Fetch, store: BucketStore) -> None:
        self._fetch = fetch
        self._store = store

    def __call__(self, ids: Int64) -> tuple[Int64, Rows]:
        """See `VectorReader`. Raises VectorError where `fetch` returns no pair."""
        found = self._fetch(ids)
        if not isinstance(found, tuple) or len(found) != 2:
            raise VectorError(f"fetch returned {shown(found)}; return ids and their vectors, as a pair")
        return found

    def ids(self) -> Int64:
        """See `VectorReader`."""
        return self._store.ids()

    def __len__(self) -> int:
        """See `VectorReader`."""
        return self._store.stats().ids


class SqlVectors:
    """Fetches vectors by a query of the user's; safe for threads.

    The query gives ids and vectors, in this order, of the ids that `:ids` stands for, as in
    `SELECT id, vector FROM products WHERE id IN :ids`. A vector is bytes of little-endian float32 (bytea, BLOB), an
    array of numbers, or text such as `[0.5, 1]`, which is what pgvector gives.
    """

    def __init__(self, query: str, database: str) -> None:
        """Take a query, and the URL of the database, as SQLAlchemy has it; `postgresql://` is read by psycopg.

        Raises:
            OptionError: no URL, or a query without `:ids`.
            VectorReadError: there is no driver for such a database.
        """
        if not isinstance(database, str) or "://" not in database:
            raise OptionError(
                "fetch is a query; give the URL of its database too, such as database='postgresql://host/shop'"
            )
        if not re.search(rf"(?<!:):{IDS}\b", query):
            raise OptionError(
                f"the query {shown(query)} does not ask for :{IDS}; end it with WHERE id IN :{IDS}, or alike"
            )
        from sqlalchemy import bindparam, create_engine, text
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError

        url = re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", database)
        try:
            self._engine = create_engine(url)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise VectorReadError(
                f"vectors cannot be fetched from that database ({type(error).__name__}); check its URL, and that "
                "its driver is installed"
            ) from None
        self._query = text(query).bindparams(bindparam(IDS, expanding=True))

    def __call__(self, ids: Int64) -> tuple[Int64, Rows]:
        """Fetch vectors; see `Fetch`.

        Raises:
            VectorReadError: the database cannot be reached, or refuses the query.
            VectorError: it gives something else than ids and vectors.
        """
        from sqlalchemy.exc import SQLAlchemyError

        rows: list[Any] = []
        try:
            with self._engine.connect() as connection:
                for start in range(0, len(ids), ASKED):
                    asked = ids[start : start + ASKED].tolist()
                    rows += connection.execute(self._query, {IDS: asked}).all()
        except SQLAlchemyError as error:
            reason = " ".join(str(getattr(error, "orig", None) or error).split())
            raise VectorReadError(f"vectors cannot be fetched: {reason}") from None
        if not rows:
            return ids[:0], np.empty((0, 0), dtype=np.float32)
        try:
            numbers, vectors = zip(*((row[0], _vector(row[1])) for row in rows), strict=True)
            return np.array(numbers, dtype=np.int64), np.array(vectors)
        except (TypeError, ValueError, IndexError, OverflowError) as error:
            raise VectorError(
                f"the query gives no ids with vectors of one length ({error}); select the id, then the vector"
            ) from None

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _vector(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return np.frombuffer(value, dtype="<f4")
    return np.asarray(json.loads(value) if isinstance(value, str) else value, dtype=np.float32)
