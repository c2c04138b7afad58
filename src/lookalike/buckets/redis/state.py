"""The state of one namespace: what the server holds, what this process knows of it, and the steps to the next."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from lookalike.arrays import Int64, UInt64
from lookalike.buckets.base import Header
from lookalike.buckets.journal import NUMBERED, Journal, record
from lookalike.buckets.redis import scripts
from lookalike.buckets.redis.names import Generation, Names
from lookalike.buckets.redis.server import Reading, Server
from lookalike.buckets.redis.writing import directories
from lookalike.errors import BucketStoreError, BucketStoreUnavailableError

FORMAT = "1"
FEW_CHANGES = 10_000
CHANGED_SHARE = 0.25
"""Buckets are rewritten once more ids were changed than a few, and than this share of those they were filled with."""
ATTEMPTS = 5
"""A reader whose buckets are replaced while it reads begins anew, this many times."""
REPLACED = "the buckets are replaced again and again while they are read; try again later"


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One state of the buckets: in which generation they are, and which of its entries count."""

    generation: Generation
    header: Header
    """Its stamp is the journal's."""
    journal: Journal
    filled: int
    """How many ids the generation was filled with."""

    @property
    def is_due(self) -> bool:
        """Whether so much counts no longer, or by the journal only, that the buckets are to be rewritten."""
        return self.journal.changes > max(FEW_CHANGES, CHANGED_SHARE * self.filled)

    def notes(self) -> tuple[str, ...]:
        """Return what the owner should know."""
        if not self.is_due:
            return ()
        return (
            f"{self.journal.changes} ids were changed since the buckets were last rewritten, which has failed since; "
            "see that the server has memory for them twice",
        )

    def after(self, reading: Reading) -> View | None:
        """Return the view as of a reading; None where that is of another generation, or another history."""
        if reading.generation != self.generation.member or reading.generation_after != reading.generation:
            return None
        journal = self.journal.extended(reading.records)
        if journal is None or (not reading.records and reading.stamp != journal.stamp):
            return None
        return replace(self, journal=journal, header=replace(self.header, stamp=journal.stamp))

    def has_lost(self, reading: Reading) -> bool:
        """Whether buckets of this view that were read lack something, by the witnesses of a cluster."""
        return reading.witnessed is not None and reading.witnessed < self.journal.length


class State:
    """Reads and changes the state. Safe for threads: what it remembers is replaced, never changed."""

    def __init__(self, server: Server, names: Names) -> None:
        """Take a server and the keys of a namespace."""
        self.server, self.names = server, names
        self._view: View | None = None
        self._known: tuple[Generation, list[UInt64]] | None = None

    def view(self) -> View | None:
        """Return the present state; None where there are no buckets."""
        view, _ = self.read(lambda view: [])
        return view

    def read(self, buckets: Callable[[View], list[str]]) -> tuple[View | None, list[bytes | None]]:
        """Return the present state, and the contents of buckets, all of which hold what counts in it.

        Args:
            buckets: gives the keys of those that are wanted, of the generation that is there.
        """
        view, lost = self._view, False
        for _ in range(ATTEMPTS):
            if view is None:
                view = self._load()
                if view is None:
                    self._view = None
                    return None, []
            reading = self.server.read(self.names, view.generation, view.journal.length, buckets(view))
            view = view.after(reading)
            lost = view is not None and view.has_lost(reading)
            if view is not None and not lost:
                self._view = view
                return view, reading.contents
            # Of another history, perhaps, in which some of these buckets are not there.
            view = self._known = None
        if lost:  # and not only replaced between one reply and the next
            self._view = None
            return None, []
        raise BucketStoreUnavailableError(REPLACED)

    def begin(self, tables: int) -> Generation:
        """Return a new generation to fill; what others began and did not finish is garbage from now on."""
        generation = self.names.new_generation(tables)
        self.server.client.eval(scripts.BEGIN, 2, self.names.filling, self.names.garbage, generation.member)
        self.server.appoint(generation)
        return generation

    def discard(self, generation: Generation) -> None:
        """Make a generation garbage, unless it is the one that is read."""
        names = self.names
        keys = (names.header, names.filling, names.garbage)
        self.server.client.eval(scripts.DISCARD, len(keys), *keys, generation.member)

    def swap(
        self, generation: Generation, header: Header, wide: Int64, filled: int, *, follows: View | None = None
    ) -> bool:
        """Make a filled generation the one that is read, and the one before it garbage.

        Args:
            wide: the ids that its first entries with numbers are of.
            filled: how many ids it has.
            follows: the state that must still be the present one; any by default.

        Returns:
            False, with nothing done, where the state is another, or another process has begun to fill since.
        """
        names = self.names
        keys = (names.header, names.filling, names.garbage, generation.journal, generation.next_number)
        first = record(0, header.stamp, 0, wide[:0], wide)
        seen = ("", "") if follows is None else (follows.generation.member, str(follows.header.stamp))
        fields = {
            "format": FORMAT,
            "stamp": str(header.stamp),
            "tables": json.dumps(header.tables),
            "properties": header.properties_json(),
            "filled": str(filled),
        }
        pairs = [text for pair in fields.items() for text in pair]
        self._witness(generation, "next", len(wide))
        self._witness(generation, "length", len(first))
        made = self.server.client.eval(
            scripts.SWAP, len(keys), *keys, generation.member, *seen, first, len(wide), *pairs
        )
        # Where the reply was lost on the way and it was sent again, it had been done.
        return bool(made) or self.is_read(generation)

    def commit(self, view: View, stamp: int, change: bytes) -> bool:
        """Add the record of a change to the journal, and set the stamp, unless the state is not `view` any more."""
        member = view.generation.member
        self._witness(view.generation, "length", view.journal.length + len(change))
        made = self.server.client.eval(
            scripts.COMMIT, 2, self.names.header, view.generation.journal,
            member, str(view.header.stamp), str(stamp), change,
        )  # fmt: skip
        return bool(made) or self._header("generation", "stamp") == [member, str(stamp)]

    def is_read(self, generation: Generation) -> bool:
        """Whether a generation is the one that is read."""
        return self._header("generation") == [generation.member]

    def numbers(self, view: View, count: int) -> int:
        """Return the first of `count` numbers for entries, which nobody else is given.

        Raises:
            BucketStoreError: there are none left.
        """
        generation, client = view.generation, self.server.client
        first = int(client.incrby(generation.next_number, count)) - count
        told = self.server.pipelined(("HGET", key, "next") for key in self.server.witnesses(generation))
        given = max((int(number or 0) for number in told), default=0)
        if given > first:
            first = int(client.incrby(generation.next_number, given - first)) - count
        if first + count > NUMBERED:
            raise BucketStoreError("the buckets have been changed 2**31 times; fill the store again")
        self._witness(generation, "next", first + count)
        return first

    def drop(self) -> None:
        """Make everything garbage."""
        names = self.names
        self.server.client.eval(scripts.DROP, 3, names.header, names.filling, names.garbage)
        self._view = self._known = None

    def buckets(self, view: View) -> list[UInt64]:
        """Return the keys of each table's buckets that are known; whoever writes adds those that are new."""
        known = self._known
        if known is None or known[0] != view.generation:
            self._known = known = view.generation, directories(self.server, view.generation)
        return known[1]

    def _witness(self, generation: Generation, field: str, number: int) -> None:
        """Have every server of a cluster know a number; see `cluster.py`."""
        for key in self.server.witnesses(generation):
            self.server.client.eval(scripts.RAISE, 1, key, field, number)

    def _load(self) -> View | None:
        """Return the state without what this process remembers of an earlier one."""
        for _ in range(ATTEMPTS):
            told = self._header("format", "generation", "tables", "properties", "filled")
            version, member, tables, properties, filled = told
            if member is None:
                return None
            if version != FORMAT or tables is None or properties is None or filled is None:
                raise BucketStoreError(
                    f"the buckets are of format {version}, and this version of Lookalike knows {FORMAT}; update it, "
                    "or choose another namespace"
                )
            generation = self.names.generation(member)
            journal = Journal.of(self.server.client.get(generation.journal) or b"")
            if journal is not None:
                header = Header(journal.stamp, tuple(json.loads(tables)), json.loads(properties))
                return View(generation, header, journal, int(filled))
            if self._header("generation") == [member]:
                raise BucketStoreError(
                    "the journal of the buckets is missing or damaged; fill the store again"
                )
        raise BucketStoreUnavailableError(REPLACED)

    def _header(self, *fields: str) -> list[str | None]:
        told = self.server.client.hmget(self.names.header, fields)
        return [None if value is None else value.decode() for value in told]
