"""Many processes write to, and search, one collection on PostgreSQL whose buckets are in Redis.

They do so for a few seconds; LOOKALIKE_LOAD_SECONDS=120 makes it two minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tests.services.postgres import PostgresServer
from tests.services.redis import RedisServer

from lookalike import Collection

SECONDS = float(os.environ.get("LOOKALIKE_LOAD_SECONDS", "5"))
WRITERS, READERS = 4, 8
FEWEST = 3
"""Searches of a reader, however long it takes to start."""
BATCH, DIMENSION = 20, 16


def vector_of(id_: str) -> npt.NDArray[np.float32]:
    """Return the one vector that a source of that id has."""
    writer, number = map(int, id_.split("-"))
    return np.random.default_rng([writer, number]).standard_normal(DIMENSION).astype(np.float32)


def told(path: Path) -> list[str]:
    """Return the whole lines of a file that another process appends to."""
    return path.read_text().rpartition("\n")[0].split() if path.exists() else []


def write(url: str, buckets: str, folder: Path, writer: int, until: float) -> None:
    """Add batches, and remove a part of each; say what was added, and before it is done what is removed."""
    random = np.random.default_rng(writer)
    with Collection.open(url, buckets=buckets) as collection, (folder / f"{writer}.added").open("a") as added:
        for start in range(0, 10**9, BATCH):
            ids = [f"{writer}-{start + i}" for i in range(BATCH)]
            collection.add_vectors(np.stack([vector_of(one) for one in ids]), ids=ids)
            added.writelines(f"{one}\n" for one in ids)
            added.flush()
            if random.random() < 0.5:
                gone = ids[:3]
                with (folder / f"{writer}.removed").open("a") as removed:
                    removed.writelines(f"{one}\n" for one in gone)
                collection.remove(gone)
            if time.time() > until:
                return


def read(url: str, buckets: str, folder: Path, reader: int, until: float) -> None:
    """Search for what was said to be there by its own vector, and find it once."""
    random, searches = np.random.default_rng(100 + reader), 0
    with Collection.open(url, buckets=buckets) as collection:
        while time.time() < until or searches < FEWEST:
            writer = int(random.integers(WRITERS))
            if there := told(folder / f"{writer}.added"):
                id_ = str(random.choice(there[-500:]))
                hits = collection.search(vector_of(id_), k=3)
                found = [hit.id for hit in hits]
                assert len(found) == len(set(found)), found
                gone = id_ in told(folder / f"{writer}.removed")
                assert gone or (found[0] == id_ and hits[0].distance < 1e-3), (id_, found)
                searches += 1
            else:
                time.sleep(0.02)
    (folder / f"{reader}.searches").write_text(str(searches))


def test_many_processes_lose_and_double_nothing(
    postgres: PostgresServer, own_redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    url, buckets = postgres.new_database(), own_redis.url()
    with Collection.create(url, buckets=buckets) as collection:
        collection.add_vectors(
            np.stack([vector_of(f"9-{i}") for i in range(300)]), ids=[f"9-{i}" for i in range(300)]
        )
        collection.set_index("vectors", "hyperplane", tables=4, bits=6)
        until = str(time.time() + SECONDS)
        work = [("write", at) for at in range(WRITERS)] + [("read", at) for at in range(READERS)]
        running = [
            subprocess.Popen(
                [sys.executable, __file__, kind, url, buckets, str(tmp_path), str(at), until],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
                stderr=subprocess.PIPE,
                text=True,
            )
            for kind, at in work
        ]
        errors = [process.communicate()[1] for process in running]
        assert [error for process, error in zip(running, errors, strict=True) if process.returncode] == []
        there = {one for at in range(WRITERS) for one in told(tmp_path / f"{at}.added")}
        there -= {one for at in range(WRITERS) for one in told(tmp_path / f"{at}.removed")}
        assert len(there) > WRITERS * BATCH / 2
        assert all(int((tmp_path / f"{at}.searches").read_text()) >= FEWEST for at in range(READERS))
        expected = there | {f"9-{i}" for i in range(300)}
        assert sorted(source.id for source in collection.list()) == sorted(expected)
        ids = sorted(there)
        found = collection.search_many(np.stack([vector_of(one) for one in ids]), k=1)
        assert [hits[0].id for hits in found] == ids
        assert list(collection.verify()) == []


if __name__ == "__main__":
    kind, url, buckets, folder, at, until = sys.argv[1:]
    {"write": write, "read": read}[kind](url, buckets, Path(folder), int(at), float(until))
