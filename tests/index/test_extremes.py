"""Numbers at the edge of their types: they are refused, or answered as any others."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inverted_files import clustered, inverted_file_of  # type: ignore[import-not-found]

from lookalike import Index
from lookalike.errors import VectorError
from lookalike.kernels.reference import METRICS


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(list(METRICS)),
    st.integers(2, 40),
    st.sampled_from([1e-18, 1.0, 1e17]),
    st.sampled_from([1e38, 1e300, np.inf]),
)
def test_no_margin_is_too_wide(seed: Any, metric: Any, dimension: Any, scale: Any, wide: Any) -> None:
    random = np.random.default_rng(seed)
    rows = np.repeat(clustered(random, 60, dimension), random.integers(1, 8), axis=0)
    rows = np.float32(scale) * rows / np.abs(rows).max() / np.float32(dimension)
    inverted_file = inverted_file_of(rows, metric, 9)
    queries = inverted_file.sketched.rows_as_hashed(np.arange(30))
    ids, distances = inverted_file.search(queries, 5, 2, 8, reach=wide, margin=wide)
    assert ids.min() >= 0 and ids.max() < len(rows)
    assert all(len(set(found)) == 5 for found in ids.tolist())
    assert np.isfinite(distances).all()


@pytest.mark.parametrize("metric", METRICS)
def test_what_may_overflow_in_a_distance_is_refused(metric: Any, tmp_path: Any) -> None:
    rows = clustered(np.random.default_rng(1), 3000, 24)
    largest = float(np.linalg.norm(rows, axis=1).max())
    index = Index.build(rows * np.float32(3e18 / largest), metric=metric, scan_below=0, n_jobs=1)
    index.save(tmp_path / "index")
    again = Index.open(tmp_path / "index", verify=True)
    ids, distances = again.search(-rows[:50] * np.float32(3e18 / largest), 5)
    assert (ids >= 0).all() and np.isfinite(distances).all()
    for far in (4e18, 1.7e19):
        with pytest.raises(VectorError, match="row 0 has numbers too large for float32; scale them down"):
            again.search(np.full(24, far / np.sqrt(24)), 5)


def test_rows_that_the_kept_type_makes_zero_have_no_direction() -> None:
    rows = np.random.default_rng(2).standard_normal((50, 8)).astype(np.float16)
    index = Index.build(rows, metric="cosine")
    with pytest.raises(VectorError, match=r"row 0 .*float16"):
        index.add([90], np.full((1, 8), 1e-9, np.float32))
    assert len(index) == 50


@pytest.mark.parametrize("metric", METRICS)
def test_any_limit_of_distance_may_be_asked(metric: Any) -> None:
    rows = clustered(np.random.default_rng(3), 2000, 8)
    index = Index.build(rows, metric=metric, scan_below=0)
    for added in ([], [5000]):  # by buckets alone, then with a tail
        index.add(added, rows[: len(added)] + 100)
        want, _ = index.search(rows[:5], 3)
        for limit in (1e39, 1e300, np.inf):
            np.testing.assert_array_equal(index.search(rows[:5], 3, max_distance=limit)[0], want)
        for limit in (-1e300, -np.inf):
            assert (index.search(rows[:5], 3, max_distance=limit)[0] == -1).all()


def test_an_index_that_scans_says_so() -> None:
    random = np.random.default_rng(4)
    centres = 10 * random.standard_normal((300, 8)).astype(np.float32)
    rows = np.repeat(centres, 20, axis=0) + 0.01 * random.standard_normal((6000, 8)).astype(np.float32)
    index = Index.build(rows, scan_below=0, n_jobs=1)
    index.tune(1.0)
    assert (index.stats().path, index.stats().probes) == ("scan", None)
    explanation = index.explain(rows[0], 5999)
    assert (explanation.path, explanation.candidate) == ("scan", True)
