"""Which entries of buckets count no longer, and which stand for ids that were put in again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Array, Bool, Int64

Row = tuple[int, int | None]
"""(entry, None): the entry is dead. (alias, id): the entry, -1 or less, stands for the id."""


def _nothing() -> Int64:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """What has changed since a generation of buckets was written, without touching the buckets of what was taken out.

    An id's first entry in buckets is the id itself. Who is taken out leaves its entries behind, as dead ones; so who
    is put in again gets an alias for its new entries: -1, -2 and so on. Changes are only ever added.
    """

    count: int = 0
    """Rows, from the first on, that this was made of."""
    dead: Int64 = field(default_factory=_nothing)
    """Entries, ascending."""
    aliases: Int64 = field(default_factory=_nothing)
    """The id that alias -1 - i stands for."""

    def followed_by(self, rows: Iterable[Row]) -> Changes:
        """Return these changes and `rows`, those after the first `count`."""
        rows = list(rows)
        if not rows:
            return self
        dead = [entry for entry, number in rows if number is None]
        aliased = sorted(((entry, number) for entry, number in rows if number is not None), reverse=True)
        return Changes(
            self.count + len(rows),
            np.union1d(self.dead, np.array(dead, dtype=np.int64)),
            np.append(self.aliases, np.array([number for _, number in aliased], dtype=np.int64)),
        )

    def live(self, entries: npt.NDArray[np.integer]) -> tuple[Bool, Int64]:
        """Return which entries (n,) count, and the ids of those (see `gather.Live`)."""
        found: Int64 = entries.astype(np.int64)
        kept = ~np.isin(found, self.dead) & (-1 - found < len(self.aliases))
        found = found[kept]
        alias = found < 0
        found[alias] = self.aliases[-1 - found[alias]]
        return kept, found

    def entries_of(self, ids: Int64) -> Int64:
        """Return the entries of ids that are in the buckets."""
        if not len(self.aliases):
            return ids
        # An id's latest alias is the one that counts.
        order = np.argsort(self.aliases, kind="stable")
        place = np.searchsorted(self.aliases[order], ids, side="right") - 1
        slot = order[place]
        return np.where((place >= 0) & (self.aliases[slot] == ids), -1 - slot, ids)

    def leaving(self, ids: Int64) -> list[Row]:
        """Return the rows by which ids that are in the buckets leave them."""
        return [(entry, None) for entry in self.entries_of(ids).tolist()]

    def entering(self, ids: Int64) -> tuple[list[Row], Int64]:
        """Return the rows by which ids enter that are in no bucket, and their entries."""
        again = np.isin(ids, self.dead)
        entries: Array = ids.copy()
        entries[again] = -1 - len(self.aliases) - np.arange(int(again.sum()))
        return list(zip(entries[again].tolist(), ids[again].tolist(), strict=True)), entries
