"""Writes the buckets of one generation, and deletes those of others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Bool, UInt64
from lookalike.buckets.journal import ENTRY
from lookalike.buckets.redis.names import Generation, Names
from lookalike.buckets.redis.server import Server
from lookalike.buckets.table import firsts

ENTRIES = 1 << 22
"""Entries that are gathered before they are written, so that a bucket is written in few pieces, each as one."""
KEY = np.dtype("<u8")

Entries = npt.NDArray[np.uint32]


class Writer:
    """Adds entries to the buckets of a generation. A bucket is in the directory before it is there."""

    def __init__(self, server: Server, generation: Generation, known: list[UInt64] | None = None) -> None:
        """Take the keys of each table's buckets that there are; none by default."""
        self._server, self._generation = server, generation
        nothing = np.empty(0, dtype=np.uint64)
        self.known = [nothing] * generation.tables if known is None else known
        self._waiting: list[tuple[Entries, UInt64]] = []

    def add(self, entries: Entries, keys: UInt64) -> None:
        """Add entries (n,) to the buckets of keys (n, tables), now or when there are more, or on `flush`."""
        self._waiting.append((entries, keys))
        if sum(keys.size for _, keys in self._waiting) >= ENTRIES:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if not self._waiting:
            return
        entries = np.concatenate([entries for entries, _ in self._waiting])
        keys = np.concatenate([keys for _, keys in self._waiting])
        self._waiting = []
        self._write({table: self._piece(table, entries, keys[:, table]) for table in range(keys.shape[1])})

    def write(self, table: int, entries: Entries, keys: UInt64) -> None:
        """Write entries (n,) to the buckets of keys (n,) of one table, at once."""
        self._write({table: self._piece(table, entries, keys)})

    def _piece(self, table: int, entries: Entries, keys: UInt64) -> _Piece:
        return _Piece.of(entries, keys, self.known[table])

    def _write(self, pieces: _Pieces) -> None:
        self._register(pieces)
        self._put(pieces)

    def _register(self, pieces: _Pieces) -> None:
        """Put buckets that are new into the directories."""
        fresh = [(table, piece.keys[piece.new]) for table, piece in pieces.items() if piece.new.any()]
        self._server.append(
            (self._generation.directory(table), keys.astype(KEY).tobytes()) for table, keys in fresh
        )
        for table, keys in fresh:
            self.known[table] = np.union1d(self.known[table], keys)

    def _put(self, pieces: _Pieces) -> None:
        self._server.append(self._contents(pieces, None))

    def _contents(self, pieces: _Pieces, new: bool | None) -> Iterator[tuple[str, bytes]]:
        """Yield buckets by their keys in the store: all, those that are new, or the others."""
        for table, piece in pieces.items():
            names = self._generation.buckets(table, piece.keys)
            for name, fresh, start, end in zip(
                names, piece.new.tolist(), piece.bounds, piece.bounds[1:], strict=False
            ):
                if new is None or fresh is new:
                    yield name, piece.packed[start:end]


class FreshWriter(Writer):
    """Fills a generation that nobody else writes to, so that a bucket it does not know is not there.

    Such buckets are set, which takes fewer commands than to append, and no more memory than their entries need.
    """

    def _put(self, pieces: _Pieces) -> None:
        self._server.set_all(self._contents(pieces, True))
        self._server.append(self._contents(pieces, False))


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """What is to be added to the buckets of one table."""

    keys: UInt64
    """(b,), ascending."""
    new: Bool
    """(b,), which of these buckets are not in the directory yet."""
    packed: bytes
    bounds: list[int]
    """b + 1: the entries for bucket i are `packed[bounds[i] : bounds[i + 1]]`."""

    @classmethod
    def of(cls, entries: Entries, keys: UInt64, known: UInt64) -> Self:
        """Return the piece of entries (n,) for the buckets of keys (n,)."""
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        first = np.flatnonzero(firsts(ordered))
        distinct = ordered[first]
        bounds = np.append(first, len(ordered)) * ENTRY.itemsize
        packed = entries[order].astype(ENTRY).tobytes()
        return cls(distinct, ~np.isin(distinct, known), packed, bounds.tolist())


_Pieces = dict[int, _Piece]
"""By table."""


def directories(server: Server, generation: Generation) -> list[UInt64]:
    """Return the keys of each table's buckets, ascending."""
    packed = server.pipelined(("GET", generation.directory(table)) for table in range(generation.tables))
    return [np.unique(np.frombuffer(keys or b"", dtype=KEY)).astype(np.uint64) for keys in packed]


def delete(server: Server, generation: Generation, buckets: list[UInt64]) -> None:
    """Delete these buckets of each table, and then all else of a generation, so that a kill leaves a directory."""
    for table, keys in enumerate(buckets):
        server.unlink(generation.buckets(table, keys))
    tables = (generation.directory(table) for table in range(generation.tables))
    witnesses = server.witnesses(generation)
    server.unlink([*witnesses, generation.witnesses, generation.journal, generation.next_number, *tables])


def sweep(server: Server, names: Names) -> None:
    """Delete the generations that are garbage."""
    for member in server.client.smembers(names.garbage):
        generation = names.generation(member.decode())
        delete(server, generation, directories(server, generation))
        server.client.srem(names.garbage, member)
