"""Ways to keep buckets that are measured: Lookalike's stores, a Redis set a bucket, and datasketch's and NearPy's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import numpy.typing as npt

from lookalike.buckets import Header, open_bucket_store
from lookalike.buckets.gather import gather
from lookalike.buckets.packed import Probed

BATCH = 10_000
TIMEOUT = 60.0
"""Seconds."""

Keys = npt.NDArray[np.uint64]


class Store(ABC):
    """One way to keep buckets."""

    name: str

    def __init__(self, url: str) -> None:
        """Take a server or a database, where nothing is kept but by others."""
        self.url = url

    @abstractmethod
    def fill(self, rows: npt.NDArray[np.float32], keys: Keys) -> None:
        """Put in rows 0, 1 ... with keys (n, tables)."""

    @abstractmethod
    def query(self, keys: Keys) -> None:
        """Read the candidates of queries (q, tables, probes)."""

    @abstractmethod
    def size(self) -> int:
        """Return how many bytes are taken."""

    @abstractmethod
    def close(self) -> None:
        """Take out what was put in, and let go of the server."""


class RemovingStore(Store):
    """One that ids can be taken out of at once."""

    @abstractmethod
    def remove(self, ids: npt.NDArray[np.int64], keys: Keys) -> None:
        """Take out ids, whose keys were (n, tables)."""


class Lookalike(RemovingStore):
    """A store of Lookalike's, by its URL."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.store = open_bucket_store(url, "benchmark", timeout=TIMEOUT)
        self.store.drop()

    def fill(self, rows: npt.NDArray[np.float32], keys: Keys) -> None:
        starts = range(0, len(keys), BATCH)
        batches = ((np.arange(i, min(i + BATCH, len(keys))), keys[i : i + BATCH]) for i in starts)
        self.store.fill(Header(1, ("table",) * keys.shape[1], {}), batches)

    def query(self, keys: Keys) -> None:
        self.store.candidates(keys, limit=2**31)

    def remove(self, ids: npt.NDArray[np.int64], keys: Keys) -> None:
        nobody = np.empty((0, keys.shape[1]), dtype=np.uint64)
        assert self.store.apply(ids, ids[:0], nobody, seen=1, stamp=2)

    def size(self) -> int:
        return self.store.stats().bytes

    def close(self) -> None:
        self.store.drop()
        self.store.close()


class LookalikeRedis(Lookalike):
    """Packed strings and a journal."""

    name = "lookalike"

    def size(self) -> int:
        return used_memory(self.url)


class LookalikeSqlite(Lookalike):
    """Packed rows in a file."""

    name = "sqlite"

    def size(self) -> int:
        path = Path(self.url.removeprefix("sqlite:///"))
        return path.stat().st_size if path.exists() else 0


class LookalikePostgresql(Lookalike):
    """Packed rows on a server, which tells what its tables and indexes take."""

    name = "postgresql"


class OnRedis(Store):
    """One on a Redis server that holds nothing else."""

    def __init__(self, url: str) -> None:
        import redis

        super().__init__(url)
        self.client = redis.Redis.from_url(url)
        self.client.flushall()

    def size(self) -> int:
        return used_memory(self.url)

    def close(self) -> None:
        self.client.flushall()
        self.client.close()


class Sets(OnRedis, RemovingStore):
    """A Redis set a bucket, as many write by hand; with the same pipelines, and the same counting of hits."""

    name = "sets"

    def fill(self, rows: npt.NDArray[np.float32], keys: Keys) -> None:
        for start in range(0, len(keys), BATCH):
            for table in range(keys.shape[1]):
                buckets: dict[int, list[int]] = {}
                for number, key in enumerate(keys[start : start + BATCH, table].tolist(), start):
                    buckets.setdefault(key, []).append(number)
                pipeline = self.client.pipeline(transaction=False)
                for key, members in buckets.items():
                    pipeline.sadd(f"{table}:{key:x}", *members)
                pipeline.execute()

    def query(self, keys: Keys) -> None:
        probed = Probed.of(keys)
        pipeline = self.client.pipeline(transaction=False)
        for table, key in zip(probed.tables.tolist(), probed.keys.tolist(), strict=True):
            pipeline.smembers(f"{table}:{key:x}")
        packed = [np.array(list(members), dtype=np.uint32).tobytes() for members in pipeline.execute()]
        gather(probed.spans(packed, np.uint32), limit=2**31)

    def remove(self, ids: npt.NDArray[np.int64], keys: Keys) -> None:
        pipeline = self.client.pipeline(transaction=False)
        for number, own in zip(ids.tolist(), keys.tolist(), strict=True):
            for table, key in enumerate(own):
                pipeline.srem(f"{table}:{key:x}", number)
        pipeline.execute()


class Datasketch(OnRedis):
    """`MinHashLSH` of datasketch on Redis, with as many bands as tables, given the keys as hash values."""

    name = "datasketch"

    def fill(self, rows: npt.NDArray[np.float32], keys: Keys) -> None:
        from datasketch import MinHashLSH

        parts = urlsplit(self.url)
        server = {
            "host": parts.hostname,
            "port": parts.port,
            "password": unquote(parts.password or "") or None,
        }
        storage = {"type": "redis", "basename": b"benchmark", "redis": server}
        tables = keys.shape[1]
        self.index = MinHashLSH(num_perm=tables, params=(tables, 1), storage_config=storage)
        with self.index.insertion_session() as session:
            for number, own in enumerate(keys):
                session.insert(number, self._hashed(own))

    def query(self, keys: Keys) -> None:
        for own in keys:
            self.index.query(self._hashed(own[:, 0]))

    def _hashed(self, own: Keys) -> Any:
        from datasketch import MinHash

        nothing = np.zeros((2, len(own)), dtype=np.uint64)  # nothing is hashed; else they are drawn for each
        return MinHash(num_perm=len(own), hashvalues=own, permutations=nothing, scheme="legacy")


class NearPy(OnRedis):
    """`RedisStorage` of NearPy, which keeps each vector with each entry."""

    name = "nearpy"

    def fill(self, rows: npt.NDArray[np.float32], keys: Keys) -> None:
        from nearpy.storage import storage_redis

        storage_redis.numpy = _OlderNumPy  # it was written for NumPy 1
        self.storage = storage_redis.RedisStorage(self.client)
        for number, (row, own) in enumerate(zip(rows.view(_Row), keys.tolist(), strict=True)):
            for table, key in enumerate(own):
                self.storage.store_vector(str(table), key, row, number)

    def query(self, keys: Keys) -> None:
        for own in keys[:, :, 0].tolist():
            for table, key in enumerate(own):
                self.storage.get_bucket(str(table), key)


class _Row(np.ndarray):
    def tostring(self) -> bytes:
        return self.tobytes()


class _OlderNumPy:
    reshape, fromstring, array = np.reshape, np.frombuffer, np.array


def used_memory(url: str) -> int:
    """Return the bytes that a Redis server takes."""
    import redis

    with redis.Redis.from_url(url) as client:
        return int(client.info("memory")["used_memory"])
