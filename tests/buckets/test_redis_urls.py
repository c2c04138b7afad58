"""The ways to a Redis server: a socket, TLS, users who may little, clients of one's own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

import pytest
import redis
from tests.buckets.bucket_store_model import answers, asked, filled, keys, numbers
from tests.services.redis import RedisCluster, RedisServer, free_port, running
from tests.services.required import missing

from lookalike.buckets import BucketStore, open_bucket_store
from lookalike.buckets.redis import RedisBuckets
from lookalike.errors import BucketStoreError, OptionError
from lookalike.urls import shown_url


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server that may also be asked with TLS; the URL for that is in its folder."""
    if shutil.which("openssl") is None:
        missing("openssl", "apt install openssl")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", "key", "-out", "certificate"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    options = ("--tls-cert-file", "certificate", "--tls-key-file", "key", "--tls-ca-cert-file", "certificate")
    tls = [str(folder / option) if not option.startswith("--") else option for option in options]
    port = free_port()
    with running("redis-7", "--tls-port", str(port), *tls, "--tls-auth-clients", "no") as server:
        (server.folder / "tls").write_text(
            f"{server.url('rediss').replace(str(server.port), str(port))}?ssl_ca_certs={folder / 'certificate'}"
        )
        yield server


@pytest.fixture
def tls_url(server: RedisServer) -> str:
    """Return the URL of the server with TLS."""
    return (server.folder / "tls").read_text()


def works(store: BucketStore) -> bool:
    """Whether a store takes and gives what it should; it is empty then."""
    filled(store, {1: [5]})
    assert store.apply(numbers([1]), numbers([2]), keys([[5]]), seen=1, stamp=2)
    found = answers(store, asked(5)), store.stats().ids
    store.drop()
    return found == ([({2: 1}, 1)], 1)


def test_a_unix_socket_is_a_way(server: RedisServer) -> None:
    with open_bucket_store(server.socket_url(), "n") as store:
        assert works(store)


def test_tls_is_a_way(tls_url: str) -> None:
    with open_bucket_store(tls_url, "n") as store:
        assert works(store)


def test_a_certificate_of_nobody_known_is_not_trusted(tls_url: str) -> None:
    with pytest.raises(BucketStoreError, match="certificate"):
        open_bucket_store(tls_url.partition("?")[0], "n")


def test_a_user_who_may_do_all_with_these_keys_alone_is_enough(server: RedisServer) -> None:
    client = server.client()
    rights = ("+@read", "+@write", "+@scripting", "+info", "~lookalike:*")
    client.execute_command("ACL", "SETUSER", "shop", "on", ">secret", *rights)
    with open_bucket_store(f"redis://shop:secret@127.0.0.1:{server.port}/0", "n") as store:
        assert works(store)


def test_a_user_who_may_not_is_refused_and_the_password_not_shown(server: RedisServer) -> None:
    client = server.client()
    client.execute_command("ACL", "SETUSER", "guest", "on", ">secret", "+@read", "+info", "~other:*")
    with open_bucket_store(f"redis://guest:secret@127.0.0.1:{server.port}/0", "n") as store:
        with pytest.raises(BucketStoreError, match=r"guest@127\.0\.0\.1.*refuses the user") as told:
            store.header()
        assert "secret" not in str(told.value)


def test_a_database_of_ones_own_is_kept_to(server: RedisServer) -> None:
    with open_bucket_store(server.url().removesuffix("0") + "3", "n") as store:
        filled(store, {1: [5]})
        assert server.client().dbsize() == 0
        store.drop()


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:port", "redis://127.0.0.1?socket_timeout=soon", "rediss+cluster://[:1"]
)
def test_a_url_that_makes_no_sense_is_refused(url: str) -> None:
    with pytest.raises(OptionError, match="no URL of Redis"):
        open_bucket_store(url, "n")


def test_a_url_without_a_user_is_shown_without_one() -> None:
    assert shown_url("redis://:secret@cache/1?timeout=3") == "redis://cache/1"
    assert shown_url("redis://cache/1?password=sec@ret") == "redis://cache/1"


def test_a_client_of_a_cluster_may_be_handed_in(redis_cluster: RedisCluster) -> None:
    client = redis.RedisCluster.from_url(redis_cluster.url.replace("redis+cluster", "redis"))
    with RedisBuckets(client, "handed in") as store:
        assert works(store)
    assert client.ping()
    client.close()
    with pytest.raises(OptionError, match="decode_responses"):
        RedisBuckets(
            redis.RedisCluster.from_url(
                redis_cluster.url.replace("redis+cluster", "redis"), decode_responses=True
            ),
            "n",
        )
