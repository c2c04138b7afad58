"""Words of metadata as a feature: made, kept up, found by id and by words, weighed with others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike import Collection
from lookalike.collection.query import SourceQuery, TextQuery
from lookalike.errors import FeatureMismatchError, LookalikeError, OptionError, UnknownFeatureError

METADATA: list[dict[str, Any]] = [
    {"title": "Red Running Shoe", "tags": ["sport", "Summer"], "year": 2010},
    {"title": "Blue running shoes", "tags": ["sport"], "year": 2011},
    {"title": "Red hat", "tags": ["summer"]},
    {"year": 2010},
]
IDS = ["a", "b", "c", "d"]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path / "shop") as made:
        made.add_vectors(np.eye(4), ids=IDS, feature="look", metadata=METADATA)
        yield made


def found(
    collection: Collection, query: SourceQuery | TextQuery, **weights: float
) -> list[tuple[str, float]]:
    hits = collection.search(query, features=weights or None)
    return [(hit.id, round(hit.distance, 6)) for hit in hits]


def test_words_of_a_field_are_compared_as_sets(shop: Collection) -> None:
    assert shop.add_words(["title"], feature="title") == 4
    assert found(shop, SourceQuery("a"), title=1) == [
        ("b", round(1 - 2 / 4, 6)),
        ("c", round(1 - 1 / 4, 6)),
        ("d", 1),
    ]


def test_words_are_asked_for_whatever_their_case_or_ending(shop: Collection) -> None:
    shop.add_words(["title"])
    assert found(shop, TextQuery("SHOES, blue: runs!"))[:2] == [("b", 0), ("a", 0.5)]


def test_all_fields_are_taken_unless_some_are_named(shop: Collection) -> None:
    shop.add_words()
    assert found(shop, TextQuery("2010"))[0] == ("d", 0)


def test_shingles_tell_the_order_of_words(shop: Collection) -> None:
    shop.add_words(["title"], feature="pairs", shingle=2)
    assert found(shop, TextQuery("running shoe"))[:2] == [("a", 0.5), ("b", 0.5)]
    assert found(shop, TextQuery("shoe running"))[0][1] == 1


def test_words_follow_the_metadata(shop: Collection) -> None:
    shop.add_words(["tags"], feature="tags")
    shop.add_vectors(
        np.eye(4)[3:], ids=["d"], feature="look", metadata=[{"tags": ["winter"]}], on_duplicate="replace"
    )
    assert found(shop, TextQuery("winter"), tags=1)[0] == ("d", 0)


def test_sources_that_come_later_are_given_words(shop: Collection) -> None:
    shop.add_words(["tags"], feature="tags")
    shop.add_vectors(np.ones((1, 4)), ids=["e"], feature="look", metadata=[{"tags": "winter coat"}])
    assert found(shop, TextQuery("winter coats"))[0] == ("e", 0)


def test_words_are_weighed_with_other_features(shop: Collection) -> None:
    shop.add_words(["title"])
    distances = dict(found(shop, SourceQuery("a"), look=1, words=3))
    parts = shop.explain(SourceQuery("a"), "b", features={"look": 1, "words": 3}).parts
    assert {name: (part.distance, part.weight) for name, part in parts.items()} == {
        "look": (pytest.approx(2**0.5), 0.25),
        "words": (0.5, 0.75),
    }
    shares = {name: part.weight * part.comparable / part.distance for name, part in parts.items()}
    mean = (shares["look"] * 2**0.5 + shares["words"] * 0.5) / sum(shares.values())
    assert distances["b"] == pytest.approx(mean, abs=1e-5)


def test_words_are_verified_rebuilt_and_told_of(shop: Collection) -> None:
    shop.add_words(["title"])
    before = found(shop, TextQuery("hat"))
    assert shop.rebuild() == {"look": 4, "words": 4}
    assert found(shop, TextQuery("hat")) == before
    assert list(shop.verify()) == []
    told = shop.info()["features"]["words"]
    assert (told["extractor"], told["metric"], told["vectors"]) == ("words", "jaccard", 4)


def test_asking_again_makes_nothing_anew(shop: Collection) -> None:
    shop.add_words(["title"])
    assert shop.add_words(["title"]) == 0


def test_a_feature_of_words_goes_as_others_do(shop: Collection) -> None:
    shop.add_words(["title"])
    shop.remove_feature("words")
    shop.add_vectors(np.ones((1, 4)), ids=["e"], feature="look")
    assert list(shop.info()["features"]) == ["look"]


@pytest.mark.parametrize(
    ("refused", "error", "message"),
    [
        (
            lambda c: c.add_words(["tags"], feature="look"),
            FeatureMismatchError,
            "'look' is there, and is made by import",
        ),
        (lambda c: c.add_words("tags"), OptionError, "fields is 'tags'; give names"),
        (lambda c: c.add_words([""]), OptionError, "give names of metadata fields"),
        (lambda c: c.add_words(shingle=0), OptionError, "shingle is 0; give a whole number from 1 to 16"),
        (lambda c: c.add_words(feature="no name"), OptionError, "is not a simple word"),
        (
            lambda c: c.search(TextQuery("hat")),
            UnknownFeatureError,
            "look is made of words, or by a network that has a text tower; lookalike words makes the one",
        ),
        (lambda c: (c.add_words(), c.search(TextQuery("!?"))), OptionError, "has no word to compare"),
        (
            lambda c: (c.add_words(), c.add_vectors([["x"]], feature="words", metric="jaccard")),
            FeatureMismatchError,
            "is made from metadata",
        ),
        (
            lambda c: (c.add_words(), c.add_words(["tags"])),
            FeatureMismatchError,
            "'words' is there, and is made by",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    shop: Collection, refused: Callable[[Collection], object], error: type[LookalikeError], message: str
) -> None:
    with pytest.raises(error, match=message):
        refused(shop)


def test_a_rebuild_makes_up_for_a_write_that_was_cut_short(shop: Collection) -> None:
    shop.add_words(["title"])
    with shop._catalogue.write() as writer:  # and no more, as when the process ends here
        writer.update_metadata({4: {"title": "Winter coat"}})
    shop.rebuild()
    assert found(shop, TextQuery("winter coats"))[0] == ("d", 0)


def test_of_a_very_long_text_the_first_words_are_taken(
    shop: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.features.text.MOST_ELEMENTS", 3)
    shop.add_words(["text"])
    text = {"text": "one two two three four five"}
    shop.add_vectors(np.ones((1, 4)), ids=["e"], feature="look", metadata=[text])
    assert found(shop, TextQuery("one two three"))[0] == ("e", 0)
