"""The keys that a namespace has in Redis.

    lookalike:{NAMESPACE}                    hash: format, generation, stamp, tables, properties, filled
    lookalike:{NAMESPACE}:filling            set of generations that are being filled: TOKEN:TABLES
    lookalike:{NAMESPACE}:garbage            set of generations that are to be deleted
    lookalike:{NAMESPACE}:TOKEN:journal      string: the records of the generation (`journal.py`)
    lookalike:{NAMESPACE}:TOKEN:next         integer: the next number for an entry
    lookalike:{NAMESPACE}:TOKEN:witnesses    set: keys of witnesses, in a cluster
    lookalike:TOKEN:witness:NUMBER           hash: a witness, see `cluster.py`
    lookalike:{NAMESPACE}:TOKEN:TABLE        string: the keys of the table's buckets, 64 bits each, some perhaps twice
    lookalike:TOKEN:TABLE:KEY                string: a bucket's entries, 32 bits each; KEY is hexadecimal

All keys are text, since a cluster hashes a key by what stands between its braces, which bytes may hold by chance. All
that a namespace has beside its buckets is in one slot of a cluster, and changes in one step; buckets are in all slots.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from urllib.parse import quote

from lookalike.arrays import Int64, UInt64

PREFIX = "lookalike:"


@dataclass(frozen=True, slots=True)
class Generation:
    """The keys of the buckets of one fill."""

    namespace: str
    """As keys have it."""
    token: str
    """Random, so that no two fills of any namespace share a key, on a server that was flushed too."""
    tables: int

    @property
    def member(self) -> str:
        """How sets of generations name it."""
        return f"{self.token}:{self.tables}"

    @property
    def journal(self) -> str:
        """The key of its journal."""
        return f"{self.namespace}:{self.token}:journal"

    @property
    def next_number(self) -> str:
        """The key of the next number for an entry."""
        return f"{self.namespace}:{self.token}:next"

    @property
    def witnesses(self) -> str:
        """The key of the set of its witnesses' keys."""
        return f"{self.namespace}:{self.token}:witnesses"

    def witness(self, number: int) -> str:
        """Return the key of a witness, which may be in any slot."""
        return f"{PREFIX}{self.token}:witness:{number}"

    def directory(self, table: int) -> str:
        """Return the key of what tells the buckets of a table."""
        return f"{self.namespace}:{self.token}:{table}"

    def buckets(self, table: int, keys: UInt64) -> list[str]:
        """Return the keys of buckets of a table."""
        start = f"{PREFIX}{self.token}:{table}:"
        return [f"{start}{key:x}" for key in keys.tolist()]

    def probed(self, tables: Int64, keys: UInt64) -> list[str]:
        """Return the keys of buckets of any tables."""
        start = f"{PREFIX}{self.token}:"
        return [f"{start}{t}:{key:x}" for t, key in zip(tables.tolist(), keys.tolist(), strict=True)]


@dataclass(frozen=True, slots=True)
class Names:
    """The keys of a namespace beside its buckets."""

    header: str

    @classmethod
    def of(cls, namespace: str) -> Names:
        """Return the keys of a namespace, whose braces are quoted."""
        return cls(f"{PREFIX}{{{quote(namespace, safe='/')}}}")

    @property
    def filling(self) -> str:
        """The key of the set of generations that are being filled."""
        return f"{self.header}:filling"

    @property
    def garbage(self) -> str:
        """The key of the set of generations that are to be deleted."""
        return f"{self.header}:garbage"

    def new_generation(self, tables: int) -> Generation:
        """Return a generation that nobody has."""
        return Generation(self.header, secrets.token_urlsafe(6), tables)

    def generation(self, member: str) -> Generation:
        """Return the generation that a set or the header names."""
        token, _, tables = member.rpartition(":")
        return Generation(self.header, token, int(tables))
