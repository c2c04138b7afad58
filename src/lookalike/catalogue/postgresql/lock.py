"""One writer to a collection at a time, whichever machine it is on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg

from lookalike.catalogue.postgresql import connections
from lookalike.catalogue.postgresql.address import Address
from lookalike.catalogue.postgresql.errors import translated

WAIT_SECONDS = 60
"""How long a writer waits for another."""


@contextmanager
def writer_lock(address: Address, purpose: str, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of the one who writes while the body runs; the server frees it when the connection ends.

    Raises: CollectionLockedError where another writes, with `wait` for longer than a writer waits;
        CollectionUnavailableError.
    """
    timeout = f"{WAIT_SECONDS}s" if wait else "1ms"  # the least that there is: 0 is for ever
    try:
        connection = connections.connect(address, purpose=purpose)
    except psycopg.Error as error:
        raise translated(error, address.name) from error
    with closing(connection):
        try:
            connection.execute(f"SET lock_timeout = '{timeout}'".encode())
            lock = "SELECT pg_advisory_lock(hashtextextended('lookalike write ' || %s, 0))"
            connection.execute(lock, [address.schema])
        except psycopg.Error as error:
            raise translated(error, address.name) from error
        yield
