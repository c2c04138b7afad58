"""Bucket stores on one Redis server: Lookalike's, a set a bucket, and those of datasketch and NearPy.

    python -m benchmarks.bucket_stores --data DATA --redis redis://:password@localhost:6379/0

100,000 pictures of fashion-mnist (784 numbers; those beyond the 70,000 are repeated with noise) are hashed into 32
tables of hyperplanes; what is timed is the stores alone, by the clock, with the same keys. Give a server that holds
nothing else: it is flushed before each store. The peers, which would take hours, get `--peer-rows` of the rows, and so
does Lookalike once more beside them. Entries are ids in buckets: `entries read` are those of the probed buckets.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import click
import numpy as np
import numpy.typing as npt

from benchmarks.datasets import fashion_mnist
from benchmarks.runner import machine
from lookalike.buckets import Header, open_bucket_store
from lookalike.buckets.gather import gather
from lookalike.buckets.packed import Probed
from lookalike.hashing import Hyperplane

TABLES, BITS, PROBES = 32, 12, 4
QUERIES = 100
REMOVED = 1_000
BATCH = 10_000
REPEATS = 3
NOISE = 8.0
"""Standard deviation of what is added to pictures that are repeated, of 255."""

Keys = npt.NDArray[np.uint64]


class Store(ABC):
    """One way to keep buckets in Redis."""

    name: str

    def __init__(self, url: str) -> None:
        """Take an empty server."""
        import redis

        self.url = url
        self.client = redis.Redis.from_url(url)

    @abstractmethod
    def fill(self, rows: npt.NDArray[np.float32], keys: Keys) -> None:
        """Put in rows 0, 1 ... with keys (n, tables)."""

    @abstractmethod
    def query(self, keys: Keys) -> None:
        """Read the candidates of queries (q, tables, probes)."""

    def remove(self, ids: npt.NDArray[np.int64], keys: Keys) -> None:
        """Take out ids, whose keys were (n, tables)."""
        raise NotImplementedError


class Lookalike(Store):
    """Packed strings and a journal."""

    name = "lookalike"

    def fill(self, rows: npt.NDArray[np.float32], keys: Keys) -> None:
        self.store = open_bucket_store(self.url, "benchmark")
        starts = range(0, len(keys), BATCH)
        batches = ((np.arange(i, min(i + BATCH, len(keys))), keys[i : i + BATCH]) for i in starts)
        self.store.fill(Header(1, ("table",) * keys.shape[1], {}), batches)

    def query(self, keys: Keys) -> None:
        self.store.candidates(keys, limit=2**31)

    def remove(self, ids: npt.NDArray[np.int64], keys: Keys) -> None:
        nobody = np.empty((0, keys.shape[1]), dtype=np.uint64)
        assert self.store.apply(ids, ids[:0], nobody, seen=1, stamp=2)


class Sets(Store):
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


class Datasketch(Store):
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


class NearPy(Store):
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


@dataclass(frozen=True)
class Measured:
    """What a store took."""

    name: str
    rows: int
    inserts: float
    """Entries a second."""
    bytes_per_entry: float
    batch: float
    """Entries read a second, many queries in one call where the store can."""
    p50: float
    """Seconds of one query."""
    p95: float
    remove: float | None
    """Seconds to take out `REMOVED` ids."""


def measured(
    store: Store, rows: npt.NDArray[np.float32], keys: Keys, queries: Keys, *, probes: int, removing: bool
) -> Measured:
    """Fill a store and ask it; by `probes` buckets a table and query."""
    empty = _memory(store)
    filling = _seconds(lambda: store.fill(rows, keys))
    used = _memory(store) - empty
    asked = queries[:, :, :probes]
    read = entries_read(keys, asked)
    store.query(asked)
    batch = min(_seconds(lambda: store.query(asked)) for _ in range(REPEATS))
    singles = [_seconds(lambda one=one: store.query(one)) for one in np.split(asked, len(asked))]  # type: ignore[misc]
    gone = np.random.default_rng(2).choice(len(keys), REMOVED, replace=False) if removing else None
    return Measured(
        store.name,
        len(keys),
        keys.size / filling,
        used / keys.size,
        read / batch,
        float(np.percentile(singles, 50)),
        float(np.percentile(singles, 95)),
        None if gone is None else _seconds(lambda: store.remove(gone, keys[gone])),
    )


def pictures(data: Path, rows: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return rows, of which those that repeat a picture have noise, and queries that are none of them."""
    found = fashion_mnist(data)
    queries, rest = found.queries[:QUERIES], found.queries[QUERIES:]
    base = np.concatenate([found.base, rest]).astype(np.float32)
    random = np.random.default_rng(0)
    more = base[random.integers(0, len(base), max(0, rows - len(base)))]
    more += random.normal(0, NOISE, more.shape).astype(np.float32)
    return np.concatenate([base, more])[:rows], queries.astype(np.float32)


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _memory(store: Store) -> int:
    return int(store.client.info("memory")["used_memory"])


def entries_read(keys: Keys, asked: Keys) -> int:
    """Return how many entries the buckets have that queries (q, tables, probes) ask for."""
    total = 0
    for table in range(keys.shape[1]):
        buckets, sizes = np.unique(keys[:, table], return_counts=True)
        at = np.minimum(np.searchsorted(buckets, asked[:, table]), len(buckets) - 1)
        total += int(np.where(buckets[at] == asked[:, table], sizes[at], 0).sum())
    return total


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), default=Path("data"))
@click.option("--redis", "url", required=True, help="An empty server, which is flushed.")
@click.option("--rows", default=100_000, show_default=True)
@click.option("--peer-rows", default=4_000, show_default=True)
def main(data: Path, url: str, rows: int, peer_rows: int) -> None:
    """Measure, and print a table."""
    base, asked = pictures(data, rows)
    family = Hyperplane(tables=TABLES, bits=BITS, centred=True).fit(base[:10_000])
    keys, queries = family.keys(base), family.probe_keys(asked, PROBES)
    print(machine())
    print("store       rows     inserts/s  bytes/entry  entries read/s   p50 ms   p95 ms  remove 1,000, s")
    # The peers have no multi-probe: beside them, one bucket a table.
    plan: list[tuple[type[Store], int, int]] = [(Lookalike, rows, PROBES), (Sets, rows, PROBES)]
    plan += [(kind, peer_rows, 1) for kind in (Lookalike, Datasketch, NearPy)]
    for kind, count, probes in plan:
        store = kind(url)
        store.client.flushall()
        removing = count == rows
        try:
            m = measured(store, base[:count], keys[:count], queries, probes=probes, removing=removing)
        except ImportError as error:
            print(f"{kind.name}: {error}; pip install -e '.[peers]'")
            continue
        remove = "" if m.remove is None else f"{m.remove:.3f}"
        print(
            f"{m.name:<11} {m.rows:<8} {m.inserts:>9,.0f} {m.bytes_per_entry:>12.1f} {m.batch:>15,.0f} "
            f"{1000 * m.p50:>8.2f} {1000 * m.p95:>8.2f}  {remove}"
        )
        store.client.flushall()


if __name__ == "__main__":
    main()
