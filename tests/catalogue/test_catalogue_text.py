"""Words: what matches, how it is ranked, and that no operator of the query language gets through."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.records import Metadata, NewSource
from lookalike.catalogue.text import parts, words
from lookalike.errors import OptionError

PLAIN = ["red", "blu", "sho", "jean", "dog", "cat", "42", "near", "and", "or", "not"]  # no stems, no accents


def fill(catalogue: Catalogue, metadata: Sequence[Metadata]) -> list[int]:
    with catalogue.write() as writer:
        writer.remove(catalogue.select())
        new = [
            NewSource(f"{i}", f"{i:064x}", "picture", 1, metadata=fields) for i, fields in enumerate(metadata)
        ]
        return [int(number) for number in writer.add_sources(new)]


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    documents=st.lists(
        st.dictionaries(
            st.sampled_from(["title", "description", "tags", "brand"]),
            st.lists(st.sampled_from(PLAIN), max_size=4).flatmap(lambda w: st.sampled_from([w, " ".join(w)])),
        ),
        min_size=1,
        max_size=6,
    ),
    asked=st.lists(st.lists(st.sampled_from(PLAIN), min_size=1, max_size=3), min_size=1, max_size=4),
)
def test_all_words_must_match(
    catalogue: Catalogue, documents: list[dict[str, str | list[str]]], asked: list[list[str]]
) -> None:
    numbers = fill(catalogue, documents)
    held = [
        {word for value in fields.values() for word in (value.split() if isinstance(value, str) else value)}
        for fields in documents
    ]
    for query in asked:
        expected = [number for number, have in zip(numbers, held, strict=True) if have.issuperset(query)]
        for typed in (" ".join(query), "  ".join(query).upper(), " !! ".join(query)):
            assert catalogue.select(text=typed).tolist() == expected
        ranked, scores = catalogue.text_scores(" ".join(query))
        assert sorted(ranked.tolist()) == expected
        assert (np.diff(scores) <= 0).all()
        some = expected[::2]
        assert sorted(catalogue.text_scores(" ".join(query), some)[0].tolist()) == some


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(st.text(max_size=20), st.text(alphabet="\"*-^():{}+ANDORNTE red\\\0'", max_size=20)))
def test_no_text_is_ever_a_syntax_error(catalogue: Catalogue, text: str) -> None:
    if not catalogue.count():
        fill(catalogue, [{"title": "red"}])
    try:
        found = catalogue.select(text=text)
    except OptionError as error:
        assert "letter or digit" in str(error)
    else:
        assert not found.size or "red" in text.casefold()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("red AND", []),  # the word "and" is not there
        ("red NOT shoe", []),
        ("red OR", []),
        ('"red"', [0, 1]),
        ('re"d', []),  # a phrase of two words
        ("red*", [0, 1]),
        ("re*", []),  # no prefixes
        ("title:red", []),
        ("{title} : red", []),
        ("NEAR(red shoe)", []),
        ("-red", [0, 1]),
        ("^shoe", [0, 2]),
        ("(red)", [0, 1]),
        ("red-shoe", [0]),  # next to one another
        ("Shoes RED", [0]),  # stems, any order
        ("cafe", [2]),
        ("CAFÉ", [2]),
        ("2011", [1]),
    ],
)
def test_operators_are_words(catalogue: Catalogue, text: str, expected: list[int]) -> None:
    numbers = fill(
        catalogue,
        [{"title": "red shoe"}, {"tags": ["red", "hat"], "year": 2011}, {"title": "café", "other": "shoes"}],
    )
    assert catalogue.select(text=text).tolist() == [numbers[i] for i in expected]


@pytest.mark.parametrize("text", ["", "   ", "!!!", '"', "- * ()", "\0", "\ud800"])
def test_a_text_without_words_is_refused(catalogue: Catalogue, text: str) -> None:
    for ask in (lambda: catalogue.select(text=text), lambda: catalogue.text_scores(text)):
        with pytest.raises(OptionError, match="no word to look for"):
            ask()


def test_title_outranks_tags_outrank_description_outrank_other(catalogue: Catalogue) -> None:
    fields = ["brand", "description", "tags", "title"]
    numbers = fill(catalogue, [{field: "nike", "x": "filler"} for field in fields] + [{"title": "dog"}] * 9)
    ranked, scores = catalogue.text_scores("nike")
    assert ranked.tolist() == numbers[3::-1]
    assert (np.diff(scores) < 0).all()
    assert catalogue.text_scores("nike", limit=2)[0].tolist() == ranked[:2].tolist()
    assert scores.dtype == np.float32 and ranked.dtype == np.int64


def test_equal_scores_come_in_order_of_number(catalogue: Catalogue) -> None:
    numbers = fill(catalogue, [{"title": "dog"}] * 5)
    assert catalogue.text_scores("dog")[0].tolist() == numbers


def test_explains_which_words_matched_where(catalogue: Catalogue) -> None:
    first, second = fill(
        catalogue, [{"title": "Red Shoe", "tags": ["red"], "brand": "nike"}, {"title": "hat"}]
    )
    assert catalogue.text_matches("red nike hat", first) == {
        "red": ("title", "tags"),
        "nike": ("other",),
        "hat": (),
    }
    assert catalogue.text_matches("red hat", second) == {"red": (), "hat": ("title",)}


def test_parts_of_a_text() -> None:
    metadata = {"title": "a", "tags": ["b", 3, None, True], "size": {"w": 4, "note": "c"}, "price": 9.5}
    assert parts(metadata) == ("a", "", "b\n3", "4\nc\n9.5")


def test_words_keep_what_the_tokenizer_keeps() -> None:
    assert words(" Red  t-shirt ~ 12 ") == ["Red", "t-shirt", "12"]


@pytest.mark.parametrize("count", [300, 5000])
def test_a_text_has_any_number_of_words(catalogue: Catalogue, count: int) -> None:
    fill(catalogue, [{"title": " ".join(f"w{i}" for i in range(count))}, {"title": "w1"}])
    text = " ".join(f"w{i % count}" for i in range(2 * count))
    assert catalogue.select(text=text).tolist() == [1]
    assert catalogue.text_scores(text)[0].tolist() == [1]


@pytest.mark.parametrize("text", [None, 5, b"red", ["red"]])
def test_a_text_that_is_none_is_refused(catalogue: Catalogue, text: Any) -> None:
    with pytest.raises(OptionError, match="is no text"):
        catalogue.text_scores(text)


UNSPACED = [
    "红色连衣裙夏季新款",
    "赤いスニーカー メンズ",
    "รองเท้าผ้าใบสีแดง",
    "红裙 iPhone手机壳 色",
    "a red dress",
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("连衣裙", [0]),
        ("红色", [0]),
        ("红", [0, 3]),
        ("色", [0, 3]),
        ("裙 红", [0, 3]),
        ("色红", []),  # in that order
        ("スニーカー", [1]),
        ("ｽﾆｰｶｰ", [1]),
        ("赤い", [1]),
        ("メンズ 赤", [1]),
        ("รองเท้า", [2]),
        ("สีแดง", [2]),
        ("IPHONE 手机", [3]),
        ("iphone手机", [3]),
        ("dresses", [4]),
        ("dres", []),  # words with blanks between them are found whole
    ],
)
def test_words_within_scripts_without_blanks_are_found(
    catalogue: Catalogue, text: str, expected: list[int]
) -> None:
    numbers = fill(catalogue, [{"title": title} for title in UNSPACED])
    assert catalogue.select(text=text).tolist() == [numbers[i] for i in expected]
    assert sorted(catalogue.text_scores(text)[0].tolist()) == [numbers[i] for i in expected]
    for i, number in enumerate(numbers):
        matches = catalogue.text_matches(text, number).values()
        assert all(parts == ("title",) for parts in matches) == (i in expected)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    titles=st.lists(st.text("红色裙いス", min_size=1, max_size=6), min_size=1, max_size=6),
    asked=st.text("红色裙いス", min_size=1, max_size=3),
)
def test_a_word_of_characters_is_found_wherever_they_follow_one_another(
    catalogue: Catalogue, titles: list[str], asked: str
) -> None:
    numbers = fill(catalogue, [{"title": title} for title in titles])
    expected = [number for number, title in zip(numbers, titles, strict=True) if asked in title]
    assert catalogue.select(text=asked).tolist() == expected


@pytest.mark.parametrize("text", ["红", "红色", "裙 红", "スニーカー", "dress", "a 红"])
def test_words_of_all_scripts_are_ranked_alike_by_all_databases(
    catalogue: Catalogue, tmp_path: Path, text: str
) -> None:
    more = ["红红红 dress", "红 dress dress", "大红色 红色 赤いスニーカー", "a 红裙", "裙子 红色"]
    metadata: list[Metadata] = [{"title": title, "tags": title[::2]} for title in (*UNSPACED, *more)]
    metadata += [{"description": title} for title in more]
    with Catalogue.create(tmp_path / "reference.sqlite") as reference:
        fill(reference, metadata)
        fill(catalogue, metadata)
        (expected, scores), (found, told) = (each.text_scores(text) for each in (reference, catalogue))
    assert found.tolist() == expected.tolist() and len(found)
    assert told.tobytes() == scores.tobytes()
