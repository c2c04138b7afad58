"""Filters: what is typed, what it means, and that SQL means the same as plain Python."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.records import NewSource
from lookalike.catalogue.where import AnyOf, Where, Within
from lookalike.errors import MetadataError

FIELDS = [
    "colour",
    "a.b",
    'quo"te',
    "back\\slash",
    "sp ace",
    "größe",
    "$",
    "$[0]",
    "'; DROP TABLE sources; --",
    "tab\t",
]
TEXTS = [
    "",
    "Blue",
    "blue",
    "2010",
    "2010.0",
    'a"b',
    "a\\b",
    "'",
    "%",
    "true",
    "é",
    "e\u0301",
    "\U0001f600",
    "null",
    "[1]",
]
NUMBERS: list[int | float] = [
    -1,
    0,
    1,
    2010,
    2010.0,
    2010.5,
    0.1,
    1e-7,
    1e300,
    2**63 - 1,
    -(2**63),
    2**53,
    2**53 + 1,
]
SCALARS = st.sampled_from([*TEXTS, *NUMBERS, True, False])
VALUES = st.one_of(
    SCALARS,
    st.none(),
    st.lists(st.one_of(SCALARS, st.none()), max_size=3),
    st.dictionaries(st.sampled_from(FIELDS), SCALARS, max_size=2),
    st.lists(st.lists(SCALARS, max_size=2), max_size=2),
)
METADATA = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=4)
RANGES = st.one_of(*(st.tuples(st.sampled_from(kind), st.sampled_from(kind)) for kind in (TEXTS, NUMBERS)))


@st.composite
def conditions(draw: st.DrawFn) -> AnyOf | Within:
    field = draw(st.sampled_from(FIELDS))
    if draw(st.booleans()):
        values = draw(st.lists(SCALARS, min_size=1, max_size=3))
        return AnyOf(field, tuple(values), negated=draw(st.booleans()))
    low, high = sorted(draw(RANGES))
    open_end = draw(st.sampled_from(["none", "low", "high"]))
    return Within(field, None if open_end == "low" else low, None if open_end == "high" else high)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    metadata=st.lists(METADATA, min_size=1, max_size=8),
    wheres=st.lists(st.lists(conditions(), min_size=1, max_size=2), min_size=1, max_size=6),
)
def test_sql_selects_what_plain_python_does(
    catalogue: Catalogue, metadata: list[dict[str, Any]], wheres: list[list[AnyOf | Within]]
) -> None:
    with catalogue.write() as writer:
        writer.remove(catalogue.select())
        numbers = writer.add_sources(
            [
                NewSource(f"id{i}", f"{i:064x}", "picture", 1, metadata=fields)
                for i, fields in enumerate(metadata)
            ]
        ).tolist()
    for chosen in wheres:
        where = Where(tuple(chosen))
        expected = [number for number, fields in zip(numbers, metadata, strict=True) if where.matches(fields)]
        try:
            assert catalogue.select(where).tolist() == expected, where
        except MetadataError as error:
            assert "no metadata field" in str(error)
            lost = {condition.field for condition in chosen}
            assert any(all(fields.get(field) is None for fields in metadata) for field in lost)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.floats(allow_nan=False, allow_infinity=False))
@example(value=6.793495732411005e-308)
def test_every_float_is_found_by_its_own_value(catalogue: Catalogue, value: float) -> None:
    with catalogue.write() as writer:
        writer.remove(catalogue.select())
        number = writer.add_sources([NewSource(f"{value!r}", "0" * 64, "row", 1, metadata={"v": value})])
    assert catalogue.select(Where.of({"v": value})).tolist() == number.tolist()
    assert catalogue.select(Where.parse([f"v={value!r}"])).tolist() == number.tolist()
    assert catalogue.select(Where.of({"v": (value, value)})).tolist() == number.tolist()


@pytest.mark.parametrize(
    ("typed", "condition"),
    [
        ("articleType=Jeans", AnyOf("articleType", ("Jeans",))),
        ("articleType!=Jeans", AnyOf("articleType", ("Jeans",), negated=True)),
        ("year=2010", AnyOf("year", ("2010", 2010))),
        ("baseColour=Blue|Navy Blue", AnyOf("baseColour", ("Blue", "Navy Blue"))),
        ("year=2010..2012", Within("year", 2010, 2012)),
        ("year=2010..", Within("year", 2010, None)),
        ("year=..2012.5", Within("year", None, 2012.5)),
        ("year>=2010", Within("year", 2010, None)),
        ("day<=2012-01-31", Within("day", None, "2012-01-31")),
        ("day=2012-01-01..2012-01-31", Within("day", "2012-01-01", "2012-01-31")),
        ("day=2012..2012-06", Within("day", "2012", "2012-06")),
        (" year = 2010 | 1e3 ", AnyOf("year", ("2010", 2010, "1e3", 1000.0))),
        ("ok=true", AnyOf("ok", ("true", True))),
        ("a.b=x=y", AnyOf("a.b", ("x=y",))),
        ("n=nan", AnyOf("n", ("nan",))),
        ("n=1_000", AnyOf("n", ("1_000",))),
        ("n=99999999999999999999", AnyOf("n", ("99999999999999999999", 1e20))),
        ("n=1e999", AnyOf("n", ("1e999",))),
    ],
)
def test_typed_filters(typed: str, condition: AnyOf | Within) -> None:
    parsed = Where.parse([typed]).conditions
    assert parsed == (condition,)
    assert repr(parsed) == repr((condition,))  # 2010 and 2010.0 and True differ


@pytest.mark.parametrize(
    "typed",
    ["", "year", "=2010", "year=", "year=..", "year=2012..2010", "a=x||y", "year>2010", "a=|", "a!=", "a>="],
)
def test_typed_filters_that_make_no_sense(typed: str) -> None:
    with pytest.raises(MetadataError, match=r"^[^\n]+$"):
        Where.parse([typed])


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        (1, 2, 3),
        (None, None),
        (1, "a"),
        (3, 1),
        float("nan"),
        2**63,
        {"a": 1},
        [[1]],
        (True, False),
        b"x",
        {1, 2},
        frozenset("a"),
        range(3),
        iter([1]),
        np.array([1, 2]),
        np.array(1),
        np.ma.masked,
        np.ma.array([1], mask=[True]),
        np.float32("nan"),
        np.complex64(1),
        np.datetime64("2012-01-01"),
        np.uint64(2**63),
        10**400,
    ],
)
def test_python_filters_that_make_no_sense(value: object) -> None:
    with pytest.raises(MetadataError, match=r"^filter on 'year'"):
        Where.of({"year": value})


def test_python_filters() -> None:
    where = Where.of({"articleType": "Jeans", "year": (2010, None), "baseColour": ["Blue", "Black"]})
    jeans = {"articleType": "Jeans", "year": 2011, "baseColour": "Black"}
    assert where.matches(jeans)
    for field, value in [("articleType", "jeans"), ("year", 2009), ("year", "2011"), ("baseColour", None)]:
        assert not where.matches({**jeans, field: value})


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        (np.int64(2010), 2010),
        (np.uint8(7), 7),
        (np.float32(0.5), 0.5),
        (np.float64(0.1), 0.1),
        (np.bool_(True), True),
        (np.str_("Jeans"), "Jeans"),
    ],
)
def test_numpy_values_are_taken_as_those_of_python(given: object, plain: object) -> None:
    for value, expected in ((given, plain), ([given], [plain])):
        assert repr(Where.of({"a": value})) == repr(Where.of({"a": expected}))
    if not isinstance(plain, bool):
        assert repr(Where.of({"a": (given, None)})) == repr(Where.of({"a": (plain, None)}))


@pytest.mark.parametrize("fields", [[("a", 1)], "a=1", None, {1: 2}])
def test_filters_that_are_no_dictionary_of_fields(fields: Any) -> None:
    with pytest.raises(MetadataError, match=r"^[^\n]+$"):
        Where.of(fields)


@pytest.fixture
def numbered(catalogue: Catalogue) -> Catalogue:
    with catalogue.write() as writer:
        writer.add_sources(
            [
                NewSource(
                    f"id{i}",
                    "0" * 64,
                    "row",
                    1,
                    metadata={"n": i, "t": f"w{i}", "x": i / 3, "l": [i, f"w{i}"]},
                )
                for i in range(8)
            ]
        )
    return catalogue


@pytest.mark.parametrize("count", [100, 1000, 20_000])
@pytest.mark.parametrize(
    "filters",
    [
        lambda count: Where.of({"n": list(range(2, count))}),
        lambda count: Where.of({"t": [f"w{i}" for i in range(2, count)]}),
        lambda count: Where.of({"l": [*range(2, count), *(f"w{i}" for i in range(2, count))]}),
        lambda count: Where.of({"x": [i / 3 for i in range(2, count)]}),
        lambda count: Where.parse([f"n={'|'.join(map(str, range(2, count)))}"]),
    ],
)
def test_a_filter_has_any_number_of_values(
    numbered: Catalogue, filters: Callable[[int], Where], count: int
) -> None:
    assert numbered.select(filters(count)).tolist() == [3, 4, 5, 6, 7, 8]


def test_a_filter_of_many_values_is_negated(numbered: Catalogue) -> None:
    assert numbered.select(Where((AnyOf("n", tuple(range(2, 5000)), negated=True),))).tolist() == [1, 2]


@pytest.mark.parametrize("count", [51, 1000, 3000])
def test_a_filter_has_any_number_of_conditions(numbered: Catalogue, count: int) -> None:
    where = Where((*(AnyOf("n", (i + 100, 3, 4)) for i in range(count)), Within("t", "w4", None)))
    assert numbered.select(where).tolist() == [5]
    assert numbered.select(where, "w4").tolist() == [5]


def test_an_unknown_field_is_named_among_many_conditions(numbered: Catalogue) -> None:
    with pytest.raises(MetadataError, match="no metadata field 'm'"):
        numbered.select(Where((*(AnyOf("n", (3,)) for _ in range(99)), AnyOf("m", (1,)))))


def test_typed_numbers_equal_text_and_number() -> None:
    where = Where.parse(["year=2010"])
    assert [where.matches({"year": value}) for value in (2010, 2010.0, "2010", "2010.0", True, [1, 2010])] == [
        True, True, True, False, False, True,
    ]  # fmt: skip


def test_a_missing_field_meets_no_condition() -> None:
    for fields in ({}, {"year": None}):
        assert not Where.parse(["year!=2010"]).matches(fields)
        assert not Where.parse(["year=2010"]).matches(fields)


def test_an_unknown_field_is_named_with_those_like_it(catalogue: Catalogue) -> None:
    with catalogue.write() as writer:
        writer.add_sources(
            [NewSource("a", "0" * 64, "picture", 1, metadata={"articleType": "Jeans", "year": 1})]
        )
    message = re.escape("no metadata field 'articletype'; did you mean 'articleType'?")
    with pytest.raises(MetadataError, match=message):
        catalogue.select(Where.parse(["articletype=Jeans"]))
    with pytest.raises(MetadataError, match="the fields are 'articleType', 'year'"):
        catalogue.select(Where.parse(["qqqq!=1", "year=1"]), text="nothing")
    assert catalogue.select(Where.parse(["year=2"])).tolist() == []


def test_a_filter_on_nothing_at_all_selects_nothing(tmp_path: Path) -> None:
    with Catalogue.create(tmp_path / "empty.sqlite") as empty:
        assert empty.select(Where.parse(["year=2"])).tolist() == []
