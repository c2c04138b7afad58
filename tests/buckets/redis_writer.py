"""A writer that changes a store again and again until it is killed; `python redis_writer.py URL NAMESPACE`.

Change number n, from stamp n to n + 1, is the same whoever makes it. Each that was acknowledged is printed.
"""

from __future__ import annotations

import sys

import numpy as np

from lookalike.buckets import open_bucket_store
from lookalike.errors import BucketStoreUnavailableError

TABLES, BUCKETS, IDS = 3, 5, 40


def change(number: int) -> tuple[list[int], dict[int, list[int]]]:
    """Return the ids that a change removes, and the keys of those that it puts in."""
    random = np.random.default_rng(number)
    removed = np.unique(random.integers(0, IDS, 3)).tolist()
    put = np.unique(random.integers(0, IDS, 6)).tolist()
    return removed, dict(zip(put, random.integers(0, BUCKETS, (len(put), TABLES)).tolist(), strict=True))


def after(changes: int) -> dict[int, list[int]]:
    """Return the keys of each id after that many changes of nothing."""
    model: dict[int, list[int]] = {}
    for number in range(changes):
        removed, put = change(number)
        model = {number: own for number, own in model.items() if number not in removed} | put
    return model


def main(url: str, namespace: str) -> None:
    """Go on from the stamp that the store has."""
    with open_bucket_store(url, namespace, timeout=5) as store:
        while True:
            try:
                header = store.header()
                assert header is not None
                removed, put = change(header.stamp)
                assert store.apply(
                    np.array(removed, dtype=np.int64),
                    np.array(list(put), dtype=np.int64),
                    np.array(list(put.values()), dtype=np.uint64),
                    seen=header.stamp,
                    stamp=header.stamp + 1,
                )
            except BucketStoreUnavailableError:
                continue
            print(header.stamp + 1, flush=True)  # noqa: T201 - this is how it acknowledges


if __name__ == "__main__":
    main(*sys.argv[1:])
