"""Filters and words of all kinds: engines find what plain Python finds, and nothing that is typed escapes."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from tests.engine.museum import scheme, vectors

from lookalike.catalogue.where import AnyOf, Condition, Where, Within
from lookalike.engine import EngineIndex
from lookalike.engine.client import Engine
from lookalike.engine.dates import instant
from lookalike.engine.filters import filter_clauses
from lookalike.engine.multi_search import send_searches
from lookalike.errors import EngineError, EngineWriteError, InputError

Filled = tuple[EngineIndex, dict[str, dict[str, Any]]]
COUNT = int(os.environ.get("LOOKALIKE_FUZZED", "400"))
"""Filters, and texts, that are tried on each release."""
FIELDS = {
    "text": "keyword",
    "whole": "long",
    "number": "double",
    "truth": "boolean",
    "day": "date",
    "words": "text",
}
TEXTS = [
    "",
    "Blue",
    "blue",
    "2010",
    "true",
    "a b",
    "*",
    "?",
    "é",
    "e\u0301",
    "\U0001f600",
    "\uffff",
    "null",
    "/a.*/",
    "a" * 300,
    "_exists_:x",
]
NUMBERS: list[Any] = [
    -1,
    0,
    1,
    2010,
    2010.5,
    0.1,
    1e-7,
    1e300,
    2**63 - 1,
    -(2**63),
    2**53,
    2**53 + 1,
    0.5,
    -0.5,
]
DAYS = ["1969-12-31", "1970-01-01", "2012-02-29", "2012-03-01", "0001-01-01", "9999-12-31"]
SIGNS = [
    '"',
    "(",
    "+",
    "-",
    "*",
    "~2",
    "AND",
    "OR",
    "NOT",
    "\\",
    "{",
    "}",
    "[1 TO 2]",
    "text:Blue",
    "^9",
    "/x/",
    "\0",
    "\ud800",
    "dog",
    "cat",
    "<script>",
    "&&",
    "||",
    "!",
    ":",
    "lookalike",
    "_id",
    "now-1d",
    "\U0001f600",
    "東京",
    "the",
]


def documents(source: random.Random) -> list[dict[str, Any]]:
    def value(kind: str) -> Any:
        if kind == "text":
            return source.choice(TEXTS)
        if kind == "whole":
            return source.choice(
                [number for number in NUMBERS if number == int(number) and abs(number) < 1e19]
            )
        if kind == "number":
            return source.choice([number for number in NUMBERS if float(number) == number])
        if kind == "truth":
            return source.random() < 0.5
        return (
            source.choice(DAYS)
            if kind == "day"
            else " ".join(source.choices(["dog", "cat", "the house"], k=3))
        )

    def field(kind: str) -> Any:
        chance = source.random()
        if chance < 0.15:
            return None
        return [value(kind) for _ in range(source.randint(1, 3))] if chance < 0.4 else value(kind)

    return [{kind: field(kind) for kind in FIELDS if source.random() < 0.8} for _ in range(150)]


def condition(source: random.Random) -> Condition:
    name = source.choice([kind for kind in FIELDS if kind != "words"])
    if source.random() < 0.5:
        values = source.choices([*TEXTS, *NUMBERS, *DAYS, True, False], k=source.randint(1, 3))
        return AnyOf(name, tuple(values), negated=source.random() < 0.4)
    kinds = [DAYS] if name == "day" else [TEXTS, NUMBERS]
    low, high = sorted(source.choices(source.choice(kinds), k=2))
    ends: list[tuple[Any, Any]] = [(low, high), (None, high), (low, None)]
    return Within(name, *source.choice(ends))


@pytest.fixture(scope="module")
def filled(engine: Engine) -> Iterator[Filled]:
    told = {f"d{i:03}": document for i, document in enumerate(documents(random.Random(5)))}
    index = EngineIndex.create(engine, f"filters-{engine.name}", scheme=scheme(), fields=FIELDS)
    index.add(list(told), vectors()[: len(told)], list(told.values()))
    yield index, told
    index.drop()


def test_filters_leave_what_plain_python_leaves(filled: Filled) -> None:
    index, told = filled
    source = random.Random(6)
    target = index._target
    wheres = [Where(tuple(condition(source) for _ in range(source.randint(1, 2)))) for _ in range(COUNT)]
    bodies = [
        {
            "size": len(told),
            "_source": False,
            "query": {"bool": {"filter": filter_clauses(where, target.fields)}},
        }
        for where in wheres
    ]
    found = 0
    for where, answer in zip(wheres, send_searches(target.engine, target.index, bodies), strict=True):
        hits = {hit["_id"] for hit in answer["hits"]["hits"]}
        assert hits == {one for one, document in told.items() if where.matches(document)}, where
        found += len(hits)
    assert found > COUNT


def test_words_of_any_signs_make_no_error_and_escape_no_filter(filled: Filled) -> None:
    index, told = filled
    source = random.Random(7)
    where = Where.of({"truth": True})
    allowed = {one for one, document in told.items() if where.matches(document)}
    refused = 0
    for _ in range(COUNT // 4):
        text = source.choice(["", " "]).join(source.choices(SIGNS, k=source.randint(1, 5)))
        try:
            hits = index.search(vectors()[0], len(told), text=text, where=where, documents=False)
        except InputError:
            assert not any(sign.isalnum() for sign in text)
            refused += 1
        else:
            assert set(hits.ids) <= allowed
    assert refused < COUNT // 8


@pytest.mark.parametrize("count", [3, 3000, 70_000])
def test_a_filter_has_any_number_of_values(filled: Filled, count: int) -> None:
    index, told = filled
    where = Where((AnyOf("whole", tuple(range(count))),))
    expected = {one for one, document in told.items() if where.matches(document)}
    assert set(index.search(vectors()[0], len(told), where=where).ids) == expected != set()


def test_a_filter_of_many_conditions_is_answered_or_refused_in_words(filled: Filled) -> None:
    index, told = filled
    where = Where(tuple(AnyOf("whole", (0, 1, 2010, i + 5000)) for i in range(300)))
    expected = {one for one, document in told.items() if where.matches(document)}
    assert set(index.search(vectors()[0], len(told), where=where).ids) == expected != set()


def instants(count: int) -> list[str]:
    return [
        f"{1970 + i // 336}-{1 + i // 28 % 12:02}-{1 + i % 28:02}T12:00:00.{i % 1000:03}Z"
        for i in range(count)
    ]


@pytest.mark.parametrize("count", [3, 300, 430])
def test_a_filter_has_hundreds_of_dates(filled: Filled, count: int) -> None:
    index, told = filled
    for negated in (False, True):
        where = Where(
            (AnyOf("day", (*instants(count), *DAYS[:3]), negated=negated), AnyOf("whole", (0, 1, 2010)))
        )
        expected = {one for one, document in told.items() if where.matches(document)}
        assert set(index.search(vectors()[0], len(told), where=where).ids) == expected != set()


@pytest.mark.parametrize("count", [480, 600, 1_100, 3_000])
def test_a_filter_of_more_dates_than_an_engine_takes_is_not_sent_to_it(
    filled: Filled, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, told = filled
    where = Where((AnyOf("day", (*instants(count), *DAYS[:3])),))
    if index._engine.name == "elasticsearch":  # which takes more
        expected = {one for one, document in told.items() if where.matches(document)}
        assert set(index.search(vectors()[0], len(told), where=where).ids) == expected != set()
        return
    monkeypatch.setattr(Engine, "call", None)
    for weight in (None, 0.5):
        with pytest.raises(
            EngineError, match=r"clauses \(a date is two\), and OpenSearch takes no more than 936; ask with"
        ):
            index.search(vectors()[0], where=where, text="dog", text_weight=weight)
    with pytest.raises(EngineError, match="ask with fewer words, conditions or dates"):
        index.more_like_this(vectors()[0], where=where)


@pytest.mark.parametrize("weight", [None, 0.5])
def test_words_and_conditions_together_are_no_more_than_an_engine_takes(
    filled: Filled, weight: float | None
) -> None:
    """There are documents within each range, so that no engine leaves it out."""
    index, told = filled
    where = Where(tuple(Within("number", -1 - i, 3000.0 + i) for i in range(200)))
    expected = {one for one, document in told.items() if where.matches(document)}
    hits = index.search(
        vectors()[0], len(told), where=where, text="dog cat" if weight else None, text_weight=weight
    )
    assert set(hits.ids) == expected != set()


@pytest.mark.parametrize(
    "name", ["*", "te*", "lookalike.vector.tokens", "_id", "_source", "", "text,whole", "Text"]
)
def test_a_name_that_is_no_field_is_refused(filled: Filled, name: str) -> None:
    with pytest.raises(InputError, match="no metadata field"):
        filled[0].search(vectors()[0], where=Where((AnyOf(name, ("Blue",), negated=True),)))


def test_an_empty_list_counts_as_missing(engine: Engine, index_name: str) -> None:
    index = EngineIndex.create(engine, index_name, scheme=scheme(), fields={"text": "keyword"})
    index.add(["a", "b"], vectors()[:2], [{"text": []}, {"text": ["x"]}])
    assert index.search(vectors()[0], where=Where((AnyOf("text", ("y",), negated=True),))).ids == ("b",)


def test_texts_that_the_user_s_mapping_cut_are_told(engine: Engine, index_name: str) -> None:
    cut = {"name": {"type": "keyword", "ignore_above": 5}}
    index = EngineIndex.create(engine, index_name, scheme=scheme(), fields=cut)
    index.add(["a"], vectors()[:1], [{"name": "longer than five"}])
    with pytest.raises(InputError, match="more than 5 characters are not indexed"):
        index.search(vectors()[0], where={"name": "longer than five"})


def test_a_text_that_is_longer_than_engines_index_is_an_error_and_not_lost(
    engine: Engine, index_name: str
) -> None:
    index = EngineIndex.create(engine, index_name, scheme=scheme(), fields={"text": "keyword"})
    with pytest.raises(EngineWriteError, match=r"1 documents \('b'\) were not written, 1 were: "):
        index.add(["a", "b"], vectors()[:2], [{"text": "x"}, {"text": "y" * 40_000}])


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("2012", "2012-01-01T00:00:00.000Z"),
        ("2012-06", "2012-06-01T00:00:00.000Z"),
        ("2012-06-30T12:00", "2012-06-30T12:00:00.000Z"),
        ("1950-03-23T12:30:15.12-05:30", "1950-03-23T18:00:15.120Z"),
        ("2012-13", None),
        ("2012-02-30", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("now", None),
        ("2012-06-30||/d", None),
        ("٢٠١٢", None),
    ],
)
def test_dates_are_instants(text: str, first: str | None) -> None:
    assert instant(text) == first
