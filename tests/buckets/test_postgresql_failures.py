"""What the bucket store in PostgreSQL says of servers that fail, refuse or keep it waiting."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import sys
import threading
import uuid
from collections.abc import Callable

import numpy as np
import psycopg
import pytest
from tests.buckets.bucket_store_model import answers, asked, filled, header, keys, numbers
from tests.services.postgres import PASSWORD, USER, Kind, PostgresServer

from lookalike.buckets import open_bucket_store
from lookalike.buckets.sql import postgresql_connection
from lookalike.errors import (
    BucketStoreError,
    BucketStoreUnavailableError,
    MissingDependencyError,
    OptionError,
)


@pytest.fixture
def server(postgres_servers: Callable[[Kind], PostgresServer]) -> PostgresServer:
    return postgres_servers("package")


@pytest.fixture
def url(server: PostgresServer) -> str:
    return server.new_database()


def execute(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_a_wrong_password_says_so_and_shows_none(server: PostgresServer) -> None:
    with pytest.raises(
        BucketStoreError, match="refuses this user or password; give others in the URL"
    ) as caught:
        open_bucket_store(server.url(password="wr:o@ng"), "n")
    assert f"postgresql://{USER}@127.0.0.1:{server.port}/postgres " in str(caught.value)
    assert not re.search("wr.{1,3}o.{1,3}ng", str(caught.value))
    assert not isinstance(caught.value, BucketStoreUnavailableError)


def test_a_missing_database_says_so(server: PostgresServer) -> None:
    with pytest.raises(BucketStoreError, match="is not there; create the database"):
        open_bucket_store(server.url("nowhere"), "n")


def test_a_url_that_cannot_be_read_shows_no_password() -> None:
    with pytest.raises(OptionError, match="has a URL that cannot be read") as caught:
        open_bucket_store("postgresql://shop:50%secret@host/shop", "n")
    assert "secret" not in f"{caught.value}{caught.value.__cause__}"


def test_a_version_that_is_too_old_says_so(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql_connection, "OLDEST", 99)
    with pytest.raises(BucketStoreError, match=r"runs PostgreSQL 18; 99 or newer is needed"):
        open_bucket_store(url, "n")


def test_a_missing_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'lookalike\[postgres\]'"):
        open_bucket_store("postgresql://host/shop", "n")


def test_a_server_that_was_restarted_is_asked_again(own_postgres: PostgresServer) -> None:
    with open_bucket_store(own_postgres.url(), "n") as store:
        filled(store, {1: [5]})
        for stamp, how in enumerate((signal.SIGINT, signal.SIGQUIT), 1):
            own_postgres.halt(how)
            with pytest.raises(BucketStoreUnavailableError, match="cannot be reached"):
                store.header()
            own_postgres.start()
            assert answers(store, asked(5)) == [(dict.fromkeys(range(1, stamp + 1), 1), stamp)]
            own_postgres.halt(how)
            own_postgres.start()  # the store's connection is one of the server that was
            assert store.apply(numbers(), numbers([stamp + 1]), keys([[5]]), seen=stamp, stamp=stamp + 1)
        assert answers(store, asked(5)) == [({1: 1, 2: 1, 3: 1}, 3)]


def test_a_server_that_hangs_is_waited_for_no_longer_than_the_timeout(own_postgres: PostgresServer) -> None:
    with open_bucket_store(own_postgres.url(), "n", timeout=0.3) as store:
        filled(store, {1: [5]})
        own_postgres.pause()
        with pytest.raises(
            BucketStoreUnavailableError, match=r"did not do within 0.3 s .*no answer for 1.3 s"
        ):
            store.candidates(asked(5), limit=9)
        with pytest.raises(BucketStoreUnavailableError, match="try again later"):
            store.apply(numbers(), numbers([2]), keys([[5]]), seen=1, stamp=2)
        own_postgres.resume()
        assert answers(store, asked(5)) == [({1: 1}, 1)]
        assert store.header() == header()


def test_a_lock_is_waited_for_no_longer_than_the_timeout(url: str) -> None:
    with open_bucket_store(url, "n", timeout=0.3) as store, psycopg.connect(url) as other:
        filled(store, {1: [5]})
        other.execute("LOCK TABLE lookalike_namespaces")
        with pytest.raises(BucketStoreUnavailableError, match=r"did not do within 0.3 s what was asked"):
            store.header()
        with pytest.raises(BucketStoreUnavailableError, match=r"did not do within 0.3 s what was asked"):
            filled(store, {2: [5]})
        other.rollback()
        assert answers(store, asked(5)) == [({1: 1}, 1)]


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("53100", BucketStoreError, "has no room left on its disk"),
        ("53200", BucketStoreError, "did not get the memory"),
        ("25006", BucketStoreError, "may be read, but not written"),
        ("40P01", BucketStoreUnavailableError, "try again later"),
        ("57P03", BucketStoreUnavailableError, "try again later"),
        ("XX001", BucketStoreError, "is damaged; drop Lookalike's tables"),
    ],
)
def test_what_a_server_refuses_amid_a_change_leaves_what_was(
    url: str, code: str, kind: type[Exception], message: str
) -> None:
    with open_bucket_store(url, "n") as store:
        filled(store, {1: [5]})
        execute(
            url,
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END$$;"
            "CREATE TRIGGER refuse BEFORE UPDATE ON lookalike_namespaces FOR EACH ROW EXECUTE FUNCTION refuse()",
        )
        with pytest.raises(kind, match=message) as caught:
            store.apply(numbers([1]), numbers([2]), keys([[5]]), seen=1, stamp=2)
        assert type(caught.value) is kind
        assert (store.header(), answers(store, asked(5))) == (header(), [({1: 1}, 1)])


def test_a_server_that_may_only_be_read_is_read(url: str) -> None:
    with open_bucket_store(url, "n") as store:
        filled(store, {1: [5]})
    with open_bucket_store(f"{url}?options=-c%20default_transaction_read_only%3Don", "n") as store:
        assert answers(store, asked(5)) == [({1: 1}, 1)]
        with pytest.raises(BucketStoreError, match="may be read, but not written"):
            filled(store, {2: [5]})


def test_a_user_who_may_not_make_tables_is_told(server: PostgresServer, url: str) -> None:
    guest = f"guest_{uuid.uuid4().hex}"
    execute(url, f"CREATE ROLE {guest} LOGIN PASSWORD '{PASSWORD}'")
    execute(url, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    with (
        open_bucket_store(url.replace(f"{USER}:", f"{guest}:"), "n") as store,
        pytest.raises(BucketStoreError, match="does not let this user make or use Lookalike's tables"),
    ):
        filled(store, {1: [5]})


def test_a_table_of_another_shape_says_so(url: str) -> None:
    execute(url, "CREATE TABLE lookalike_namespaces (name text, colour text)")
    with pytest.raises(
        BucketStoreError, match=r"tables of another shape than Lookalike's; give another schema"
    ):
        open_bucket_store(url, "n")


def test_buckets_of_a_newer_version_say_so(url: str) -> None:
    with open_bucket_store(url, "n") as store:
        filled(store, {1: [5]})
        execute(url, "UPDATE lookalike_namespaces SET layout = 2")
        with pytest.raises(
            BucketStoreError, match="has buckets of layout 2; this version of Lookalike reads layout 1"
        ):
            store.header()


def test_a_users_own_tables_stay_and_none_of_others_are_left(url: str) -> None:
    execute(url, "CREATE TABLE shoes (id bigint)")
    with open_bucket_store(url, "n") as store:
        for _ in range(3):
            filled(store, {1: [5]})
        store.drop()
    assert sorted(execute(url, "SELECT relname FROM pg_stat_user_tables")) == [
        ("lookalike_namespaces",),
        ("shoes",),
    ]


def test_a_schema_of_its_own_may_be_given(url: str) -> None:
    execute(url, "CREATE SCHEMA look")
    with (
        open_bucket_store(f"{url}?options=-c%20search_path%3Dlook,public", "n") as apart,
        open_bucket_store(url, "n") as store,
    ):
        filled(apart, {1: [5]})
        assert store.header() is None
    schemas = set(execute(url, "SELECT schemaname FROM pg_stat_user_tables"))
    assert schemas == {("look",)}


def test_many_keys_are_looked_up_by_the_index(url: str) -> None:
    scans = "SELECT seq_scan, idx_scan FROM pg_stat_user_tables WHERE relname ~ '_buckets$'"
    with open_bucket_store(url, "n") as store:
        filled(store, {number: [number, number] for number in range(30_000)}, 2)
    ((before, _),) = execute(url, scans)
    with open_bucket_store(url, "n") as store:
        queries = np.arange(600, dtype=np.uint64).reshape(2, 2, 150)
        for _ in range(12):  # psycopg prepares what is asked often, and the server then plans for any number
            store.candidates(queries, limit=9)
    assert execute(url, scans) == [(before, 12 * 600)]


class CuttingProxy:
    """Passes on what clients and a server say; once `armed`, it hangs up instead of telling of a commit."""

    def __init__(self, server: int) -> None:
        self._server = server
        self._sockets = [socket.create_server(("127.0.0.1", 0))]
        self.port: int = self._sockets[0].getsockname()[1]
        self.armed = False
        self._threads: list[threading.Thread] = []
        self._start(self._accept, self._sockets[0])

    def close(self) -> None:
        for end in self._sockets:
            _hang_up(end)
        for thread in self._threads:
            thread.join()
        for end in self._sockets:
            end.close()

    def _start(self, work: Callable[..., None], *ends: socket.socket) -> None:
        self._threads.append(threading.Thread(target=work, args=ends))
        self._threads[-1].start()

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = listening.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
                self._sockets += client, server
                self._start(self._pass_on, client, server)
                self._start(self._pass_on, server, client)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.armed and data.startswith(b"C\0\0\0\x0bCOMMIT\0"):  # the server's own words
                    self.armed = False
                    break
                target.sendall(data)
        _hang_up(source)
        _hang_up(target)


def _hang_up(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("write", ["fill", "apply", "drop"])
def test_a_write_whose_answer_was_lost_is_made_once(server: PostgresServer, url: str, write: str) -> None:
    with (
        contextlib.closing(CuttingProxy(server.port)) as proxy,
        open_bucket_store(url.replace(str(server.port), str(proxy.port)), "n") as store,
    ):
        filled(store, {1: [5]})
        proxy.armed = True
        if write == "fill":
            filled(store, {1: [5], 2: [5]}, stamp=2)
        elif write == "apply":
            assert store.apply(numbers(), numbers([2]), keys([[5]]), seen=1, stamp=2)
        else:
            store.drop()
        assert not proxy.armed
        expected = [({}, 0)] if write == "drop" else [({1: 1, 2: 1}, 2)]
        assert answers(store, asked(5)) == expected
