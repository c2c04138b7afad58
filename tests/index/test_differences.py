"""Few queries are compared with rows as they are kept, and the answer is that of every other scan."""

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.index import Index, differences, scan
from lookalike.index.row_forms import prepared

ROWS = 900


@pytest.fixture(autouse=True, scope="module")
def loaded() -> None:
    """Compare by the compiled kernel from the first number on."""
    differences._load()


def by_products(monkeypatch: pytest.MonkeyPatch, *asked: Any) -> Any:
    """Return what matrix products find."""
    with monkeypatch.context() as patch:
        patch.setattr(differences, "MOST_QUERIES", 0)
        return scan.scan(*asked)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([np.uint8, np.int8, np.float16, np.float32]),
    st.sampled_from(["euclidean", "cosine"]),
    st.sampled_from([0.01, 0.3, 1.0]),
    st.integers(1, 8),
    st.sampled_from([1, 7, 16, 65, 200]),
    st.sampled_from([1, 10, 400]),
    st.sampled_from(["plain", "far", "long", "equal"]),
    st.integers(0, 2**32 - 1),
)
def test_answer_is_that_of_products(
    dtype: Any, metric: Any, share: float, count: int, d: int, k: int, kind: str, seed: int
) -> None:
    random = np.random.default_rng(seed)
    rows = random.integers(1, 100, (ROWS, d)).astype(dtype)
    if kind == "far" and dtype == np.float32:
        rows += np.float32(1e5)
    if kind == "long" and dtype == np.float32:
        rows[::50] *= np.float32(1e17)
    if kind == "equal":
        rows[1:400] = rows[0]
    kept = prepared(rows, metric)
    queries = prepared((rows[random.choice(ROWS, count)] + random.random((count, d))).astype("f4"), metric)
    shown = None if share == 1 else np.flatnonzero(random.random(ROWS) < share)
    ids = random.permutation(ROWS)
    asked = (queries, kept, ids, k, metric, shown)
    with pytest.MonkeyPatch.context() as patch:
        expected = by_products(patch, *asked)
        patch.setattr(scan, "BOUNDS_BYTES", 4 * 700)
        found = scan.scan(*asked, threads=2)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def test_differences_are_taken_where_a_filter_leaves_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    of = differences.Differences.of

    def counted(self: Any, rows: Any) -> Any:
        seen.append(len(rows))
        return of(self, rows)

    monkeypatch.setattr(differences.Differences, "of", counted)
    rows = np.random.default_rng(0).standard_normal((ROWS, 20), dtype=np.float32)
    index = Index.build(rows, recall=1)
    allowed = np.arange(0, ROWS, 3)
    ids, distances = index.search(rows[6:7], 5, allow=allowed)
    assert seen == [len(allowed)]
    assert ids[0, 0] == 6 and distances[0, 0] == 0
    assert np.isin(ids, allowed).all()


def test_squares_that_overflow_are_compared_all_the_same() -> None:
    rows = np.full((200, 8), 3e19, dtype=np.float32)
    rows[5] = 2.9e19
    found = scan.scan(
        np.full((1, 8), -1e19, np.float32), rows, np.arange(200), 3, "euclidean", np.arange(1, 200)
    )
    assert found[0].tolist() == [[5, 1, 2]]


@pytest.mark.parametrize("loaded", [False, True])
def test_no_kernel_is_loaded_for_few_numbers(loaded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(differences, "_kernel", None)
    monkeypatch.setattr(differences, "_compared", 0)
    if loaded:
        monkeypatch.setitem(sys.modules, "lookalike.kernels.compiled.entry", differences)
    else:
        monkeypatch.delitem(sys.modules, "lookalike.kernels.compiled.entry", raising=False)
    rows = np.ones((10, 4), dtype=np.uint8)
    asked: Any = (np.ones((1, 4), np.float32), rows, "euclidean", None)
    assert not differences.wants_differences(*asked)
    monkeypatch.setattr(differences, "LOADED_NUMBERS" if loaded else "COMPILED_NUMBERS", 100)
    assert [differences.wants_differences(*asked) for _ in range(2)] == [False, True]
