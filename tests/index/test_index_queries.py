"""What enters as queries: kernels ready them quickly, and check no less."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import lookalike
from lookalike.arrays import DISCRETE, METRICS, as_vectors
from lookalike.errors import VectorError
from lookalike.index.queries import as_queries
from lookalike.index.row_forms import unit_rows

DTYPES = ["float32", "float64", "float16", "uint8", "int8", "int64", "bool", ">f4", "longdouble"]

OF_VECTORS = tuple(metric for metric in METRICS if metric not in DISCRETE)


def outcome(call: Any) -> Any:
    """Return what `call` gives, or the message of its error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return call()
        except VectorError as error:
            return str(error)


@settings(deadline=None, max_examples=300)
@given(st.data(), st.sampled_from(DTYPES), st.sampled_from([(3,), (1, 3), (2, 3), (0, 3), (4,), (3, 1)]))
def test_kernels_take_and_refuse_what_numpy_does(data: Any, dtype: Any, shape: Any) -> None:
    queries = data.draw(arrays.arrays(np.dtype(dtype), shape))
    if data.draw(st.booleans()):
        queries = np.repeat(queries, 2, axis=-1)[..., ::2]  # not contiguous
    metric = data.draw(st.sampled_from(OF_VECTORS))
    queries.flags.writeable = data.draw(st.booleans())
    before = queries.copy()
    compiled = data.draw(st.booleans())
    got = outcome(lambda: as_queries(queries, dimension=3, metric=metric, compiled=compiled))
    want = outcome(lambda: as_vectors(queries, dimension=3, metric=metric, name="queries"))
    if isinstance(want, str):
        assert got == want
    else:
        assert got.dtype == np.float32
        assert got.flags.c_contiguous and got.flags.writeable
        want = unit_rows(want) if metric == "cosine" else want
        np.testing.assert_array_max_ulp(got, want, 1 if compiled and metric == "cosine" else 0)
    np.testing.assert_array_equal(queries, before, strict=True)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(3,), (1, 3)])
def test_a_bad_query_is_refused_by_name(compiled: bool, dtype: Any, shape: Any) -> None:
    for bad, what in ((np.nan, "NaN or infinity"), (np.inf, "NaN or infinity"), (1e30, "too large")):
        query = np.array([1, bad, 1], dtype=dtype).reshape(shape)
        with pytest.raises(VectorError, match=f"queries: row 0 has .*{what}"):
            as_queries(query, dimension=3, metric="euclidean", compiled=compiled)
    with pytest.raises(VectorError, match="no direction"):
        as_queries(np.zeros(shape, dtype=dtype), dimension=3, metric="cosine", compiled=compiled)
    with pytest.raises(VectorError, match="dimension 3; this needs 4"):
        as_queries(np.ones(shape, dtype=dtype), dimension=4, metric="dot", compiled=compiled)


@pytest.mark.parametrize("metric", OF_VECTORS)
def test_queries_may_be_read_only(metric: Any, tmp_path: Any) -> None:
    rows = np.random.default_rng(0).random((600, 8), dtype=np.float32)
    index = lookalike.Index.build(rows, metric=metric, scan_below=100)
    want, _ = index.search(rows[:20], 3)
    np.save(tmp_path / "queries.npy", rows[:20])
    mapped = np.load(tmp_path / "queries.npy", mmap_mode="r")
    np.testing.assert_array_equal(index.search(mapped, 3)[0], want)
    np.testing.assert_array_equal(index.search(mapped[3], 3)[0], want[3:4])
