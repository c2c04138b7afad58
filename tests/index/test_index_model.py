"""Any history of an index against a dictionary and brute force, by buckets, tail, folding and training anew."""

from __future__ import annotations

import math
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from lookalike import Index
from lookalike.errors import DuplicateIdError, UnknownIdError
from lookalike.index.view import SnapshotView

IDS = 400
SCAN_BELOW = 40
_RANDOM = np.random.default_rng(0)
POOL = np.clip(
    _RANDOM.integers(20, 200, (12, 6))[_RANDOM.integers(0, 12, 997)] + _RANDOM.normal(0, 9, (997, 6)).round(),
    1,
    255,
)
"""Whole numbers, so that euclidean distances and inner products are exact, and there are ties."""
METRICS = st.sampled_from(["euclidean", "cosine", "dot"])
SOME = st.tuples(st.integers(0, IDS - 1), st.integers(0, 60), st.sampled_from([1, 3, 7]))


def some(parts: tuple[int, int, int]) -> list[int]:
    """Return ids from first, count and step."""
    first, count, step = parts
    return list(dict.fromkeys((first + step * number) % IDS for number in range(count)))


class Machine(RuleBasedStateMachine):
    """An index, and the rows that it should have."""

    reached: set[str]

    def queries(self, start: int, count: int) -> Any:
        """Return some rows, or what is near to them."""
        return POOL[start : start + count] + 0.5 * (start % 2) * (count > 1)

    @initialize(
        metric=METRICS, dtype=st.sampled_from(["float32", "uint8"]), rows=st.sampled_from([0, 10, 90])
    )
    def build(self, metric: str, dtype: str, rows: int) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.metric, self.dtype = metric, np.dtype(dtype)
        self.given = 0
        ids = list(range(0, 2 * rows, 2))
        self.model: dict[int, Any] = {}
        vectors = self.drawn(ids)
        self.index = Index.build(vectors, ids=ids, metric=metric, recall=0.9, scan_below=SCAN_BELOW, n_jobs=1)
        self.model.update(zip(ids, vectors, strict=True))
        self.saved: dict[int, Any] | None = None
        self.buckets = self.index.stats().buckets

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    def drawn(self, ids: list[int]) -> Any:
        """Return rows for `ids`, others each time."""
        self.given += 1
        return POOL[[(7 * number + 31 * self.given) % len(POOL) for number in ids]].astype(self.dtype)

    def noted(self, added: int) -> None:
        """Note what a write led to."""
        stats = self.index.stats()
        if stats.tail_rows:
            self.reached.add("tail over buckets" if stats.path == "buckets" else "tail over a scan")
        elif added and stats.path == "buckets":
            self.reached.add("folded in")
            if max(self.buckets, 1) * 1.1 < stats.buckets:
                self.reached.add("trained anew" if self.buckets else "trained at first")
        self.buckets = stats.buckets if stats.path == "buckets" else 0

    @rule(parts=SOME)
    def add(self, parts: tuple[int, int, int]) -> None:
        ids = [number for number in some(parts) if number not in self.model]
        vectors = self.drawn(ids)
        self.index.add(ids, vectors)
        self.model.update(zip(ids, vectors, strict=True))
        self.noted(len(ids))
        if self.index.stats().tail_rows >= len(ids) and len(ids):
            found, distances = self.index.search(vectors[:3], 1)
            if self.metric == "euclidean":
                assert not distances.any(), "rows of the tail are compared always"
            assert (found >= 0).all()

    @rule(parts=SOME)
    def add_what_is_there(self, parts: tuple[int, int, int]) -> None:
        ids = some(parts)
        if self.model.keys().isdisjoint(ids):
            ids = [*ids, ids[0]] if ids else [1, 1]
        with pytest.raises(DuplicateIdError):
            self.index.add(ids, self.drawn(ids))

    @rule(parts=SOME)
    def remove(self, parts: tuple[int, int, int]) -> None:
        ids = [number for number in some(parts) if number in self.model]
        self.index.remove(ids)
        for number in ids:
            del self.model[number]
        if self.index.stats().removed_rows:
            self.reached.add("removed, not swept")
        self.noted(0)

    @rule(parts=SOME)
    def remove_what_is_not_there(self, parts: tuple[int, int, int]) -> None:
        with pytest.raises(UnknownIdError):
            self.index.remove([*some(parts), IDS])

    @rule(removed=SOME, parts=SOME)
    def update(self, removed: tuple[int, int, int], parts: tuple[int, int, int]) -> None:
        """Remove and replace in one step; a view from before keeps what it had."""
        gone, ids = [*some(removed), IDS], some(parts)
        before, had = self.index.view(), dict(self.model)
        vectors = self.drawn(ids)
        self.index.update(gone, ids, vectors, stamp=self.given)
        for number in gone:
            self.model.pop(number, None)
        self.model.update(zip(ids, vectors, strict=True))
        assert self.index.stamp == self.given
        self.holds(before, had)
        self.noted(len(ids))

    @rule(parts=SOME)
    def update_that_is_refused(self, parts: tuple[int, int, int]) -> None:
        ids = [*some(parts), 1, 1]
        with pytest.raises(DuplicateIdError):
            self.index.update([], ids, self.drawn(ids), stamp=self.index.stamp + 1)
        with pytest.raises(DuplicateIdError):
            self.index.update(ids, [], self.drawn([]), stamp=self.index.stamp + 1)

    @rule(start=st.integers(0, 900))
    def distances(self, start: int) -> None:
        """Ask for the distances to ids of which some are there, in any order, some twice."""
        query, ids = (
            self.queries(start, 1)[0],
            [(37 * number + start) % (IDS + 50) for number in range(60)] * 2,
        )
        there = [number in self.model for number in ids]
        expected = np.full(len(ids), np.nan)
        if any(there):
            rows = [number for number in ids if number in self.model]
            expected[there] = self.brute_force(query[np.newaxis], rows)[0]
        np.testing.assert_allclose(self.index.distances(query, ids), expected, rtol=1e-6, atol=2e-6)

    def holds(self, view: SnapshotView, rows: dict[int, Any]) -> None:
        """Check that a view has these rows and no others."""
        assert len(view) == len(rows)
        assert view.contains(range(IDS + 1)).tolist() == [number in rows for number in range(IDS + 1)]
        if rows and (self.dtype == np.uint8 or self.metric != "cosine"):
            ids = sorted(rows)
            assert np.array_equal(view.vectors(ids), np.array([rows[number] for number in ids]))

    @rule()
    def save(self) -> None:
        self.index.save(self.folder / "index", stamp=self.given)
        self.saved = dict(self.model)
        self.saved_stamp = self.given

    @rule(verify=st.booleans())
    def open(self, verify: bool) -> None:
        """Go on from what was saved last."""
        if self.saved is not None:
            self.index = Index.open(self.folder / "index", verify=verify)
            self.model = dict(self.saved)
            assert self.index.stamp == self.saved_stamp
            self.noted(0)

    @rule(recall=st.sampled_from([0.5, 0.9, 0.99]))
    def tune(self, recall: float) -> None:
        self.index.tune(recall, n_jobs=1)
        assert self.index.stats().recall == recall
        self.noted(0)

    @rule(
        start=st.integers(0, 900),
        k=st.sampled_from([1, 5, 50, 500]),
        allow=st.none() | SOME,
        share=st.none() | st.sampled_from([0.1, 0.5]),
    )
    def search(self, start: int, k: int, allow: Any, share: float | None) -> None:
        """Search exactly, and by whatever way is taken for a recall below 1."""
        queries = self.queries(start, 4)
        ids = sorted(self.model if allow is None else self.model.keys() & set(some(allow)))
        allowed = None if allow is None else some(allow)
        limit = None
        distances = self.brute_force(queries, ids)
        if share is not None and ids:
            limit = float(np.quantile(distances, share)) + 1e-3
            distances = np.where(distances <= limit, distances, np.inf)
        best = np.sort(distances, axis=1)[:, :k]
        best = np.pad(best, ((0, 0), (0, k - best.shape[1])), constant_values=np.inf)
        places = np.lexsort((np.broadcast_to(ids, distances.shape), distances), axis=1)[:, :k]
        found, told = self.index.search(queries, k, allow=allowed, max_distance=limit, recall=1)
        np.testing.assert_allclose(told, best, rtol=1e-6, atol=2e-6)
        self.truthful(found, told, ids, distances)
        if self.metric != "cosine":  # whose rounding decides between equal distances
            truth = np.where(np.isfinite(best[:, : places.shape[1]]), np.array(ids, dtype=int)[places], -1)
            assert np.array_equal(found[:, : places.shape[1]], truth)
        found, told = self.index.search(queries, k, allow=allowed, max_distance=limit)
        self.truthful(found, told, ids, distances)
        there = np.isfinite(best)
        assert (told[there] >= best[there] - 2e-6 - 1e-6 * np.abs(best[there])).all()
        if limit is None:
            assert ((found >= 0).sum(axis=1) == min(k, len(ids))).all(), "k are found where there are k"
        if self.index.stats().path == "buckets":
            self.reached.add("buckets" if allow is None else "buckets under a filter")

    def brute_force(self, queries: Any, ids: list[int]) -> Any:
        """Return the distances (q, n) to the rows of `ids`."""
        rows = np.array([self.model[number] for number in ids], dtype=np.float64).reshape(len(ids), 6)
        if self.metric == "euclidean":
            return np.linalg.norm(queries[:, np.newaxis] - rows, axis=2)
        inner = queries @ rows.T
        if self.metric == "dot":
            return -inner
        lengths = np.linalg.norm(queries, axis=1)[:, np.newaxis] * np.linalg.norm(rows, axis=1)
        return 1 - inner / lengths

    def truthful(self, found: Any, told: Any, ids: list[int], distances: Any) -> None:
        """Check that each row found is one that may be, found once, nearest first, and as far as it is told to be."""
        own = dict(zip(ids, range(len(ids)), strict=True))
        for query, (numbers, lengths) in enumerate(zip(found.tolist(), told.tolist(), strict=True)):
            there = [number for number in numbers if number >= 0]
            assert numbers == there + [-1] * (len(numbers) - len(there))
            assert len(set(there)) == len(there)
            assert lengths == sorted(lengths)
            for number, length in zip(numbers, lengths, strict=True):
                true = distances[query, own[number]] if number >= 0 else math.inf
                assert math.isclose(length, true, rel_tol=2e-5, abs_tol=2e-5), (number, length, true)

    @invariant()
    def has_the_rows_of_the_model(self) -> None:
        if not hasattr(self, "index"):
            return
        assert self.index.ids().tolist() == sorted(self.model)
        self.holds(self.index.view(), self.model)
        stats = self.index.stats()
        assert len(self.index) == stats.rows == len(self.model)


def machine() -> type[Machine]:
    class Counted(Machine):
        reached: set[str] = set()  # noqa: RUF012

    return Counted


def test_any_history_gives_what_a_dictionary_gives() -> None:
    run_state_machine_as_test(
        machine(),
        settings=settings(
            max_examples=16, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def go_through_all(steps: Any) -> None:
    """Meet every case, from an index of few rows on."""

    def look() -> None:
        steps.has_the_rows_of_the_model()
        steps.search(100, 5, None, None)
        steps.search(201, 5, (0, 60, 3), None)
        steps.search(300, 50, None, 0.1)

    steps.add((100, 20, 1))
    look()
    for first in range(0, IDS, 60):
        steps.add((first, 60, 1))
        look()
    steps.remove((50, 5, 3))
    steps.save()
    steps.add((50, 3, 3))
    look()
    steps.open(verify=True)
    look()
    steps.remove((0, 60, 7))
    steps.add((0, 30, 7))
    steps.update((3, 20, 3), (0, 9, 5))
    steps.update_that_is_refused((0, 9, 5))
    steps.distances(40)
    steps.tune(0.99)
    look()


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "dot"])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_a_history_through_every_way_gives_it_too(metric: str, dtype: str) -> None:
    """What a random history may miss: the same rules, in an order that leads everywhere."""
    steps = machine()()

    try:
        steps.build(metric, dtype, 10)
        go_through_all(steps)
    finally:
        steps.teardown()
    assert steps.reached == {
        "buckets",
        "buckets under a filter",
        "folded in",
        "removed, not swept",
        "tail over a scan",
        "tail over buckets",
        "trained anew",
        "trained at first",
    }
