"""What is asked of one Redis server, or of a cluster: many buckets at once, in as few round trips as can be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, TypeVar

from lookalike.buckets.redis import scripts
from lookalike.buckets.redis.names import Generation, Names

COMMAND = 1000
"""Keys of one command: what others ask of the server waits until it is done."""
PIPELINE = 20_000
"""Commands that are sent before their replies are read, which the server holds until then."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Buckets, and what was the case before and after they were read."""

    generation: str | None
    """As the header names it; None where there is no header."""
    stamp: int | None
    records: bytes
    """Of the journal, from where they were asked for."""
    contents: list[bytes | None]
    generation_after: str | None
    witnessed: int | None = None
    """In a cluster, the length of the journal that every server has seen, read last; None on one server."""


class Server:
    """One server."""

    def __init__(self, client: Any) -> None:
        """Take a redis-py client that gives bytes."""
        self.client = client

    def read(self, names: Names, generation: Generation, offset: int, buckets: Sequence[str]) -> Reading:
        """Read buckets after the journal's records from `offset` on, and before the header, in one round trip."""
        pipeline = self.client.pipeline(transaction=False)
        ask_state(pipeline, names, generation, offset)
        for keys in batches(buckets, COMMAND):
            pipeline.mget(keys)
        pipeline.hget(names.header, "generation")
        told, records, *contents, after = pipeline.execute()
        return reading(told, records, list(chain.from_iterable(contents)), after)

    def get(self, keys: Iterable[str]) -> list[bytes | None]:
        """Return the contents of keys; None where there is no such key."""
        commands = (("MGET", *some) for some in batches(keys, COMMAND))
        return list(chain.from_iterable(self.pipelined(commands)))

    def set_all(self, contents: Iterable[tuple[str, bytes]]) -> None:
        """Set keys."""
        self.pipelined(("MSET", *chain.from_iterable(some)) for some in batches(contents, COMMAND))

    def append(self, contents: Iterable[tuple[str, bytes]]) -> None:
        """Append to keys, by a script for many of them: a command takes longer to send and to reply to than to do."""
        for some in batches(contents, PIPELINE):
            pieces = (zip(*pairs, strict=True) for pairs in batches(some, COMMAND))
            self.pipelined(("EVAL", scripts.APPEND, len(keys), *keys, *added) for keys, added in pieces)

    def unlink(self, keys: Iterable[str]) -> None:
        """Delete keys, whose memory the server lets go of in its own time."""
        self.pipelined(("UNLINK", *some) for some in batches(keys, COMMAND))

    def size(self, keys: Iterable[str]) -> int:
        """Return what keys take in memory, in bytes."""
        told = self.pipelined(("MEMORY USAGE", key, "SAMPLES", 0) for key in keys)
        return sum(size or 0 for size in told)

    def appoint(self, generation: Generation) -> None:
        """Choose the witnesses of a new generation: none, as what one server loses, it loses from the end."""

    def witnesses(self, generation: Generation) -> list[str]:
        """Return the keys of the witnesses of a generation."""
        return []

    def servers(self) -> list[dict[str, Any]]:
        """Return what each server that takes writes tells of itself."""
        return [self.client.info()]

    def pipelined(self, commands: Iterable[tuple[Any, ...]]) -> list[Any]:
        """Return the replies to commands, which are sent many at once and are no transaction."""
        replies: list[Any] = []
        for some in batches(commands, PIPELINE):
            pipeline = self.client.pipeline(transaction=False)
            for command in some:
                pipeline.execute_command(*command)
            replies += pipeline.execute()
        return replies


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield lists of up to `size` items."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


def ask_state(pipeline: Any, names: Names, generation: Generation, offset: int) -> None:
    """Ask for what `reading` takes first: two replies."""
    pipeline.hmget(names.header, "generation", "stamp")
    pipeline.getrange(generation.journal, offset, -1)


def reading(
    told: list[bytes | None],
    records: bytes,
    contents: list[bytes | None],
    after: bytes | None,
    witnessed: int | None = None,
) -> Reading:
    """Return a reading of what a server has replied."""
    generation, stamp = told
    return Reading(
        generation=None if generation is None else generation.decode(),
        stamp=None if stamp is None else int(stamp),
        records=records,
        contents=contents,
        generation_after=None if after is None else after.decode(),
        witnessed=witnessed,
    )
