"""Words are told apart, folded and stemmed as documented."""

from __future__ import annotations

import re
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.catalogue.text import has_phrase, phrases
from lookalike.texts import LONGEST, terms, tokens


def test_words_are_stemmed_as_porter_says() -> None:
    """Examples of his paper, one or more for each step."""
    words = "caresses ponies cats agreed plastered sing hopping falling filing happy sky relational digitizer"
    stems = "caress poni cat agre plaster sing hop fall file happi sky relat digit"
    assert tokens(words) == stems.split()
    words = (
        "operator feudalism triplicate formative goodness revival replacement adoption probate rate controll"
    )
    stems = "oper feudal triplic form good reviv replac adopt probat rate control"
    assert tokens(words) == stems.split()


def test_a_word_of_two_letters_is_its_own_stem() -> None:
    assert tokens("s us as") == ["s", "us", "as"]


def test_threads_get_the_same_stems() -> None:
    texts = [f"relational shoes{number} photographs {'falling ' * number}" for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(tokens, texts)) == list(map(tokens, texts))


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("红色连衣裙", ["红", "色", "连", "衣", "裙"]),
        ("赤いスニーカー・メンズ", ["赤", "い", "ス", "ニ", "ー", "カ", "ー", "メ", "ン", "ズ"]),
        ("ｶﾞﾗｽ ガラス", ["ガ", "ラ", "ス", "ガ", "ラ", "ス"]),
        ("รองเท้า สีแดง", ["ร", "อ", "ง", "เ", "ท้", "า", "สี", "แ", "ด", "ง"]),
        ("ကျွန်တော် ខ្មែរ ລາວ", ["ကျွ", "န်", "တော်", "ខ្", "មែ", "រ", "ລ", "າ", "ວ"]),
        ("iPhone手机壳2代 Shoes", ["iphon", "手", "机", "壳", "2", "代", "shoe"]),
        ("時々〇𠮷辻\U000e0100", ["時", "々", "〇", "𠮷", "辻"]),
        ("한국어 신발", ["한국어", "신발"]),
        ("色\ue000a\u0e34", ["色", "\ue000a\u0e34"]),
    ],
)
def test_scripts_without_blanks_are_taken_apart_into_characters(text: str, expected: list[str]) -> None:
    assert tokens(text) == [unicodedata.normalize("NFKD", token) for token in expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Red shoes", ["red", "shoe"]),
        ("红连衣裙", ["红连", "连衣", "衣裙"]),
        ("iPhone 壳 12", ["iphon", "壳", "12"]),
        ("x红裙y裙", ["x", "红裙", "y", "裙"]),
        ("", []),
    ],
)
def test_terms_of_scripts_without_blanks_are_pairs(text: str, expected: list[str]) -> None:
    assert terms(text) == expected
