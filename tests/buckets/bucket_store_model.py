"""A plain model of a bucket store, and short ways to fill and ask one."""

from __future__ import annotations

import itertools
import uuid
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.buckets import BucketStore, Header

Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]
Model = dict[int, list[int]]
"""Of each id the key in each table."""


def numbers(values: Any = ()) -> Int64:
    """Return ids."""
    return np.array(values, dtype=np.int64)


def keys(values: Any, tables: int = 1) -> UInt64:
    """Return keys, (n, tables) where there are none."""
    return np.array(values, dtype=np.uint64) if len(values) else np.empty((0, tables), dtype=np.uint64)


def header(tables: int = 1, *, stamp: int = 1, **properties: Any) -> Header:
    """Return a header of that many tables."""
    return Header(stamp, tuple(str(uuid.UUID(int=i + 1)) for i in range(tables)), properties)


def filled(store: BucketStore, model: Model, tables: int = 1, *, stamp: int = 1) -> BucketStore:
    """Return `store`, filled with `model`, two ids a batch."""
    items = sorted(model.items())
    batches = (
        (numbers([number for number, _ in batch]), keys([own for _, own in batch], tables))
        for batch in (items[start : start + 2] for start in range(0, len(items), 2))
    )
    store.fill(header(tables, stamp=stamp), batches)
    return store


def expected(
    model: Model, queries: UInt64, limit: int, allow: set[int] | None
) -> list[tuple[dict[int, int], int]]:
    """Return for each query, from `model`, hits by id and how many ids are met."""
    answers = []
    for query in queries.tolist():
        hits = {
            number: count
            for number, own in model.items()
            if (count := sum(key in probes for key, probes in zip(own, query, strict=True)))
        }
        shown = [number for number in hits if allow is None or number in allow]
        best = sorted(shown, key=lambda number: (-hits[number], number))[:limit]
        answers.append(({number: hits[number] for number in sorted(best)}, len(hits)))
    return answers


def answers(
    store: BucketStore, queries: UInt64, limit: int = 99, allow: set[int] | None = None
) -> list[tuple[dict[int, int], int]]:
    """Return what `expected` does, from `store`; ids are in order, as dictionaries keep them."""
    found = store.candidates(queries, limit=limit, allow=None if allow is None else numbers(sorted(allow)))
    assert [array.dtype.name for array in (found.ids, found.hits, found.met)] == ["int64", "int32", "int64"]
    return [
        (dict(zip(found.ids[start:end].tolist(), found.hits[start:end].tolist(), strict=True)), int(met))
        for (start, end), met in zip(itertools.pairwise(found.offsets), found.met, strict=True)
    ]


def asked(*buckets: int) -> UInt64:
    """Return one query that probes these buckets of one table."""
    return np.array([[buckets]], dtype=np.uint64)
