"""Pictures of the web: they lie at their URLs, and no file is looked for there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_pictures import counts, draw, picture, register_mean_colour  # type: ignore[import-not-found]

from lookalike import Collection
from lookalike.collection.remove import MissingReport
from lookalike.errors import OptionError

URLS = [f"https://museum.example/iiif/{number}/full/max/0/default.jpg" for number in range(4)]


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path / "c") as made:
        made.add_fetched(
            {url: picture(number) for number, url in enumerate(URLS)},
            metadata={url: {"title": f"picture {number}"} for number, url in enumerate(URLS)},
            jobs=1,
        )
        yield made


def test_they_lie_at_their_urls(collection: Collection) -> None:
    assert [[tuple(place) for place in source.places] for source in collection.list()] == [
        [(url, None, None)] for url in URLS
    ]
    assert [source.metadata["title"] for source in collection.list()] == [f"picture {n}" for n in range(4)]


def test_they_are_hits_that_are_there(collection: Collection) -> None:
    hits = collection.search(picture(1), k=4)
    assert (hits[0].path, hits[0].distance, hits[0].metadata) == (URLS[1], 0, {"title": "picture 1"})
    assert all(hit.exists for hit in hits)
    assert hits.notes == ()


def test_they_are_not_missing(collection: Collection) -> None:
    assert collection.remove_missing() == MissingReport(0, 0, 0)
    assert list(collection.verify(files=True)) == []


def test_what_was_fetched_again_is_known(collection: Collection) -> None:
    fetched = {URLS[0]: picture(0), URLS[1]: picture(50), URLS[2]: b"none"}
    report = collection.add_fetched(fetched, metadata={URLS[0]: {"title": "other"}}, jobs=1)
    assert counts(report) == {"refreshed": 1, "changed": 1, "skipped": 1}
    assert {source.places[0].path: source.metadata["title"] for source in collection.list()} == {
        URLS[0]: "other",
        URLS[1]: "picture 1",
        URLS[2]: "picture 2",
        URLS[3]: "picture 3",
    }


def test_a_file_of_the_same_content_is_a_further_place(collection: Collection, tmp_path: Path) -> None:
    (path,) = draw(tmp_path / "files", ["a.png"])
    assert counts(collection.add(path, jobs=1)) == {"duplicate": 1}
    assert set(collection.search(picture(0), k=1)[0].places) == {URLS[0], str(path)}
    assert collection.remove(URLS[0]) == 0
    assert collection.search(picture(0), k=1)[0].path == str(path)


def test_a_url_is_removed_as_a_path_is(collection: Collection) -> None:
    assert collection.remove(URLS[:2]) == 2
    assert len(collection) == 2


def test_a_later_feature_is_told_that_it_lacks_them(
    collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_mean_colour(monkeypatch)
    (path,) = draw(tmp_path / "files", ["a.png"], first_seed=70)
    report = collection.add(path, features=["look", "mean"], jobs=1)
    assert report.added == 1
    assert {event.path for event in report.skipped} == set(URLS)
    assert {event.reason for event in report.skipped} == {
        "it is on the web; fetch it again, for the features that it lacks"
    }


@pytest.mark.parametrize("pictures", [{"a.png": b""}, {"ftp://x/a": b""}, {5: b""}, {URLS[0]: "text"}])
def test_what_has_no_url_is_refused(collection: Collection, pictures: Any) -> None:
    with pytest.raises(OptionError, match="pictures has"):
        collection.add_fetched(pictures)
