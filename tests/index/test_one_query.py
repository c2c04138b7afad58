"""One plain query at a time is answered by a shorter way: as by the other, whatever it is and whatever changes."""

from typing import Any

import numpy as np
import pytest

from lookalike.errors import LookalikeError, OptionError, VectorError
from lookalike.index import Index

ROWS, DIMENSION, K = 3_000, 24, 10
TYPES = {
    "euclidean": ("uint8", "int8", "float16", "float32"),
    "cosine": ("uint8", "float32"),
    "dot": ("float32",),
}
KINDS = [(metric, dtype) for metric, dtypes in TYPES.items() for dtype in dtypes]


def made(metric: str = "euclidean", dtype: str = "float32") -> tuple[Index, Any]:
    random = np.random.default_rng(5)
    centres = random.integers(20, 100, (60, DIMENSION))
    rows = centres[random.integers(60, size=ROWS + 40)] + random.integers(-15, 16, (ROWS + 40, DIMENSION))
    rows = rows.astype(dtype)
    return Index.build(rows[:ROWS], metric=metric, scan_below=0), rows[ROWS:].astype(np.float32)


def warm(index: Index, queries: Any, **options: Any) -> None:
    """Have the shorter way made, and see that it is."""
    index.search(queries[0], K, **options)
    assert index.view().quick[K, options.get("recall")] is not None


@pytest.mark.parametrize(("metric", "dtype"), KINDS)
@pytest.mark.parametrize("recall", [None, 0.8])
def test_one_query_finds_what_many_do(metric: str, dtype: str, recall: Any) -> None:
    index, queries = made(metric, dtype)
    queries[:4] += np.float32(0.25)  # not of whole numbers
    together = index.search(queries, K, recall=recall)
    warm(index, queries, recall=recall)
    for number, query in enumerate(queries):
        for given in (query, query[np.newaxis], query.tolist(), query.astype(np.float64)):
            ids, distances = index.search(given, K, recall=recall)
            assert ids.dtype == np.int64
            assert distances.dtype == np.float32
            assert np.array_equal(ids[0], together[0][number])
            np.testing.assert_allclose(distances[0], together[1][number], rtol=1e-5, atol=1e-6)


def test_a_query_is_not_changed_and_answers_are_ones_own() -> None:
    index, queries = made("cosine")
    warm(index, queries)
    before = queries.copy()
    first, second = index.search(queries[0], K), index.search(queries[1], K)
    assert np.array_equal(queries, before)
    assert not np.shares_memory(first[0], second[0])
    assert not np.shares_memory(first[1], second[1])


def test_arrays_of_other_layouts_are_taken() -> None:
    index, queries = made()
    warm(index, queries)
    expected = index.search(queries[3], K)
    wide = np.repeat(queries[3], 2)
    fixed = queries[3].copy()
    fixed.flags.writeable = False
    for given in (wide[::2], queries[3][::-1].copy()[::-1], fixed, np.asfortranarray(queries[3:4])):
        found = index.search(given, K)
        assert np.array_equal(found[0], expected[0])
        assert np.array_equal(found[1], expected[1])


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_what_is_wrong_is_refused_as_ever(metric: str) -> None:
    index, queries = made(metric)
    bad = [np.full(DIMENSION, value, dtype=np.float32) for value in (np.nan, np.inf, 1e30)]
    bad += [queries[0][:-1].copy(), queries[:1, :, np.newaxis].copy(), np.zeros(0, dtype=np.float32)]
    bad += [np.zeros(DIMENSION, dtype=np.float32)] if metric == "cosine" else []
    refused = []
    for way in (None, warm):
        if way:
            way(index, queries)
        for query in bad:
            with pytest.raises(VectorError) as error:
                index.search(query, K)
            refused.append(str(error.value))
    assert refused[: len(bad)] == refused[len(bad) :]
    for k, options in (
        (True, {}),
        (K, {"recall": True}),
        (K, {"n_jobs": True}),
        ([K], {}),
        (K, {"recall": [0.9]}),
    ):
        with pytest.raises(OptionError):
            index.search(queries[0], k, **options)  # type: ignore[arg-type]


def test_rows_that_come_and_go_are_seen_at_once() -> None:
    index, queries = made()
    query = queries[7]
    warm(index, queries)
    index.add([10**6], query[np.newaxis])
    assert index.search(query, K)[0][0, 0] == 10**6
    held = index.view()
    index.remove([10**6])
    assert index.search(query, K)[0][0, 0] != 10**6
    assert held.search(query, K)[0][0, 0] == 10**6
    nearest = int(index.search(query, K)[0][0, 0])
    index.remove([nearest])
    assert nearest not in index.search(query, K)[0]


def test_options_of_a_search_are_not_passed_over() -> None:
    index, queries = made()
    warm(index, queries)
    ids, distances = index.search(queries[0], K)
    assert (index.search(queries[0], K, allow=ids[0, 3:4])[0][0] == [ids[0, 3]] + [-1] * (K - 1)).all()
    within = index.search(queries[0], K, max_distance=float(distances[0, 4]))
    assert np.count_nonzero(within[0] >= 0) <= 6
    assert index.search(queries[0], 3)[0].shape == (1, 3)
    assert index.search(queries[0], ROWS + 5)[0][0, -1] == -1
    exact = index.search(queries[0], K, recall=1.0)
    assert (exact[1] <= distances).all()


def test_a_query_from_elsewhere_still_looks_farther() -> None:
    index, queries = made()
    warm(index, queries)
    far = queries[0] + np.float32(400)
    together = index.search(np.stack([far, queries[0]]), K)
    alone = index.search(far, K)
    assert np.array_equal(alone[0][0], together[0][0])


def test_a_closed_index_says_so(tmp_path: Any) -> None:
    index, queries = made()
    index.save(tmp_path / "index")
    opened = Index.open(tmp_path / "index")
    warm(opened, queries)
    opened.close()
    with pytest.raises(LookalikeError, match="closed"):
        opened.search(queries[0], K)


def test_few_visible_rows_are_all_compared() -> None:
    index, queries = made()
    allowed = np.arange(0, ROWS, 12)
    ids, distances = index.search(queries, K, allow=allowed, recall=0.8)
    exact = index.search(queries, K, allow=allowed, recall=1.0)
    assert np.array_equal(ids, exact[0])
    np.testing.assert_allclose(distances, exact[1], rtol=1e-6)
