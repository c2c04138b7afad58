"""A cluster, whose servers fail each by itself.

A server that was flushed, or replaced by a stale replica, has lost some buckets, or the newest entries of some, while
the header and the journal are on another and as they were. So each server keeps a witness, a hash of two numbers:

- `length`, of the journal that its buckets are up to, is raised before a change is committed. Who reads buckets reads
  the witnesses last: one that is missing, or knows less than the journal, tells of a loss, and the store then has no
  header.
- `next`, the next number for an entry, is raised before entries are added. So numbers are not given twice where it is
  the server of the journal that has lost its newest records, and others have entries of these.

Witnesses are keys in slots of the servers that there were when the buckets were filled. A server that was given slots
since has none; fill the store again after slots were moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lookalike.buckets.redis.names import Generation, Names
from lookalike.buckets.redis.server import Reading, Server, ask_state, reading

TRIED = 1000
"""Keys that are tried to find one in a slot of each server: enough for a server of a hundredth of the slots."""


class Cluster(Server):
    """A cluster, whose pipelines know commands of one key only, and whose servers answer in no order."""

    def __init__(self, client: Any) -> None:
        """Take a redis-py client of a cluster, that gives bytes."""
        super().__init__(client)
        self._witnesses: dict[str, list[str]] = {}

    def read(self, names: Names, generation: Generation, offset: int, buckets: Sequence[str]) -> Reading:
        """Read as `Server` does; the journal, the witnesses and the header take a round trip each."""
        pipeline = self.client.pipeline(transaction=False)
        ask_state(pipeline, names, generation, offset)
        told, records = pipeline.execute()
        contents = self.get(buckets)
        witnesses = self.witnesses(generation)
        lengths = self.pipelined(("HGET", key, "length") for key in witnesses)
        after = self.client.hget(names.header, "generation")
        return reading(
            told, records, contents, after, min((int(length or -1) for length in lengths), default=-1)
        )

    def get(self, keys: Iterable[str]) -> list[bytes | None]:
        """See `Server`."""
        return self.pipelined(("GET", key) for key in keys)

    def set_all(self, contents: Iterable[tuple[str, bytes]]) -> None:
        """See `Server`."""
        self.pipelined(("SET", key, content) for key, content in contents)

    def append(self, contents: Iterable[tuple[str, bytes]]) -> None:
        """See `Server`."""
        self.pipelined(("APPEND", key, content) for key, content in contents)

    def unlink(self, keys: Iterable[str]) -> None:
        """See `Server`."""
        self.pipelined(("UNLINK", key) for key in keys)

    def servers(self) -> list[dict[str, Any]]:
        """See `Server`."""
        return [self.client.info(target_nodes=node) for node in self.client.get_primaries()]

    def appoint(self, generation: Generation) -> None:
        """See `Server`: one key on each server."""
        found: dict[str, str] = {}
        for number in range(TRIED):
            key = generation.witness(number)
            found.setdefault(self.client.get_node_from_key(key).name, key)
        self.client.sadd(generation.witnesses, *found.values())

    def witnesses(self, generation: Generation) -> list[str]:
        """See `Server`."""
        known = self._witnesses.get(generation.token)
        if not known:
            known = sorted(key.decode() for key in self.client.smembers(generation.witnesses))
            self._witnesses = {generation.token: known}
        return known
