"""Opens a bucket store by its URL; other packages bring stores of other schemes."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import cast

from lookalike.arguments import as_finite
from lookalike.buckets.base import BucketStore
from lookalike.buckets.memory import open_memory
from lookalike.errors import OptionError

GROUP = "lookalike.bucket_stores"
"""Entry points of this group are named by their URL's scheme, and are called as `open_memory` is."""
TIMEOUT = 5.0


def open_bucket_store(url: str, namespace: str, *, timeout: float = TIMEOUT) -> BucketStore:
    """Open one namespace of the bucket store at `url`.

    `memory:` and `memory:NAME` are stores that this process shares with itself, and that end with it.

    Args:
        url: its scheme says what kind of store it is; plug-ins register theirs under the entry-point group
            `lookalike.bucket_stores`.
        namespace: of the store's buckets, those that go together: names one index.
        timeout: seconds that any call waits for the store at most.

    Raises:
        OptionError: no such kind of store, no name, or no time.
        BucketStoreUnavailableError: it cannot be reached.
    """
    if not isinstance(url, str) or not isinstance(namespace, str) or not namespace:
        raise OptionError(
            f"a bucket store is {url!r}, {namespace!r}; give its URL and the name of a namespace"
        )
    if as_finite(timeout, "timeout") <= 0:
        raise OptionError(f"timeout is {timeout!r}; give seconds above 0")
    scheme = url.partition(":")[0]
    if scheme == "memory":
        return open_memory(url, namespace, timeout=timeout)
    found = tuple(entry_points(group=GROUP, name=scheme))
    if not found:
        known = sorted({"memory", *(point.name for point in entry_points(group=GROUP))})
        raise OptionError(f"bucket store {url!r} is of no known kind; give a URL of {', '.join(known)}")
    return cast(BucketStore, found[0].load()(url, namespace, timeout=timeout))
