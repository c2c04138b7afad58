"""Opens a bucket store by its URL; other packages bring stores of other schemes."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import cast

from lookalike.arguments import as_finite
from lookalike.buckets.base import BucketStore
from lookalike.buckets.memory import open_memory
from lookalike.errors import MissingDependencyError, OptionError
from lookalike.urls import shown_url

GROUP = "lookalike.bucket_stores"
"""Entry points of this group are named by their URL's scheme, and are called as `open_memory` is."""
TIMEOUT = 5.0


def _open_sqlite(url: str, namespace: str, *, timeout: float) -> BucketStore:
    from lookalike.buckets.sql.sqlite import open_sqlite

    return open_sqlite(url, namespace, timeout=timeout)


def _open_postgresql(url: str, namespace: str, *, timeout: float) -> BucketStore:
    try:
        import psycopg
    except ImportError as error:  # of the C library, too
        raise MissingDependencyError(
            "psycopg is not installed, or not whole; pip install 'lookalike[postgres]'"
        ) from error
    del psycopg
    from lookalike.buckets.sql.postgresql import open_postgresql

    return open_postgresql(url, namespace, timeout=timeout)


def _open_redis(url: str, namespace: str, *, timeout: float) -> BucketStore:
    try:
        import redis
    except ModuleNotFoundError as error:
        raise MissingDependencyError("redis is not installed; pip install 'lookalike[redis]'") from error
    del redis
    from lookalike.buckets.redis import RedisBuckets

    return RedisBuckets.open(url, namespace, timeout=timeout)


Opener = Callable[..., BucketStore]
BUILT_IN: dict[str, Opener] = {
    "memory": open_memory,
    "sqlite": _open_sqlite,
    "postgresql": _open_postgresql,
    **dict.fromkeys(("redis", "rediss", "unix", "redis+cluster", "rediss+cluster"), _open_redis),
}
"""By scheme. What a store is built on is loaded when one is opened."""


def open_bucket_store(url: str, namespace: str, *, timeout: float = TIMEOUT) -> BucketStore:
    """Open one namespace of the bucket store at `url`.

    `memory:` and `memory:NAME` are stores that this process shares with itself, and that end with it;
    `sqlite:///PATH` is a file; `postgresql://USER:PASSWORD@HOST:PORT/DATABASE` a database (extra `postgres`);
    `redis://[USER]:PASSWORD@HOST:PORT/DB` is Redis or Valkey (extra `redis`); `rediss://` with TLS, `unix://PATH` by a
    socket; `redis+cluster://` and `rediss+cluster://` name one server of a cluster.

    Args:
        url: its scheme says what kind of store it is; plug-ins register theirs under the entry-point group
            `lookalike.bucket_stores`.
        namespace: of the store's buckets, those that go together: names one index.
        timeout: seconds that any call waits for the store at most.

    Raises:
        OptionError: no such kind of store, no name, or no time.
        MissingDependencyError: the package is not installed by which it is asked.
        BucketStoreError: it refuses: a wrong password, a version too old, keys that it would drop.
        BucketStoreUnavailableError: it cannot be reached.
    """
    if not isinstance(url, str) or not isinstance(namespace, str) or not namespace:
        raise OptionError("a bucket store is opened by two texts; give its URL and the name of a namespace")
    if as_finite(timeout, "timeout") <= 0:
        raise OptionError(f"timeout is {timeout!r}; give seconds above 0")
    scheme = url.partition(":")[0]
    built_in = BUILT_IN.get(scheme)
    if built_in is not None:
        return built_in(url, namespace, timeout=timeout)
    found = tuple(entry_points(group=GROUP, name=scheme))
    if not found:
        known = sorted({*BUILT_IN, *(point.name for point in entry_points(group=GROUP))})
        raise OptionError(
            f"bucket store {shown_url(url)!r} is of no known kind; give a URL of {', '.join(known)}"
        )
    return cast(BucketStore, found[0].load()(url, namespace, timeout=timeout))
