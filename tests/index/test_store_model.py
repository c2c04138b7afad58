"""Any history of an index over a store, as two processes have it, against a dictionary and brute force."""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from tests.index.readers import Rows

from lookalike.buckets import open_bucket_store
from lookalike.errors import BucketStoreError
from lookalike.index.fetched_rows import FetchedRows
from lookalike.index.shared_index import OutdatedBucketsError
from lookalike.index.store_index import StoreIndex

IDS = 800
_RANDOM = np.random.default_rng(0)
POOL = (
    _RANDOM.integers(20, 200, (12, 6))[_RANDOM.integers(0, 12, 997)] + _RANDOM.normal(0, 9, (997, 6)).round()
).astype(np.float32)
"""Whole numbers, so that distances are exact, and there are ties."""
SOME = st.tuples(st.integers(0, IDS - 1), st.integers(0, 40), st.sampled_from([1, 3, 7]))
WHO = st.integers(0, 1)


def some(parts: tuple[int, int, int]) -> list[int]:
    """Return ids from first, count and step."""
    first, count, step = parts
    return list(dict.fromkeys((first + step * number) % IDS for number in range(count)))


class Machine(RuleBasedStateMachine):
    """Two handles on one store, and the rows that both should find, as their reader has them."""

    kind = "memory"

    @initialize(family=st.sampled_from(["clusters", "p-stable"]), rows=st.sampled_from([1, 60, 400]))
    def build(self, family: str, rows: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        name = uuid.uuid4()
        path = Path(self.folder.name) / "buckets.sqlite"
        self.url = f"sqlite:///{path}" if self.kind == "sqlite" else f"memory:{name}"
        self.stores = [open_bucket_store(self.url, "model") for _ in range(2)]
        self.family, self.given, self.stamp = family, 0, 1
        self.rows = Rows()
        self.rows.dimension = 6
        self.rows.update(zip(range(0, 2 * rows, 2), self.drawn(rows), strict=True))
        self.indexes = [self.filled(0), self.opened(1)]
        self.behind: list[list[tuple[list[int], list[int], Any, int]]] = [[], []]
        """What each has not been told of yet."""

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            for store in self.stores:
                store.close()
            self.folder.cleanup()

    def drawn(self, count: int) -> Any:
        """Return rows, others each time."""
        self.given += 1
        return POOL[[(7 * number + 31 * self.given) % len(POOL) for number in range(count)]]

    def filled(self, who: int) -> StoreIndex:
        ids = self.rows.ids()
        blocks = [self.rows(ids)] if len(ids) else []
        return StoreIndex.build(
            self.stores[who],
            "model",
            self.rows,
            blocks,
            dimension=6,
            metric="euclidean",
            family=self.family,
            recall=0.9,
            stamp=self.stamp,
        )

    def opened(self, who: int) -> StoreIndex:
        index = StoreIndex.open(self.stores[who], "model", self.rows)
        assert index is not None
        return index

    def catch_up(self, who: int) -> None:
        """Tell an index of all that has changed since the state that it has seen; anew where the buckets are."""
        index = self.indexes[who]
        if not index.has_buckets or not index.refresh():
            self.indexes[who] = self.filled(who)
        else:
            for removed, ids, vectors, stamp in self.behind[who]:
                if index.stamp != self.stamp:  # telling of a change again does no harm
                    index.update(removed, ids, vectors, stamp=stamp)
            assert index.stamp == self.stamp
        self.behind[who] = []

    @rule(removed=SOME, parts=SOME)
    def change(self, removed: tuple[int, int, int], parts: tuple[int, int, int]) -> None:
        """Change the rows, as a catalogue does, which neither index knows of."""
        gone, ids = some(removed), some(parts)
        vectors = self.drawn(len(ids))
        for number in gone:
            self.rows.pop(number, None)
        self.rows.update(zip(ids, vectors, strict=True))
        self.stamp += 1
        for waiting in self.behind:
            waiting.append((gone, ids, vectors, self.stamp))

    @rule(who=WHO)
    def publish(self, who: int) -> None:
        self.catch_up(who)
        try:
            self.indexes[who].publish()
        except OutdatedBucketsError:
            self.indexes[who] = self.filled(who)
        if self.indexes[who].has_buckets:
            assert self.stores[who].ids().tolist() == sorted(self.rows)

    @rule(who=WHO)
    def reopen(self, who: int) -> None:
        index = StoreIndex.open(self.stores[who], "model", self.rows)
        if index is not None and (index.stamp == self.stamp or index.stamp == self.indexes[who].stamp):
            self.indexes[who] = index
            if index.stamp != self.stamp:
                self.behind[who] = [told for told in self.behind[who] if told[3] > index.stamp]

    @rule(who=WHO)
    def flush(self, who: int) -> None:
        self.stores[who].drop()

    @rule(who=WHO, start=st.integers(0, 900), k=st.sampled_from([1, 5, 5, 200]), allow=st.none() | SOME)
    def search(self, who: int, start: int, k: int, allow: Any) -> None:
        self.catch_up(who)
        queries = POOL[start : start + 3] + np.float32(0.5 * (start % 2))
        allowed = None if allow is None else some(allow)
        ids = sorted(self.rows if allowed is None else self.rows.keys() & set(allowed))
        kept = np.array([self.rows[number] for number in ids]).reshape(len(ids), 6)
        exact = np.linalg.norm(queries[:, np.newaxis].astype(float) - kept, axis=2)
        own = dict(zip(ids, range(len(ids)), strict=True))
        for recall in (1, None):
            try:
                found, told = self.indexes[who].search(queries, k, allow=allowed, recall=recall)
            except BucketStoreError as error:
                assert "the buckets are gone" in str(error)
                self.catch_up(who)
                continue
            assert ((found >= 0).sum(axis=1) == min(k, len(ids))).all(), "k are found where there are k"
            for query in range(3):
                numbers = [number for number in found[query].tolist() if number >= 0]
                assert len(set(numbers)) == len(numbers)
                lengths = [exact[query, own[number]] for number in numbers]
                np.testing.assert_allclose(told[query][: len(numbers)], lengths, rtol=1e-5, atol=1e-5)
                if recall == 1:
                    np.testing.assert_allclose(
                        lengths, np.sort(exact[query])[: len(numbers)], rtol=1e-5, atol=1e-5
                    )


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_any_history_gives_what_a_dictionary_gives(kind: str) -> None:
    class Of(Machine):
        pass

    Of.kind = kind
    run_state_machine_as_test(
        Of,
        settings=settings(
            max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


@pytest.mark.parametrize("family", ["clusters", "p-stable"])
def test_a_history_through_every_way_gives_it_too(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a random history may miss: the same rules, in an order that leads everywhere."""
    reached, answered = set(), FetchedRows.answered

    def noted(rows: FetchedRows, *arguments: Any, **options: Any) -> Any:
        reached.add("buckets, and a tail" if len(rows.hidden) else "buckets")
        if rows.allow is not None:
            reached.add("buckets under a filter")
        return answered(rows, *arguments, **options)

    monkeypatch.setattr(FetchedRows, "answered", noted)
    steps = Machine()
    try:
        steps.build(family, 400)
        for who in (0, 1):
            steps.search(who, 100, 5, None)
            steps.search(who, 200, 5, (0, 700, 1))
            steps.change((0, 40, 3), (5, 30, 7))
            steps.search(who, 300, 5, None)
            steps.publish(who)
            steps.search(1 - who, 301, 5, None)
        steps.flush(0)
        steps.search(1, 100, 200, None)
        steps.reopen(0)
        steps.search(0, 100, 5, (3, 20, 3))
    finally:
        steps.teardown()
    assert reached == {"buckets", "buckets, and a tail", "buckets under a filter"}
