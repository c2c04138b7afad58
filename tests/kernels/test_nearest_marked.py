"""Marked candidates are compared as listed ones are, however many queries are looked at side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.errors import OptionError
from lookalike.index.sketches.rotation import Rotation
from lookalike.index.sketches.sketched_rows import SketchedRows
from lookalike.kernels.plan import ELEMENTS
from lookalike.kernels.reference import METRICS
from lookalike.kernels.reference_buckets import packed, unpacked

K, RERANK = 5, 40
Answer = tuple[Any, Any]


def rows_of(random: Any, rows: int, dimension: int, element: Any, metric: Any) -> SketchedRows:
    low = 0 if element == "uint8" else -100
    vectors = random.integers(low, 100, (rows, dimension)).astype(element)
    if metric == "cosine" and element == "float32":
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1)
    rotation = Rotation.fitted(vectors.astype(np.float32), 0)
    ids = random.permutation(rows).astype(np.int64)
    whole = np.array([0, rows])
    return SketchedRows.encoded(metric, vectors, ids, rotation, rotation.mean[np.newaxis], whole)


def queries_of(sketched: SketchedRows, random: Any, count: int) -> Any:
    queries = sketched.rows_as_hashed(random.integers(0, len(sketched), count)) + np.float32(0.01)
    if sketched.metric == "cosine":
        queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    return queries


def both(sketched: SketchedRows, queries: Any, bits: Any) -> tuple[Answer, Answer]:
    """Return what is found among listed candidates, and among marked ones."""
    listed = [np.flatnonzero(own) for own in bits]
    offsets = np.append(0, np.cumsum([len(own) for own in listed]))
    marks = np.stack([packed(own) for own in bits])
    return (
        sketched.nearest(queries, offsets, np.concatenate(listed), K, RERANK),
        sketched.nearest_marked(queries, marks, K, RERANK),
    )


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(ELEMENTS),
    st.sampled_from(list(METRICS)),
    st.sampled_from([20, 130, 300]),
    st.integers(1, 700),
    st.integers(1, 35),
)
def test_marked_candidates_are_found_as_listed_ones_are(
    seed: Any, element: Any, metric: Any, dimension: Any, rows: Any, count: Any
) -> None:
    random = np.random.default_rng(seed)
    sketched = rows_of(random, rows, dimension, element, metric)
    # From none to all; where few are marked, all of them are compared exactly.
    shares = random.choice([0, 0.01, 0.1, 0.5, 1], (count, 1))
    bits = random.random((count, rows)) < shares
    listed, marked = both(sketched, queries_of(sketched, random, count), bits)
    assert np.array_equal(listed[0], marked[0])
    assert np.array_equal(listed[1], marked[1])


def test_rows_that_are_alike_are_found() -> None:
    sketched = rows_of(np.random.default_rng(0), 1, 20, "float32", "euclidean")
    alike = np.repeat(sketched.vectors, 900, axis=0)
    sketched = SketchedRows.encoded(
        "euclidean", alike, np.arange(900), sketched.rotation, sketched.centroids, np.array([0, 900])
    )
    listed, marked = both(sketched, alike[:5].copy(), np.ones((5, 900), dtype=np.bool_))
    assert np.array_equal(listed[0], marked[0])
    assert (marked[1] == 0).all()


def test_threads_answer_alike() -> None:
    random = np.random.default_rng(1)
    sketched = rows_of(random, 500, 20, "uint8", "euclidean")
    queries, marks = queries_of(sketched, random, 70), random.integers(0, 2**40, (70, 7))
    alone = sketched.nearest_marked(queries, marks, K, RERANK)
    found = sketched.nearest_marked(queries, marks, K, RERANK, threads=2)
    assert np.array_equal(alone[0], found[0])


def test_marks_of_fewer_words_are_of_the_first_rows() -> None:
    random = np.random.default_rng(2)
    sketched = rows_of(random, 500, 20, "float32", "euclidean")
    queries, marks = queries_of(sketched, random, 3), np.full((3, 2), -1)
    whole = np.append(marks, np.zeros((3, 6), dtype=np.int64), axis=1)
    few, all_words = (sketched.nearest_marked(queries, words, K, RERANK) for words in (marks, whole))
    assert np.array_equal(few[0], all_words[0])


@pytest.mark.parametrize("rows", [64, 70])
def test_marks_of_rows_that_are_not_there_are_refused(rows: int) -> None:
    sketched = rows_of(np.random.default_rng(3), rows, 20, "float32", "euclidean")
    query, words = sketched.vectors[:1].copy(), -(-rows // 64)
    wrong: list[Any] = [np.zeros((1, words + 1)), np.zeros((2, words))]
    if rows % 64:
        wrong.append(packed(np.arange(words * 64) == rows)[np.newaxis])
        wrong.append(np.full((1, words), np.iinfo(np.int64).min))
    for marks in wrong:
        with pytest.raises(OptionError, match=r"^marks are of shape|^candidates are from 0 to"):
            sketched.nearest_marked(query, marks.astype(np.int64), 1, 1)


def test_marks_are_refused_where_rows_are_in_several_groups() -> None:
    sketched = rows_of(np.random.default_rng(4), 64, 20, "float32", "euclidean")
    centroids = np.repeat(sketched.centroids, 2, axis=0)
    grouped = SketchedRows.encoded(
        "euclidean", sketched.vectors, sketched.ids, sketched.rotation, centroids, np.array([0, 30, 64])
    )
    with pytest.raises(OptionError, match="marks are of shape"):
        grouped.nearest_marked(sketched.vectors[:1].copy(), np.ones((1, 1), dtype=np.int64), 1, 1)


@pytest.mark.parametrize("size", [1, 7, 63, 64, 65, 200])
def test_bits_are_packed_and_unpacked(size: int) -> None:
    bits = np.random.default_rng(size).random(size) < 0.5
    words = packed(bits)
    assert np.array_equal(unpacked(words, size), bits)
    assert [bool(int(words[i // 64]) >> (i % 64) & 1) for i in range(size)] == bits.tolist()
