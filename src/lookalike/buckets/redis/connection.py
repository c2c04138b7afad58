"""Connections to Redis by URL, and what is refused before anything is asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis import exceptions
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from lookalike.buckets.redis.cluster import Cluster
from lookalike.buckets.redis.server import Server
from lookalike.errors import BucketStoreError, BucketStoreUnavailableError, OptionError
from lookalike.urls import shown_url

OLDEST = (6, 0)
"""The oldest version of Redis that is known to work; every Valkey does."""
RETRY_SECONDS = 0.05

AWAY = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ClusterError,
    exceptions.TryAgainError,
    exceptions.RedisClusterException,
)
"""What passes: a server that is down, slow, or loading; a cluster that has lost one."""
REFUSED = (exceptions.AuthenticationError, exceptions.AuthorizationError, exceptions.NoPermissionError)


def connected(url: str, timeout: float) -> Server:
    """Return the server at `url`, connected to when it is first asked, or the cluster, connected to at once.

    A command is sent again once where a connection breaks, which a server that was restarted leaves behind. Nothing is
    sent again after a timeout: the server may still do it. Both are harmless by how the store is laid out
    (`journal.py`), but an entry that is appended twice takes its place twice until buckets are rewritten.

    Raises:
        OptionError: the URL makes no sense.
    """
    scheme, _, rest = url.partition("://")
    options: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(ConstantBackoff(RETRY_SECONDS), 1, (exceptions.ConnectionError,)),
    }
    try:
        if not scheme.endswith("+cluster"):
            return Server(checked_client(redis.Redis.from_url(url, **options)))
        plain = f"{scheme.removesuffix('+cluster')}://{rest}"
        return Cluster(checked_client(redis.RedisCluster.from_url(plain, **options)))
    except (ValueError, TypeError) as error:
        raise OptionError(f"bucket store {shown_url(url)!r} is no URL of Redis: {error}") from error


def checked_client(client: Any) -> Any:
    """Return a redis-py client, of one server or a cluster.

    Raises:
        OptionError: it turns bytes into text, of which buckets have none.
    """
    if client.get_connection_kwargs().get("decode_responses"):
        raise OptionError(
            "the Redis client was made with decode_responses=True, which spoils buckets; give one made without"
        )
    return client


def server_of(client: Any) -> Server:
    """Return what the store asks of a client that was handed in."""
    kind = Cluster if isinstance(client, redis.RedisCluster) else Server
    return kind(checked_client(client))


def check_servers(server: Server, where: str) -> None:
    """Refuse servers that cannot keep buckets.

    Raises:
        BucketStoreError: one is too old, or drops keys where memory runs out.
    """
    for told in server.servers():
        refusal = refused(told)
        if refusal is not None:
            raise BucketStoreError(f"{where} {refusal}")


def refused(told: dict[str, Any]) -> str | None:
    """Return why a server that tells this of itself (INFO) cannot keep buckets; None where it can."""
    version = tuple(int(part) for part in str(told.get("redis_version", "0.0")).split(".")[:2])
    if version < OLDEST:
        return f"is Redis {told.get('redis_version')}; run 6.0 or newer, or Valkey"
    policy = str(told.get("maxmemory_policy", "noeviction"))
    if policy.startswith("allkeys"):
        return (
            f"drops any keys when its memory is full (maxmemory-policy {policy}), and buckets would go missing "
            "unseen; set maxmemory-policy to noeviction"
        )
    return None


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn what redis-py raises into errors of this package, in one line.

    Raises:
        BucketStoreUnavailableError: the server is away: down, slow, loading.
        BucketStoreError: it refuses.
    """
    try:
        yield
    except REFUSED as error:
        raise BucketStoreError(
            f"{where} refuses the user or password ({_told(error)}); give those of a user who may do all with "
            "keys that begin with lookalike:"
        ) from error
    except exceptions.BusyLoadingError as error:
        raise BucketStoreUnavailableError(f"{where} is loading its data; try again later") from error
    except exceptions.TimeoutError as error:
        raise BucketStoreUnavailableError(
            f"{where} does not answer in time; try again later, or allow more time"
        ) from error
    except AWAY as error:
        raise BucketStoreUnavailableError(
            f"{where} cannot be reached ({_told(error)}); see that it runs, and try again later"
        ) from error
    except exceptions.OutOfMemoryError as error:
        raise BucketStoreError(
            f"{where} is out of memory; raise its maxmemory, or take something out, and try again"
        ) from error
    except exceptions.ReadOnlyError as error:
        raise BucketStoreError(
            f"{where} is a replica, which may only be read; give the URL of its primary"
        ) from error
    except exceptions.RedisError as error:
        if "WRONGTYPE" in str(error):
            raise BucketStoreError(
                f"{where} has a key of another kind where buckets belong; choose another namespace, or delete it"
            ) from error
        raise BucketStoreError(f"{where} refuses: {_told(error)}") from error


def _told(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
