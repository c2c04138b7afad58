"""What is relevant by labels: lists, missing labels, labels with one member."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import MetadataError
from lookalike.evaluation.relevance import Judgements, Labels, graded

labelled = st.dictionaries(
    st.integers(0, 30), st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4), min_size=2, max_size=20
)


@given(labelled)
def test_relevant_are_others_that_share_a_label(labels: dict[int, list[str]]) -> None:
    expected = {
        number: [other for other in sorted(labels) if other != number and {*labels[other]} & {*mine}]
        for number, mine in labels.items()
    }
    try:
        told = Labels("field", labels, missing=1)
    except MetadataError:
        assert not any(expected.values())
        return
    assert told.queries.tolist() == [number for number in sorted(expected) if expected[number]]
    for query in told.queries.tolist():
        numbers, grades = told.grades(query)
        assert numbers.tolist() == expected[query]
        assert (grades == 1).all()


def test_what_is_left_out_is_counted() -> None:
    told = Labels("kind", {1: ["a"], 2: ["a"], 3: ["b"]}, missing=4)
    assert told.queries.tolist() == [1, 2]
    missing, alone = told.notes
    assert missing.startswith("4 sources have no value of kind")
    assert alone.startswith("1 source shares no value of kind with another")


@pytest.mark.parametrize(
    ("labels", "missing", "message"),
    [
        ({}, 3, "no source has a value of kind"),
        ({1: ["a"], 2: ["b"]}, 0, "no two sources share a value of kind"),
        ({1: ["a"], 2: ["a", "b"]}, 0, "all sources share a value of kind"),
    ],
)
def test_labels_that_tell_nothing_are_refused(
    labels: dict[int, list[str]], missing: int, message: str
) -> None:
    with pytest.raises(MetadataError, match=message):
        Labels("kind", labels, missing)


def test_grades_are_looked_up() -> None:
    known = np.array([2, 5, 9]), np.array([1, 0, 3], dtype=np.float32)
    assert graded(known, np.array([9, -1, 5, 10, 2])).tolist() == [3, 0, 0, 0, 1]
    assert graded(known, np.array([9, -1, 5]), unknown=-1).tolist() == [3, -1, 0]
    nothing = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    assert graded(nothing, np.array([1, 2])).tolist() == [0, 0]


def test_queries_without_anything_to_find_are_left_out() -> None:
    told = Judgements("pairs", {1: {2: 0.0}, 3: {4: 1.0, 2: 0.0}})
    assert told.queries.tolist() == [3]
    assert told.notes == ("1 query has no pair with a grade above 0: left out",)
    with pytest.raises(MetadataError, match="no pair has a grade above 0"):
        Judgements("pairs", {1: {2: 0.0}})
