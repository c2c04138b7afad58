"""Writers that are killed, and a store that is flushed, restarted, or replaced by a stale replica, amid an ingest.

Nothing is lost or doubled. LOOKALIKE_KILLS raises the number of kills and, with it, of troubles of the store;
`--log-cli-level=INFO` shows figures.
"""

from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.services.redis import DURABLE, RedisServer

from lookalike import Collection
from lookalike.collection import indexes

log = logging.getLogger(__name__)

KILLS = int(os.environ.get("LOOKALIKE_KILLS", "4"))
TROUBLES = max(3, round(0.4 * KILLS))
BATCH = 20
WRITER = """
import sys
import numpy as np
from lookalike import Collection

vectors = np.load(sys.argv[3])
with Collection.open(sys.argv[1], buckets=sys.argv[2]) as collection:
    for first in range(int(sys.argv[4]), len(vectors), BATCH):
        ids = [f"v{number}" for number in range(first, min(first + BATCH, len(vectors)))]
        collection.add_vectors(vectors[first : first + BATCH], ids=ids, on_duplicate="skip")
        print(first + len(ids), flush=True)
""".replace("BATCH", str(BATCH))


class Writer:
    """An ingest in a process of its own; `acknowledged` vectors are stored."""

    def __init__(self, folder: Path, url: str, vectors: Path, first: int) -> None:
        self.acknowledged = first
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), url, str(vectors), str(first)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._readers = [threading.Thread(target=reader) for reader in (self._read, self._drain)]
        self.said: list[str] = []
        for reader in self._readers:
            reader.start()

    def wait_for(self, acknowledged: int) -> None:
        while self.acknowledged < acknowledged and self.process.poll() is None:
            time.sleep(0.002)

    def end(self, *, kill: bool) -> int:
        """Return how many vectors were acknowledged."""
        if kill:
            self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return self.acknowledged

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith("\n"):
                self.acknowledged = int(line)

    def _drain(self) -> None:
        assert self.process.stderr is not None
        self.said += self.process.stderr


def digest(server: RedisServer) -> object:
    """Return what is another for other data."""
    with server.client() as client:
        return client.execute_command("DEBUG", "DIGEST")


class Store:
    """A Redis server at one address, to which things happen."""

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self.url = server.url()
        self.met: Counter[str] = Counter()

    def flush(self, writer: Writer) -> None:
        with self.server.client() as client:
            client.flushall()

    def restart(self, writer: Writer) -> None:
        self.server.halt()
        self.server.start()

    def fail_over(self, writer: Writer) -> None:
        """Promote a replica that lacks what the writer has written since it was cut off."""
        replica = RedisServer("redis-7", *DURABLE)
        try:
            replica.follow(self.server)
            replica.stop_following()
            writer.wait_for(writer.acknowledged + 2 * BATCH)
            assert digest(replica) != digest(self.server), "the replica is not stale"
            replica.replace(self.server)
        except BaseException:
            replica.stop()
            raise
        self.server.stop()
        self.server = replica

    def trouble(self, writer: Writer) -> None:
        """Have the next kind of trouble, and let the writer go on for a while."""
        kinds = (self.flush, self.restart, self.fail_over)
        kind = kinds[self.met.total() % len(kinds)]
        kind(writer)
        self.met[kind.__name__] += 1
        writer.wait_for(writer.acknowledged + 2 * BATCH)


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store(RedisServer("redis-7", *DURABLE))
    try:
        store.server.start()
        yield store
    finally:
        store.server.stop()


def test_kills_and_troubles_of_the_store_lose_and_double_nothing(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "TRIED_AGAIN", 0.0)
    rng, drawn = random.Random(7), np.random.default_rng(7)
    count = 60 * BATCH * KILLS
    vectors = drawn.normal(size=(count, 16)).astype(np.float32)
    np.save(tmp_path / "vectors.npy", vectors)
    folder, url = tmp_path / "c", store.url
    with Collection.create(folder, buckets=url) as collection:
        collection.add_vectors(vectors[:BATCH], ids=[f"v{number}" for number in range(BATCH)])
    acknowledged, killed = BATCH, 0
    amid = set(rng.sample(range(KILLS), min(KILLS, TROUBLES)))
    for number in range(KILLS):
        writer = Writer(folder, url, tmp_path / "vectors.npy", acknowledged)
        writer.wait_for(acknowledged + BATCH)
        if number in amid:
            store.trouble(writer)
        time.sleep(rng.uniform(0, 0.3))
        killed += writer.process.poll() is None
        acknowledged = writer.end(kill=True)
        with Collection.open(folder, buckets=url) as reader:  # which anybody may be, at any time
            for one in rng.sample(range(acknowledged), 5):
                assert reader.search(vectors[one], k=1)[0].id == f"v{one}"
    assert killed >= KILLS // 2, "the writers were too quick to be killed"
    with Collection.open(folder, buckets=url) as collection:
        stored = Counter(source.id for source in collection.list())
        assert set(stored) >= {f"v{number}" for number in range(acknowledged)}
        assert max(stored.values()) == 1
        collection.add_vectors(vectors[-1:], ids=["last"])  # whoever writes next brings the store up to date
        for first in range(0, acknowledged, 500):
            block = vectors[first : min(first + 500, acknowledged)]
            for number, hits in enumerate(collection.search_many(block, k=5, strict=True), first):
                ids = [hit.id for hit in hits]
                assert ids[0] == f"v{number}" and len(set(ids)) == len(ids)
        assert list(collection.verify()) == []
        figures = killed, dict(store.met), acknowledged, sum(stored.values())
        log.info("%d writers killed, troubles %s, %d vectors acknowledged, %d stored", *figures)
