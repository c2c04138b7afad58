"""`text`: sets of the words of metadata."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lookalike.errors import FeatureError, OptionError
from lookalike.features.base import MetadataExtractor, TextExtractor
from lookalike.features.registry import (
    FeatureSpec,
    create_extractor,
    create_metadata_extractor,
    is_for_metadata,
)
from lookalike.features.text import Text
from lookalike.sets import as_sets

SHOE: dict[str, Any] = {"title": "Red Shoes", "tags": ["summer", 2010], "size": {"eu": 42}}


def sets(*rows: list[str]) -> list[list[int]]:
    return [row.tolist() for row in as_sets(list(rows), width=8)]


def made(extractor: Text, *metadata: dict[str, Any]) -> list[list[int]]:
    return [row.tolist() for row in as_sets(extractor.extract_metadata(metadata), width=8)]


def test_words_of_all_fields_or_of_some() -> None:
    assert made(Text(), SHOE, {}) == sets(["red", "shoe", "summer", "2010", "42"], [])
    assert made(Text(["tags", "title"]), SHOE) == sets(["red", "shoe", "summer", "2010"])
    assert made(Text(["colour"]), SHOE) == sets([])


def test_words_of_scripts_without_blanks_are_pairs() -> None:
    assert made(Text(), {"title": "红连衣裙 red"}) == sets(["红连", "连衣", "衣裙", "red"])


def test_shingles_are_runs_of_words() -> None:
    assert made(Text(shingle=2), {"title": "a red shoe", "tags": "hat"}) == sets(["a red", "red shoe", "hat"])


def test_a_text_is_compared_as_metadata_are() -> None:
    one = Text()
    np.testing.assert_array_equal(
        one.extract_texts(["RED shoe!"]), one.extract_metadata([{"t": "red shoes"}])
    )


def test_it_is_an_extractor_of_metadata_by_the_registry() -> None:
    spec = FeatureSpec.parse("words:text=title, tags")
    assert (spec.name, spec.extractor, spec.options) == ("words", "text", {"fields": ["title", "tags"]})
    extractor = create_metadata_extractor(spec)
    assert isinstance(extractor, MetadataExtractor) and isinstance(extractor, TextExtractor)
    assert extractor.options == {"fields": ["title", "tags"], "shingle": 1}
    again = create_metadata_extractor(FeatureSpec("words", "text", extractor.options))
    assert again.options == extractor.options
    assert is_for_metadata("text") and not is_for_metadata("look") and not is_for_metadata("no such kind")


def test_it_makes_nothing_of_pictures() -> None:
    with pytest.raises(FeatureError, match="made of metadata, not of pictures"):
        create_extractor(FeatureSpec("text", "text"))


@pytest.mark.parametrize(
    "options", [{"fields": "title"}, {"fields": [""]}, {"fields": 5}, {"shingle": 0}, {"shingle": 17}]
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        create_metadata_extractor(FeatureSpec("text", "text", options))


def test_no_field_is_an_error_of_the_command_line() -> None:
    with pytest.raises(OptionError, match="nothing follows the ="):
        FeatureSpec.parse("text=")
