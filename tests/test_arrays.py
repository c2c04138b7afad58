"""What enters as queries: one query is quick, and no less checked than many."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lookalike.arrays import METRICS, as_queries, as_vectors
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
        np.testing.assert_array_equal(got, want, strict=True)


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
