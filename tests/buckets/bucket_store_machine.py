"""Any history of a bucket store, held against a plain model."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from tests.buckets.bucket_store_model import Model, answers, expected, filled, header, keys, numbers

from lookalike.buckets import BucketStore, Header

BUCKETS = 4
IDS = st.sampled_from([*range(10), 2**31 - 1, 2**31, 2**32 + 3, 2**62])
SEEDS = st.integers(0, 99)


class BucketStoreMachine(RuleBasedStateMachine):
    """Two handles on one namespace, of which any may be the one that writes or answers."""

    shares: bool
    """Whether two handles see the same."""

    def open(self, namespace: str) -> BucketStore:
        """Return a handle on a namespace."""
        raise NotImplementedError

    def __init__(self) -> None:
        """Open a new namespace."""
        super().__init__()
        self._name = str(uuid.uuid4())
        self._stores = [self.open(self._name) for _ in range(2 if self.shares else 1)]
        self._model: Model = {}
        self._header: Header | None = None
        self._stamps = iter(range(1, 1000))

    @initialize(tables=st.integers(1, 3), ids=st.sets(IDS), seed=SEEDS)
    def begin(self, tables: int, ids: set[int], seed: int) -> None:
        self.fill(0, tables, ids, seed)

    @rule(handle=st.integers(0, 1), tables=st.integers(1, 3), ids=st.sets(IDS), seed=SEEDS)
    def fill(self, handle: int, tables: int, ids: set[int], seed: int) -> None:
        self._model, stamp = _rows(ids, tables, seed), next(self._stamps)
        filled(self._store(handle), self._model, tables, stamp=stamp)
        self._header = header(tables, stamp=stamp)

    @rule(
        handle=st.integers(0, 1), removed=st.sets(IDS, max_size=4), put=st.sets(IDS, max_size=5), seed=SEEDS
    )
    def apply(self, handle: int, removed: set[int], put: set[int], seed: int) -> None:
        tables, stamp = self._tables(), next(self._stamps)
        rows = _rows(put, tables, seed)
        made = self._store(handle).apply(
            numbers(sorted(removed)),
            numbers(list(rows)),
            keys(list(rows.values()), tables),
            seen=0 if self._header is None else self._header.stamp,
            stamp=stamp,
        )
        assert made == (self._header is not None)
        if self._header is not None:
            self._model = {number: row for number, row in self._model.items() if number not in removed} | rows
            self._header = replace(self._header, stamp=stamp)

    @rule(handle=st.integers(0, 1), removed=st.sets(IDS, min_size=1))
    def apply_to_what_is_past(self, handle: int, removed: set[int]) -> None:
        none = keys([], self._tables())
        assert not self._store(handle).apply(numbers(sorted(removed)), numbers(), none, seen=0, stamp=5)

    @rule(handle=st.integers(0, 1), limit=st.integers(1, 9), allow=st.none() | st.sets(IDS), seed=SEEDS)
    def ask(self, handle: int, limit: int, allow: set[int] | None, seed: int) -> None:
        # Of more keys than are stored, and some twice.
        queries = (
            np.random.default_rng(seed).integers(0, BUCKETS + 1, (4, self._tables(), 3)).astype(np.uint64)
        )
        store = self._store(handle)
        assert answers(store, queries, limit, allow) == expected(self._model, queries, limit, allow)

    @rule(handle=st.integers(0, 1))
    def look(self, handle: int) -> None:
        store = self._store(handle)
        assert store.header() == self._header
        occupied = {(table, key) for row in self._model.values() for table, key in enumerate(row)}
        stats = store.stats()
        assert (stats.ids, stats.buckets) == (len(self._model), len(occupied))
        assert store.ids().tolist() == sorted(self._model)

    @rule(handle=st.integers(0, 1))
    def drop(self, handle: int) -> None:
        self._store(handle).drop()
        self._model, self._header = {}, None

    @rule(handle=st.integers(0, 1))
    def reopen(self, handle: int) -> None:
        if self.shares:
            self._store(handle).close()
            self._stores[handle] = self.open(self._name)

    def teardown(self) -> None:
        self._store(0).drop()
        for store in self._stores:
            store.close()

    def _store(self, handle: int) -> BucketStore:
        return self._stores[handle % len(self._stores)]

    def _tables(self) -> int:
        return 1 if self._header is None else len(self._header.tables)


def _rows(ids: set[int], tables: int, seed: int) -> Model:
    own: Any = np.random.default_rng(seed).integers(0, BUCKETS, (len(ids), tables)).tolist()
    return dict(zip(sorted(ids), own, strict=True))
