"""The bucket store in Redis and Valkey."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

import numpy as np

from lookalike.arrays import Int64, UInt64
from lookalike.buckets.base import BucketStats, BucketStore, Candidates, Header
from lookalike.buckets.gather import bucket_stats, check_limit, check_tables, gather, nobody
from lookalike.buckets.journal import ENTRY
from lookalike.buckets.packed import Probed
from lookalike.buckets.redis import filling
from lookalike.buckets.redis.connection import check_servers, connected, explained, server_of
from lookalike.buckets.redis.counting import ids_of, stats_of, whole
from lookalike.buckets.redis.names import Names
from lookalike.buckets.redis.server import Server
from lookalike.buckets.redis.state import State, View
from lookalike.buckets.redis.writing import sweep
from lookalike.errors import BucketStoreError
from lookalike.urls import shown_url


class RedisBuckets(BucketStore):
    """A `BucketStore` in Redis 6 or newer, or Valkey: one server, or a cluster.

    A bucket is one string of 32-bit entries, which is appended to, and read whole by MGET: an order of magnitude
    more candidates a second than from a set a bucket, in half the memory. What an entry means, and how a change is
    made in one step, is told in `journal.py`; which keys there are, in `names.py`. A fill writes a generation of its
    own, which the header names once all is there; the old one is then deleted, and one whose writer was killed by the
    next that fills. A call takes one round trip, in a cluster three small ones more; a handle's first
    also fetches the journal.

    What was lost is noticed at the next call, since each reads the header and the journal's end along with the
    buckets. A server that was flushed, or restarted empty, has no header: the caller fills it again. One that came
    back with an older state, as a replica that is promoted before it has caught up, has that state whole, since
    buckets, journal and header are of one stream of commands; it has the stamp of that state, from which the caller
    goes on, and what this process remembers of a later one is dropped, as the journal does not follow. Of a cluster,
    whose servers fail each by itself, `cluster.py` tells.
    """

    def __init__(self, client: Any, namespace: str, *, where: str = "the Redis server") -> None:
        """Use a redis-py client of one's own, `Redis` or `RedisCluster`, which stays open when the store is closed.

        Args:
            client: made without `decode_responses`.
            namespace: of the server's buckets, those that go together.
            where: what messages call the server.

        Raises:
            OptionError: a client that turns bytes into text.
            BucketStoreError: a server that is too old, or drops keys when its memory is full.
            BucketStoreUnavailableError: the server cannot be reached.
        """
        self._begin(server_of(client), namespace, where, owned=False)

    @classmethod
    def open(cls, url: str, namespace: str, *, timeout: float) -> Self:
        """Return the store at `url`; see `open_bucket_store`."""
        store, where = cls.__new__(cls), shown_url(url)
        with explained(where):  # a cluster is asked for its servers at once
            server = connected(url, timeout)
        store._begin(server, namespace, where, owned=True)
        return store

    def _begin(self, server: Server, namespace: str, where: str, *, owned: bool) -> None:
        self._state = State(server, Names.of(namespace))
        self._where, self._owned, self._closed = where, owned, False
        self._writing = threading.Lock()
        self._patience = 0
        with self._asking():
            check_servers(server, where)

    def header(self) -> Header | None:
        """See `BucketStore`."""
        with self._asking() as state:
            view = state.view()
        return None if view is None else view.header

    def fill(self, header: Header, batches: Iterable[tuple[Int64, UInt64]]) -> None:
        """See `BucketStore`."""
        with self._asking() as state:
            check_servers(state.server, self._where)
        filling.fill(state, header, batches, self._asking)

    def apply(self, removed: Int64, ids: Int64, keys: UInt64, *, seen: int, stamp: int) -> bool:
        """See `BucketStore`. Now and then the buckets are rewritten afterwards, which takes as long as to fill them."""
        with self._writing:
            with self._asking() as state:
                check_servers(state.server, self._where)
                made = filling.apply(state, removed, ids, keys, seen=seen, stamp=stamp)
            if made:
                self._compact_if_due()
        return made

    def candidates(self, keys: UInt64, *, limit: int, allow: Int64 | None = None) -> Candidates:
        """See `BucketStore`."""
        check_limit(limit)
        probed = Probed.of(keys)

        def names(view: View) -> list[str]:
            fits = keys.shape[1] == view.generation.tables  # the view may be of what is there no longer
            return view.generation.probed(probed.tables, probed.keys) if fits else []

        with self._asking() as state:
            view, contents = state.read(names)
            if view is None or not len(keys):
                return nobody(len(keys), None if view is None else view.header.stamp)
            check_tables(keys, view.header)
            live = view.journal.live
            spans = probed.spans(contents, ENTRY, live)
            return gather(spans, limit=limit, allow=allow, live=live, stamp=view.header.stamp)

    def ids(self) -> Int64:
        """See `BucketStore`."""
        with self._asking() as state:
            return whole(state, ids_of, _NOBODY)

    def stats(self) -> BucketStats:
        """See `BucketStore`. All buckets are read."""
        with self._asking() as state:
            return whole(state, stats_of, bucket_stats(_NOBODY, ids=0, tables=0, size=0))

    def drop(self) -> None:
        """See `BucketStore`."""
        with self._asking() as state:
            state.drop()
            sweep(state.server, state.names)

    def close(self) -> None:
        """See `BucketStore`."""
        if not self._closed and self._owned:
            self._state.server.client.close()
        self._closed = True

    @contextmanager
    def _asking(self) -> Iterator[State]:
        """Give the state, and turn what the server refuses into errors of this package."""
        if self._closed:
            raise BucketStoreError("the bucket store was closed; open it again")
        with explained(self._where):
            yield self._state

    def _compact_if_due(self) -> None:
        """Rewrite the buckets where that is due. What was changed is in already, so a failure is told by `stats`.

        Where it has failed, for want of memory, it is tried again once twice as many ids were changed.
        """
        with suppress(BucketStoreError):
            with self._asking() as state:
                view = state.view()
            if view is not None and view.is_due and view.journal.changes >= self._patience:
                self._patience = 2 * view.journal.changes
                filling.compact(state, view, self._asking)
                self._patience = 0


_NOBODY: Int64 = np.empty(0, dtype=np.int64)
