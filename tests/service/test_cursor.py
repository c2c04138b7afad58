"""Cursors go on where a page ended, whatever came or went since."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import OptionError
from lookalike.service.cursor import Cursor

SEARCH = {"query": {"id": "a"}}


@given(
    st.text(), st.integers(1, 10**6), st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))
)
def test_what_is_written_is_read(id_: str, rank: int, key: float | None) -> None:
    cursor = Cursor(id_.encode("utf-8", "replace").decode(), rank, key)
    assert Cursor.read(cursor.written(SEARCH), SEARCH) == cursor


@given(st.text(max_size=200))
def test_what_nobody_wrote_is_refused(text: str) -> None:
    with pytest.raises(OptionError):
        Cursor.read(text, SEARCH)


def test_a_cursor_of_another_search_is_refused() -> None:
    with pytest.raises(OptionError, match="another search"):
        Cursor.read(Cursor("a", 1, 0.5).written(SEARCH), {"query": {"id": "b"}})


def test_the_page_begins_after_the_last_hit_wherever_it_is_now() -> None:
    cursor = Cursor("c", 3, 0.3)
    assert cursor.start(["new", "a", "b", "c", "d"], [0.05, 0.1, 0.2, 0.3, 0.4]) == 4


def test_where_the_last_hit_is_gone_the_page_begins_after_its_distance() -> None:
    assert Cursor("c", 3, 0.3).start(["a", "d", "e"], [0.1, 0.4, 0.5]) == 1


def test_where_the_last_hit_is_gone_none_that_is_as_far_is_left_out() -> None:
    assert Cursor("b", 2, 0.1).start(["a", "c", "d"], [0.1, 0.1, 0.1]) == 1


def test_without_an_order_by_distance_the_rank_tells() -> None:
    assert Cursor("c", 3, None).start(["a", "b", "d"], None) == 2
