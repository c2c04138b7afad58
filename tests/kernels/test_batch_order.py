"""Queries of a batch, which are taken in another order, find what each finds alone."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_inverted_file_kernels import parts_of  # type: ignore[import-not-found]

from lookalike.index.ivf.build import chain
from lookalike.kernels.compiled import batch


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["euclidean", "cosine", "dot"]),
    st.integers(1, 70),
    st.sampled_from([None, 0.5]),
    st.integers(1, 12),
)
def test_a_batch_finds_what_each_of_it_does(
    seed: int, metric: Any, count: int, reach: Any, probes: int
) -> None:
    random = np.random.default_rng(seed)
    inverted_file = parts_of(random, 20, "float32", metric, 12, 250)
    queries = inverted_file.sketched.rows_as_hashed(random.integers(250, size=count)) + np.float32(0.01)
    together = inverted_file.search(queries, 5, probes, 30, reach=reach, margin=reach)
    for number in range(count):
        alone = inverted_file.search(
            np.ascontiguousarray(queries[number : number + 1]), 5, probes, 30, reach=reach, margin=reach
        )
        assert np.array_equal(together[0][number], alone[0][0])
        assert np.array_equal(together[1][number], alone[1][0])


def test_more_queries_than_are_begun_at_once() -> None:
    random = np.random.default_rng(0)
    inverted_file = parts_of(random, 20, "float32", "euclidean", 12, 250)
    rows = random.integers(250, size=batch.MOST + 39)
    queries = inverted_file.sketched.rows_as_hashed(rows)
    ids, _ = inverted_file.search(queries, 1, 12, 250)
    assert np.array_equal(ids[:, 0], inverted_file.sketched.ids[rows])


def test_k_beyond_what_the_first_buckets_hold() -> None:
    inverted_file = parts_of(np.random.default_rng(2), 20, "float32", "euclidean", 12, 250)
    rows = np.arange(batch.MOST + 39) % 250  # those after the first are begun when others have probed more
    queries = inverted_file.sketched.rows_as_hashed(rows)
    ids, _ = inverted_file.search(queries, 200, 1, 250, reach=0.0, margin=0.0)
    assert (ids >= 0).all()
    assert all(len(set(row)) == 200 for row in ids[-40:].tolist())


@pytest.mark.parametrize("count", [1, 2, 57])
def test_a_chain_goes_to_the_nearest_that_is_left(count: int) -> None:
    points = np.random.default_rng(1).standard_normal((count, 3)).astype(np.float32)
    order = chain(points)
    assert sorted(order.tolist()) == list(range(count))
    for place in range(count - 1):
        away = np.linalg.norm(points[order[place + 1 :]] - points[order[place]], axis=1)
        assert away[0] <= away.min() + 1e-5
