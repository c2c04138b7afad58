"""The gate of sets and of binary codes: what it takes, what it makes of it, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.arrays import as_codes, as_rows, as_vectors
from lookalike.errors import VectorError
from lookalike.sets import MOST_ELEMENTS, NO_ELEMENT, as_sets, element_of, is_sorted, room_for

sparse = pytest.importorskip("scipy.sparse", reason="needs scipy: pip install scipy")

NONE = NO_ELEMENT
sets = st.lists(st.lists(st.integers(0, 2**32 - 2), max_size=9), max_size=6)


@given(sets)
def test_rows_are_the_elements_in_order_each_once(rows: list[list[int]]) -> None:
    made = as_sets(rows)
    assert made.dtype == np.uint32 and made.flags.c_contiguous and is_sorted(made)
    assert [row[row != NONE].tolist() for row in made] == [sorted(set(row)) for row in rows]
    assert np.array_equal(as_sets(made), made)


@pytest.mark.parametrize(
    "given_as",
    [
        [{1, 4}, {0}],
        ([4, 1, 4], (0,)),
        [np.array([4, 1]), frozenset([0])],
        np.array([[4, 1], [0, 0]]),
        np.array([[NONE, 4, 1], [0, NONE, 0]], dtype=np.uint32),
        np.array([[False, True, False, False, True], [True, False, False, False, False]]),
        sparse.csr_matrix([[0, 2, 0, 0, 1], [5, 0, 0, 0, 0]]),
        sparse.coo_array(([1, 1, 7], ([1, 0, 0], [0, 4, 1])), shape=(2, 6)),
    ],
)
def test_sets_come_in_the_forms_that_people_have(given_as: Any) -> None:
    assert as_sets(given_as).tolist() == [[1, 4], [0, NONE]]


def test_zeros_that_a_sparse_matrix_stores_are_no_elements() -> None:
    matrix = sparse.csr_matrix(([0, 1], ([0, 0], [2, 3])), shape=(1, 4))
    assert as_sets(matrix).tolist() == [[3]]


def test_words_are_numbered_alike_everywhere() -> None:
    assert element_of("shoe") == 2664319100
    assert as_sets([["red", "shoe", "red"], []]).tolist() == [
        sorted((element_of("red"), element_of("shoe"))),
        [NONE, NONE],
    ]
    assert as_sets(np.array([["red", "shoe"]])).tolist() == as_sets([{"shoe", "red"}]).tolist()


@pytest.mark.parametrize("one", [{3, 5}, [5, 3], np.array([3, 5]), frozenset({3, 5})])
def test_one_set_needs_no_list_around_it(one: Any) -> None:
    assert as_sets(one).tolist() == [[3, 5]]


def test_no_set_and_an_empty_set_are_told_apart() -> None:
    assert as_sets([]).shape == (0, 1)
    assert as_sets(set()).shape == (1, 1)
    assert as_sets([[]]).tolist() == [[NONE]]


def test_a_width_is_filled_up() -> None:
    assert as_sets([[7]], width=3).tolist() == [[7, NONE, NONE]]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1], [-1]], "set 1 has the number -1"),
        (np.array([[1, -1]]), "set 0 has the number -1"),
        ([[2**32 - 1]], "set 0 has the number 4294967295"),
        ([[2**70]], r"2\*\*63 or more"),
        ([[1, "a"]], "set 0 has 'a'"),
        ([["a", 1]], "set 0 has 1"),
        ([[1.5]], "set 0 has 1.5"),
        ([[True]], "set 0 has True"),
        ([["a"], "bc"], "set 1 is 'bc'"),
        ("abc", "of type str"),
        (7, "of type int"),
        (np.array([[0.5]]), "type float64"),
        (np.ma.masked_array([[1]], [[True]]), "masked"),
        ([range(MOST_ELEMENTS + 1)], "set 0 has 16,385 elements"),
    ],
)
def test_what_is_no_set_is_refused(values: Any, message: str) -> None:
    with pytest.raises(VectorError, match=message):
        as_sets(values)


def test_a_set_wider_than_its_place_is_refused_by_its_row() -> None:
    with pytest.raises(VectorError, match="set 12 has 3 elements; this takes 2"):
        as_sets([[1], [2], [3, 4, 5]], width=2, first_row=10)


@pytest.mark.parametrize(("size", "room"), [(0, 8), (1, 8), (8, 8), (9, 16), (16, 16), (1000, 1024)])
def test_room_grows_by_doubling(size: int, room: int) -> None:
    assert room_for(size) == room


@pytest.mark.parametrize(
    "values",
    [
        [[1, 0, 1, 0, 0, 0, 0, 0, 1]],
        np.array([[1, 0, 1, 0, 0, 0, 0, 0, 1]], dtype=np.bool_),
        np.array([1, 0, 1, 0, 0, 0, 0, 0, 1]),
        np.array([[160, 128]], dtype=np.uint8),
    ],
)
def test_codes_are_packed_bits(values: Any) -> None:
    codes = as_codes(values)
    assert codes.dtype == np.uint8 and codes.tolist() == [[160, 128]]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[0, 1], [0, 2]], "row 1 of type int64 has numbers that are no bits"),
        ([[0.0, 1.0]], "type float64; give bits as booleans"),
        ([[float("nan")]], "type float64"),
        ([["a"]], "type <U1"),
        (np.zeros((2, 2, 2), dtype=np.uint8), "3 axes"),
    ],
)
def test_what_is_no_code_is_refused(values: Any, message: str) -> None:
    with pytest.raises(VectorError, match=message):
        as_codes(values)


def test_the_gate_of_vectors_leads_to_those_of_codes_and_sets() -> None:
    assert as_vectors([[1, 0]], metric="hamming").tolist() == [[128]]
    assert as_vectors([{3}], metric="jaccard", dimension=2).tolist() == [[3, NONE]]
    assert as_rows([{3}], np.dtype(np.uint32), metric="jaccard", dimension=2).dtype == np.uint32
