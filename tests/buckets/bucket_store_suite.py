"""What every bucket store must do. A store's test module subclasses `BucketStoreSuite` and gives `make`."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.errors import DuplicateIdError, VectorError


def array(values: Any, dtype: Any = np.uint64) -> Any:
    return np.array(values, dtype=dtype)


def expected(model: Any, keys: Any, limit: Any, allow: Any) -> Any:
    """Return a list of (id, hits) a query, from `model`: id -> keys."""
    answers = []
    for query in keys:
        hits = {}
        for number, own in model.items():
            if allow is None or number in allow:
                count = sum(int(key in probes) for key, probes in zip(own, query.tolist(), strict=True))
                if count:
                    hits[number] = count
        answers.append(sorted(hits.items(), key=lambda item: (-item[1], item[0]))[:limit])
    return answers


def answers(store: Any, keys: Any, limit: Any, allow: Any = None) -> Any:
    offsets, ids, hits = store.candidates(keys, limit, allow)
    assert (ids.dtype, hits.dtype) == (np.int64, np.int32)
    pairs = list(zip(ids.tolist(), hits.tolist(), strict=True))
    return [pairs[start:end] for start, end in itertools.pairwise(offsets)]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove"]), st.sets(st.integers(0, 12), max_size=8), st.integers(0, 99)
    ),
    max_size=6,
)


class BucketStoreSuite:
    def make(self) -> Any:
        raise NotImplementedError

    @settings(deadline=None, max_examples=60)
    @given(STEPS, st.integers(1, 3), st.integers(1, 9), st.none() | st.sets(st.integers(0, 12)))
    def test_any_history_gives_what_a_plain_model_gives(
        self, steps: Any, tables: Any, limit: Any, allow: Any
    ) -> None:
        store = self.make()
        model: dict[int, Any] = {}
        store.clear()
        for verb, ids, seed in steps:
            numbers = array(sorted(ids), np.int64)
            if verb == "add":
                keys = np.random.default_rng(seed).integers(0, 4, (len(ids), tables)).astype(np.uint64)
                store.add(numbers, keys)
                model.update(zip(numbers.tolist(), keys.tolist(), strict=True))
            else:
                store.remove(numbers)
                for number in ids:
                    model.pop(number, None)
        queries = (
            np.random.default_rng(7).integers(0, 5, (4, tables, 3)).astype(np.uint64)
        )  # keys repeat, too
        allowed = None if allow is None else array(sorted(allow), np.int64)
        assert answers(store, queries, limit, allowed) == expected(model, queries, limit, allow)
        assert store.stats().ids == len(model)

    def test_large_keys_and_ids(self) -> None:
        store = self.make()
        store.clear()
        store.add(array([2**63 - 1, 0], np.int64), array([[2**64 - 1], [2**63]]))
        assert answers(store, array([[[2**64 - 1, 2**63]]]), 9) == [[(0, 1), (2**63 - 1, 1)]]

    def test_generation_and_clear(self) -> None:
        store = self.make()
        store.clear()
        assert store.generation() == 0
        store.set_generation(41)
        store.add(array([1], np.int64), array([[3]]))
        assert store.generation() == 41
        store.clear()
        assert store.generation() == 0
        assert store.stats().ids == 0
        assert answers(store, array([[[3]]]), 9) == [[]]

    def test_stats(self) -> None:
        store = self.make()
        store.clear()
        store.add(array([1, 2, 3], np.int64), array([[5, 5], [5, 6], [5, 7]]))
        stats = store.stats()
        assert (stats.ids, stats.tables, stats.buckets, stats.largest_bucket) == (3, 2, 4, 3)
        assert stats.median_bucket == 1

    def test_wrong_shapes_are_refused(self) -> None:
        store = self.make()
        store.clear()
        with pytest.raises(VectorError):
            store.add(array([1, 2], np.int64), array([[1]]))
        with pytest.raises(DuplicateIdError):
            store.add(array([1, 1], np.int64), array([[1], [1]]))
        store.add(array([1], np.int64), array([[1]]))
        with pytest.raises(VectorError):
            store.add(array([2], np.int64), array([[1, 2]]))
