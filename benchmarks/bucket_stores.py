"""Bucket stores: Lookalike's in Redis and in SQL databases, a Redis set a bucket, and those of datasketch and NearPy.

    python -m benchmarks.bucket_stores --data DATA --redis redis://:password@localhost:6379/0
    python -m benchmarks.bucket_stores --data DATA --sql sqlite:///FILE --sql postgresql://user:password@localhost/db

100,000 pictures of fashion-mnist (784 numbers; those beyond the 70,000 are repeated with noise) are hashed into 32
tables of hyperplanes; what is timed is the stores alone, by the clock, with the same keys. Give a Redis that holds
nothing else: it is flushed. In a database the buckets of the name `benchmark` are dropped. The peers, which would take
hours, get `--peer-rows` of the rows, and so does Lookalike once more beside them. Entries are ids in buckets: `entries
read` are those of the probed buckets.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from benchmarks.bucket_store_kinds import (
    Datasketch,
    Keys,
    LookalikePostgresql,
    LookalikeRedis,
    LookalikeSqlite,
    NearPy,
    RemovingStore,
    Sets,
    Store,
)
from benchmarks.datasets import fashion_mnist
from benchmarks.runner import machine
from lookalike.hashing import Hyperplane

TABLES, BITS, PROBES = 32, 12, 4
QUERIES = 100
REMOVED = 1_000
REPEATS = 3
NOISE = 8.0
"""Standard deviation of what is added to pictures that are repeated, of 255."""
SQL: dict[str, type[Store]] = {"sqlite": LookalikeSqlite, "postgresql": LookalikePostgresql}
"""By the scheme of a URL."""


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
    store: Store, rows: npt.NDArray[np.float32], keys: Keys, queries: Keys, *, probes: int
) -> Measured:
    """Fill a store and ask it; by `probes` buckets a table and query."""
    empty = store.size()
    filling = _seconds(lambda: store.fill(rows, keys))
    used = store.size() - empty
    asked = queries[:, :, :probes]
    read = entries_read(keys, asked)
    store.query(asked)
    batch = min(_seconds(lambda: store.query(asked)) for _ in range(REPEATS))
    singles = [_seconds(partial(store.query, one)) for one in np.split(asked, len(asked))]
    remove = None
    if isinstance(store, RemovingStore):
        gone = np.random.default_rng(2).choice(len(keys), REMOVED, replace=False)
        remove = _seconds(partial(store.remove, gone, keys[gone]))
    return Measured(
        store.name,
        len(keys),
        keys.size / filling,
        used / keys.size,
        read / batch,
        float(np.percentile(singles, 50)),
        float(np.percentile(singles, 95)),
        remove,
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
@click.option("--redis", metavar="URL", help="An empty server, which is flushed.")
@click.option("--sql", multiple=True, metavar="URL", help="A database; it may be given more than once.")
@click.option("--rows", default=100_000, show_default=True)
@click.option("--peer-rows", default=4_000, show_default=True)
def main(data: Path, redis: str | None, sql: tuple[str, ...], rows: int, peer_rows: int) -> None:
    """Measure, and print a table."""
    base, asked = pictures(data, rows)
    family = Hyperplane(tables=TABLES, bits=BITS, centred=True).fit(base[:10_000])
    keys, queries = family.keys(base), family.probe_keys(asked, PROBES)
    print(machine())
    print("store       rows     inserts/s  bytes/entry  entries read/s   p50 ms   p95 ms  remove 1,000, s")
    plan: list[tuple[type[Store], str, int, int]] = []
    if redis is not None:
        plan += [(kind, redis, rows, PROBES) for kind in (LookalikeRedis, Sets)]
        # The peers have no multi-probe: beside them, one bucket a table.
        plan += [(kind, redis, peer_rows, 1) for kind in (LookalikeRedis, Datasketch, NearPy)]
    plan += [(SQL[url.partition(":")[0]], url, rows, PROBES) for url in sql]
    for kind, url, count, probes in plan:
        try:
            with closing(kind(url)) as store:
                m = measured(store, base[:count], keys[:count], queries, probes=probes)
        except ImportError as error:
            print(f"{kind.name}: {error}; pip install -e '.[peers]'")
            continue
        remove = "" if m.remove is None else f"{m.remove:.3f}"
        print(
            f"{m.name:<11} {m.rows:<8} {m.inserts:>9,.0f} {m.bytes_per_entry:>12.1f} {m.batch:>15,.0f} "
            f"{1000 * m.p50:>8.2f} {1000 * m.p95:>8.2f}  {remove}"
        )


if __name__ == "__main__":
    main()
