"""What enters as queries: one query is quick, and no less checked than many."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lookalike.arrays import METRICS, UNIT_BLOCK, as_queries, as_vectors, unit_rows
from lookalike.errors import VectorError

DTYPES = ["float32", "float64", "float16", "uint8", "int8", "int64", "bool", ">f4", "longdouble"]


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
def test_one_query_is_taken_as_many_are(data: Any, dtype: Any, shape: Any) -> None:
    queries = data.draw(arrays.arrays(np.dtype(dtype), shape))
    if data.draw(st.booleans()):
        queries = np.repeat(queries, 2, axis=-1)[..., ::2]  # not contiguous
    metric = data.draw(st.sampled_from(METRICS))
    got = outcome(lambda: as_queries(queries, dimension=3, metric=metric))
    want = outcome(lambda: as_vectors(queries, dimension=3, metric=metric, name="queries"))
    if isinstance(want, str):
        assert got == want
    else:
        assert got.dtype == np.float32
        assert got.flags.c_contiguous
        np.testing.assert_array_equal(got, unit_rows(want) if metric == "cosine" else want, strict=True)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.floats(-30, 30))
def test_a_row_alone_comes_to_length_one_by_the_same_numbers(seed: Any, dimension: Any, size: Any) -> None:
    rows = np.random.default_rng(seed).standard_normal((UNIT_BLOCK // dimension + 5, dimension))[-300:]
    rows = (rows * 10**size + 10**size).astype(np.float32)
    unit = unit_rows(rows)
    for row in (0, len(rows) // 2, len(rows) - 1):
        assert np.array_equal(unit_rows(rows[row : row + 1])[0], unit[row])
    lengths = np.linalg.norm(unit.astype(np.float64), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(3,), (1, 3)])
def test_a_bad_query_is_refused_by_name(dtype: Any, shape: Any) -> None:
    for bad, what in ((np.nan, "NaN or infinity"), (np.inf, "NaN or infinity"), (1e30, "too large")):
        query = np.array([1, bad, 1], dtype=dtype).reshape(shape)
        with pytest.raises(VectorError, match=f"queries: row 0 has .*{what}"):
            as_queries(query, dimension=3, metric="euclidean")
    with pytest.raises(VectorError, match="no direction"):
        as_queries(np.zeros(shape, dtype=dtype), dimension=3, metric="cosine")
    with pytest.raises(VectorError, match="dimension 3; this needs 4"):
        as_queries(np.ones(shape, dtype=dtype), dimension=4, metric="dot")
