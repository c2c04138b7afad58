"""Collections whose catalogue is on PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.services.postgres import PostgresServer
from tests.services.redis import RedisServer

from lookalike import Collection, Hits, SourceQuery
from lookalike.catalogue.postgresql import lock
from lookalike.collection import indexes
from lookalike.errors import (
    CollectionError,
    CollectionExistsError,
    CollectionLockedError,
    CollectionMissingError,
    CollectionUnavailableError,
    OptionError,
)

VECTORS = np.random.default_rng(1).normal(size=(300, 6)).astype(np.float32)
IDS = [f"id{number}" for number in range(len(VECTORS))]
METADATA = [{"title": f"red shoe {i % 7}", "year": 2000 + i % 5} for i in range(len(VECTORS))]


@pytest.fixture
def url(postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return postgres.new_database()


def test_a_collection_answers_as_one_in_a_folder(url: str, tmp_path: Path) -> None:
    with Collection.create(url) as server, Collection.create(tmp_path / "c") as folder:
        for collection in (server, folder):
            collection.add_vectors(VECTORS, ids=IDS, metadata=METADATA)
            collection.remove(["id7", "id8"])
        searches: tuple[Callable[[Collection], Hits], ...] = (
            lambda c: c.search(SourceQuery("id3")),
            lambda c: c.search(VECTORS[9], where={"year": (2001, 2002)}),
            lambda c: c.search(VECTORS[9], text="shoes 3"),
            lambda c: c.search(text="red 5", k=50),
            lambda c: c.search(VECTORS[9], text="shoes 3", blend=True),
        )
        for search in searches:
            answers = [[(hit.id, repr(hit.distance)) for hit in search(made)] for made in (server, folder)]
            assert answers[0] == answers[1]
        assert list(server.verify()) == []
        assert server.evaluate("year").to_json() == folder.evaluate("year").to_json()
        assert server.explain("id3", "id4").to_json() == folder.explain("id3", "id4").to_json()
        assert server.rebuild() == folder.rebuild() == {"vectors": 298}


def test_no_password_is_shown_or_stored(url: str, tmp_path: Path) -> None:
    with Collection.create(url) as collection:
        collection.add_vectors(VECTORS, ids=IDS)
        assert "sesame" not in collection.location and "sesame" not in json.dumps(collection.info())
        with pytest.raises(CollectionExistsError) as caught:
            Collection.create(url)
    assert "sesame" not in str(caught.value)
    assert not any(b"sesame" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_the_command_line_takes_the_url(url: str, tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", VECTORS)
    program = [sys.executable, "-m", "lookalike"]
    subprocess.run([*program, "import", str(tmp_path / "v.npy"), "-c", url], check=True)
    named = os.environ | {"LOOKALIKE_COLLECTION": url}
    told = subprocess.run([*program, "info", "--json"], check=True, env=named, stdout=subprocess.PIPE)
    assert json.loads(told.stdout)["sources"] == 300


def test_collections_of_two_schemas_do_not_mix(url: str) -> None:
    with Collection.create(f"{url}?schema=a") as a, Collection.create(f"{url}?schema=b b") as b:
        a.add_vectors(VECTORS, ids=IDS)
        assert (len(a), len(b)) == (300, 0)


def test_a_collection_that_is_not_there(url: str) -> None:
    with pytest.raises(CollectionMissingError, match="make one with lookalike add"):
        Collection.open(url)


def test_a_wrong_password_is_told(postgres: PostgresServer) -> None:
    with pytest.raises(CollectionError, match="refuses the user or the password") as caught:
        Collection.open(postgres.url(password="wrong"))
    assert "wrong" not in str(caught.value)


def test_a_schema_of_something_else_is_refused(url: str) -> None:
    import psycopg

    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE public.state (n int)")
    for make in (Collection.create, Collection.open):
        with pytest.raises(CollectionError, match="holds something else"):
            make(f"{url}?schema=public")


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(CollectionUnavailableError, match="cannot be reached"):
        Collection.open("postgresql://me:secret@127.0.0.1:1/none")


@pytest.mark.parametrize(
    "url", ["postgresql://[", "postgresql://h/d?nonsense=1", "postgresql://h/d?schema=pg_x"]
)
def test_a_url_that_makes_no_sense(url: str) -> None:
    with pytest.raises(OptionError):
        Collection.open(url)


def test_a_writer_waits_for_another_and_then_gives_up(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "WAIT_SECONDS", 0.2)
    with (
        Collection.create(url) as first,
        Collection.open(url) as second,
        first._backend.writing("add"),
        pytest.raises(CollectionLockedError, match="another process is writing"),
    ):
        second.add_vectors(VECTORS, ids=IDS)


def test_two_machines_do_not_fill_a_bucket_store_at_once(
    url: str, tmp_path: Path, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "TRIED_AGAIN", 0.0)
    with Collection.create(url, buckets=own_redis.url()) as first:
        first.add_vectors(VECTORS, ids=IDS)
        first.set_index("vectors", "hyperplane", tables=4, bits=4, seed=3)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "of another machine"))
        with Collection.open(url, buckets=own_redis.url()) as second:
            own_redis.client().flushall()
            with first._backend.filling(shared=True):
                hits = second.search(VECTORS[5], k=3)
                assert (hits[0].id, len(hits.notes)) == (IDS[5], 1)
                assert second.index("vectors")["base_rows"] == 0, "it filled the store meanwhile"
            assert second.search(VECTORS[5], k=3, strict=True)[0].id == IDS[5]
            assert second.index("vectors")["base_rows"] == len(VECTORS)


def test_an_index_in_the_cache_is_built_while_another_machine_writes(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Collection.create(url) as first:
        first.add_vectors(VECTORS, ids=IDS)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "of another machine"))
        with Collection.open(url) as second, first._backend.writing("add"):
            assert second.search(VECTORS[5], k=3)[0].id == IDS[5]
            assert list((tmp_path / "of another machine").rglob("manifest*")), "the index was not kept"


def test_writers_and_readers_lose_nothing(url: str) -> None:
    Collection.create(url).close()
    failures: list[BaseException] = []
    done = threading.Event()

    def write(start: int) -> None:
        try:
            with Collection.open(url) as collection:
                for at in range(start, start + 30, 10):
                    rows = slice(at, at + 10)
                    collection.add_vectors(VECTORS[rows], ids=IDS[rows])
                    assert collection.search(IDS[at])[0].id != IDS[at]
        except BaseException as error:
            failures.append(error)

    def read() -> None:
        try:
            with Collection.open(url) as collection:
                while not done.is_set():
                    if len(collection):
                        collection.search(VECTORS[0])
        except BaseException as error:
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(8)]
    writers = [threading.Thread(target=write, args=(30 * at,)) for at in range(4)]
    for thread in (*readers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert failures == []
    with Collection.open(url) as collection:
        assert sorted(source.id for source in collection.list()) == sorted(IDS[:120])
        assert list(collection.verify()) == []


def test_catalogue_and_buckets_on_servers_answer_as_one_folder(
    url: str, own_redis: RedisServer, tmp_path: Path
) -> None:
    with (
        Collection.create(url, buckets=own_redis.url()) as server,
        Collection.create(tmp_path / "c") as folder,
    ):
        for collection in (server, folder):
            collection.add_vectors(VECTORS, ids=IDS)
            collection.set_index("vectors", "hyperplane", tables=4, bits=4, seed=3)
            collection.add_vectors(VECTORS[:20] + 9, ids=[f"more{i}" for i in range(20)])
            collection.remove(["id7"])
        for query in VECTORS[:30]:
            hits = [[(hit.id, repr(hit.distance)) for hit in c.search(query)] for c in (server, folder)]
            assert hits[0] == hits[1]
        own_redis.client().flushall()
        found = [[hit.id for hit in c.search(SourceQuery("more3"), k=3)] for c in (server, folder)]
        assert found[0] == found[1]
        server.rebuild()
        assert list(server.verify()) == []
