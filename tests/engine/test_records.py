"""Metadata as an engine's index has them: filters mean what `Where.matches` says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.catalogue import Where
from lookalike.catalogue.where import AnyOf, Within
from lookalike.engine import records
from lookalike.engine.filters import Clause, leaves
from lookalike.errors import OptionError

NAMES = st.sampled_from(["a", "a.b", "ä", "a=b", "[*"])
NUMBERS = (
    st.integers(-(2**63), 2**63 - 1)
    | st.integers(2**53 - 2, 2**53 + 2)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0, -0.0, 1, 1.0, True, 2.0**53])
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4) | st.sampled_from(
    ["1", "true", "a" * records.LONGEST, "a" * (records.LONGEST + 1), "a" * (records.LONGEST - 1)]
)
SCALARS = NUMBERS | TEXTS | st.booleans()
VALUES = SCALARS | st.none() | st.lists(SCALARS | st.none(), max_size=3) | st.just({"a": 1})


def meets(values: set[str], clause: Clause) -> bool:
    """Whether a document with these values meets a clause, as an engine decides it: texts by their bytes."""
    ((kind, inner),) = clause.items()
    if kind == "bool":
        wanted = all(meets(values, one) for one in inner.get("filter", []))
        return wanted and not any(meets(values, one) for one in inner["must_not"])
    ((_, limits),) = inner.items()
    if kind == "term":
        return limits in values
    if kind == "terms":
        return bool(values.intersection(limits))
    held = [value.encode() for value in values]
    limits = {name: end.encode() for name, end in limits.items()}
    return any(
        value >= limits["gte"] and (value < limits["lt"] if "lt" in limits else value <= limits["lte"])
        for value in held
    )


@st.composite
def ranges(draw: st.DrawFn) -> Within:
    ends = draw(st.sampled_from([NUMBERS.filter(lambda end: not isinstance(end, bool)), TEXTS]))
    low, high = sorted([draw(ends), draw(ends)])
    which = draw(st.sampled_from(["both", "low", "high"]))
    return Within(draw(NAMES), low if which != "high" else None, high if which != "low" else None)


CONDITIONS = ranges() | st.builds(AnyOf, NAMES, st.tuples(SCALARS, SCALARS), st.booleans())


@given(st.dictionaries(NAMES, VALUES, max_size=4), CONDITIONS)
def test_a_filter_means_what_it_means_in_the_catalogue(metadata: dict[str, Any], condition: Any) -> None:
    where = Where((condition,))
    clauses = records.filters(where)
    if clauses is None:
        ends = condition.values if isinstance(condition, AnyOf) else (condition.low, condition.high)
        assert any(isinstance(end, str) and len(end) >= records.LONGEST for end in ends)
    else:
        document = records.record_fields(metadata)
        assert meets(set(document[records.VALUES]), clauses[0]) == where.matches(metadata)


@given(SCALARS)
def test_a_value_is_read_back_as_one_that_equals_it(value: Any) -> None:
    read = records._read(records.written("field", value))
    assert read == (value[: records.LONGEST] if isinstance(value, str) else value)
    assert isinstance(read, bool) == isinstance(value, bool)


def test_a_filter_on_a_long_name_or_of_too_many_parts_is_left_to_the_catalogue() -> None:
    assert records.filters(Where.of({"n" * (records.LONGEST_NAME + 1): 1})) is None
    assert records.filters(Where.parse(["a=1"] * (records.MOST_CLAUSES + 1))) is None
    assert records.word_clauses(" ".join(map(str, range(records.MOST_CLAUSES)))) is None


def test_a_word_is_looked_for_in_each_part() -> None:
    clauses = records.word_clauses("t-shirt red")
    assert clauses is not None
    assert [leaves(clause) for clause in clauses] == [4, 4]
    with pytest.raises(OptionError, match="no word"):
        records.word_clauses("...")
