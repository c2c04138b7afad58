"""Stems are those of SQLite's full text, and words are told apart and folded as documented."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.catalogue.stem import stem
from lookalike.catalogue.text import LONGEST, has_phrase, phrases, tokens

SUFFIXES = (
    "ational", "tional", "enci", "izer", "logi", "bli", "alli", "eli", "ousli", "ization", "ator", "iveness",
    "icate", "ative", "ful", "ness", "al", "ance", "er", "ement",
    "ment", "ent", "ion", "sion", "tion", "ou", "ism", "iti",
    "ize", "ed", "ing", "eed", "y", "s", "ies", "sses", "e", "ll", "at", "bl", "iz",
)  # fmt: skip
MADE = st.builds(
    lambda start, ends: start + "".join(ends),
    st.text("abceilnstuy", min_size=3, max_size=6),
    st.lists(st.sampled_from(SUFFIXES), max_size=3),
)


def stems_of_sqlite(words: Iterable[str]) -> dict[str, str]:
    listed = list(words)
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE VIRTUAL TABLE t USING fts5(word, tokenize = 'porter ascii')")
        connection.execute("CREATE VIRTUAL TABLE v USING fts5vocab(t, instance)")
        connection.executemany("INSERT INTO t (rowid, word) VALUES (?, ?)", enumerate(listed))
        return {listed[at]: term for term, at in connection.execute("SELECT term, doc FROM v")}


def test_stems_of_english_are_those_of_sqlite() -> None:
    pages = Path(__file__).parents[2].joinpath("docs").glob("*.md")
    words = {word for page in pages for word in re.findall("[a-z]+", page.read_text().lower())}
    assert len(words) > 1000
    assert {word: stem(word) for word in words} == stems_of_sqlite(words)


@settings(deadline=None, max_examples=50)
@given(words=st.lists(MADE, min_size=1, max_size=50))
def test_stems_of_any_word_are_those_of_sqlite(words: list[str]) -> None:
    assert {word: stem(word) for word in words} == stems_of_sqlite(set(words))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Red Shoes, t-shirt!", ["red", "shoe", "t", "shirt"]),
        ("ISO-100 2012/13 red_blue", ["iso", "100", "2012", "13", "red", "blue"]),
        ("Café ÉCOLE e\u0301cole", ["cafe", "ecol", "ecol"]),
        ("Straße STRASSE", ["strass", "strass"]),
        ("ｆｕｌｌ ½ x²", ["full", "1", "2", "x2"]),
        ("İstanbul ΙΣΟΣ ισος й", ["istanbul", "ισοσ", "ισοσ", "и"]),
        ("हिन्दी किताब", ["हिन्दी", "किताब"]),
        ("\u2764\ufe0f 1\ufe0f\u20e3 \U0001f600", ["1"]),
        ("\u0903 \u3099", []),
        ("\ue000", ["\ue000"]),
        ("x" * 600 + " " + "é" * 600, ["x" * LONGEST, "e" * LONGEST]),
        ("", []),
    ],
)
def test_words_are_folded(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


@given(text=st.text())
def test_words_taken_together_are_found_again_one_by_one(text: str) -> None:
    """As SQLite's tokenizer does, which is given them with blanks between."""
    found = tokens(text)
    assert all(token and " " not in token for token in found)
    assert all(not re.search("[\x00-/:-`{-\x7f]", token) for token in found)


def test_words_that_are_alike_are_one_phrase() -> None:
    assert phrases("Shoe shoes t-shirt T-Shirts") == [("shoe",), ("t", "shirt")]


@pytest.mark.parametrize(
    ("part", "phrase", "expected"),
    [
        (["red", "shoe"], ("red", "shoe"), True),
        (["red", "red", "shoe"], ("red", "shoe"), True),
        (["red", "a", "shoe"], ("red", "shoe"), False),
        (["shoe"], ("shoe", "shoe"), False),
        ([], ("red",), False),
    ],
)
def test_a_phrase_is_found_in_order(part: list[str], phrase: tuple[str, ...], expected: bool) -> None:
    assert has_phrase(part, phrase) is expected
