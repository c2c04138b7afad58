"""Text that is no valid Unicode: refused in words where it is written or compared, not there where it is looked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filled_catalogue import new  # type: ignore[import-not-found]

from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.records import FeatureRecord, Location
from lookalike.catalogue.where import AnyOf, Where, Within
from lookalike.errors import InputError, LookalikeError, MetadataError, OptionError, UnknownFeatureError

BAD = "\udcff"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Where.of({"title": BAD}),
        lambda: Where.of({"title": ["red", BAD]}),
        lambda: Where.of({"title": (BAD, None)}),
        lambda: Where.of({BAD: 1}),
        lambda: Where.of({"title": "a\0b"}),
        lambda: Where.parse([f"title={BAD}"]),
        lambda: Where.parse([f"title!={BAD}"]),
        lambda: Where.parse([f"title>={BAD}"]),
        lambda: Where.parse([f"{BAD}=1"]),
        lambda: Where((AnyOf("title", (BAD,)),)),
        lambda: Where((Within("title", None, BAD),)),
    ],
)
def test_a_filter_of_it_is_refused(make: Callable[[], Where]) -> None:
    with pytest.raises(MetadataError, match=r"^filter on [^\n]*(not valid Unicode|NUL character)"):
        make()


def test_no_source_is_found_by_it(filled: Catalogue) -> None:
    assert filled.numbers([BAD, "id1"]) == {"id1": 2}
    assert filled.stored_query(BAD, ["look"]) is None
    assert list(filled.places([BAD])) == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda c: c.count(BAD),
        lambda c: c.vectors(BAD, [1]),
        lambda c: list(c.changes(BAD)),
        lambda c: c.lacking(BAD),
        lambda c: c.lacking_counts(["look", BAD]),
    ],
)
def test_a_feature_of_such_a_name_is_unknown(filled: Catalogue, ask: Callable[[Catalogue], object]) -> None:
    with pytest.raises(UnknownFeatureError, match="the collection has: look"):
        ask(filled)


def test_a_text_of_it_has_no_words(filled: Catalogue) -> None:
    for ask in (lambda: filled.select(text=BAD), lambda: filled.text_scores(BAD)):
        with pytest.raises(OptionError, match="no word to look for"):
            ask()


@pytest.mark.parametrize(
    "write",
    [
        lambda w: w.add_sources([new(30, places=(Location(BAD),))]),
        lambda w: w.add_sources([new(30, vectors={BAD: np.ones(4, np.float32)})]),
        lambda w: w.add_sources([new(30, metadata={BAD: 1})]),
        lambda w: w.add_places([(1, Location(BAD))]),
        lambda w: w.update_metadata({1: {"a": BAD}}),
        lambda w: w.add_feature(FeatureRecord(BAD, "look", 4, "cosine")),
        lambda w: w.add_feature(FeatureRecord("x", "look", 4, "cosine", version=BAD)),
        lambda w: w.drop_feature(BAD),
    ],
)
def test_it_is_not_written(filled: Catalogue, write: Callable[[object], None]) -> None:
    with pytest.raises(LookalikeError, match=r"^[^\n]+$"), filled.write() as writer:
        write(writer)
    assert filled.generation() == 1


def test_paths_of_it_are_passed_over_when_they_are_forgotten(filled: Catalogue) -> None:
    with filled.write() as writer:
        writer.forget_places([BAD, "/p/3"])
    assert len(list(filled.places())) == 19


@pytest.mark.parametrize("options", [{"a": BAD}, {"a": float("nan")}, {"a": b"x"}, {1j: 1}])
def test_what_is_no_json_is_not_written_as_the_options_of_a_feature(
    filled: Catalogue, options: dict[str, object]
) -> None:
    with filled.write() as writer:
        for write in (writer.set_feature_options, writer.set_feature_index):
            with pytest.raises(InputError, match="feature 'look'"):
                write("look", options)


@pytest.mark.skipif(os.name != "posix", reason="file names are bytes on POSIX")
def test_a_file_of_such_a_name_is_a_catalogue_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"c\xff%41?#.sqlite")
    try:
        path.touch()
    except OSError:
        pytest.skip("this file system has no such names")
    path.unlink()
    with Catalogue.create(path) as catalogue, catalogue.write() as writer:
        writer.add_feature(FeatureRecord("look", "look", 4, "cosine"))
        writer.add_sources([new(1)])
    with Catalogue.open(path) as catalogue:
        assert catalogue.count() == 1 and list(catalogue.verify()) == []
    assert list(tmp_path.iterdir()) == [path]
