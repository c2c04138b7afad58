"""What stands for a query, and what is left out of its hits."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_pictures import draw, register_mean_colour  # type: ignore[import-not-found]
from tests.collection.afar import Create

from lookalike import Collection, PictureQuery, RowQuery, SourceQuery, VectorQuery
from lookalike.collection.query import as_query
from lookalike.errors import OptionError, PictureError, UnknownIdError


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    register_mean_colour(monkeypatch)
    paths: list[Path] = draw(tmp_path / "pictures", [f"{number}.png" for number in range(6)])
    return paths


def test_a_stored_file_is_left_out_of_its_own_hits(
    create: Create, tmp_path: Path, pictures: list[Path]
) -> None:
    with create(tmp_path / "c") as collection:
        collection.add(pictures, features=["mean"])
        hits = collection.search(pictures[2])
        assert len(hits) == 5
        assert str(pictures[2]) not in [hit.path for hit in hits]
        assert hits.itself is not None
        assert (hits.itself.path, hits.itself.distance) == (str(pictures[2]), 0.0)
        assert hits.query["path"] == str(pictures[2])


def test_a_copy_elsewhere_finds_the_stored_one(create: Create, tmp_path: Path, pictures: list[Path]) -> None:
    elsewhere = tmp_path / "copy.png"
    elsewhere.write_bytes(pictures[2].read_bytes())
    with create(tmp_path / "c") as collection:
        collection.add(pictures, features=["mean"])
        for query in (elsewhere, elsewhere.read_bytes()):
            hits = collection.search(query, k=1)
            assert (hits[0].path, hits[0].distance, hits.itself) == (str(pictures[2]), 0.0, None)


def test_a_file_that_has_changed_is_read(create: Create, tmp_path: Path, pictures: list[Path]) -> None:
    with create(tmp_path / "c") as collection:
        collection.add(pictures, features=["mean"])
        pictures[2].write_bytes(pictures[4].read_bytes())
        os.utime(pictures[2], (1, 1))
        assert collection.search(pictures[2], k=1)[0].path == str(pictures[4])


def test_text_that_is_typed_is_an_id_first(create: Create, tmp_path: Path, pictures: list[Path]) -> None:
    with create(tmp_path / "c") as collection:
        collection.add(pictures, features=["mean"])
        collection.add_vectors(np.eye(3), ids=[str(pictures[0]), "b", "c"])
        assert collection.parse(str(pictures[0])) == SourceQuery(str(pictures[0]))
        assert collection.parse(str(pictures[1])) == PictureQuery(pictures[1])
        assert collection.parse("rows.npy#4") == RowQuery(Path("rows.npy"), 4)
        assert collection.parse("nothing") == SourceQuery("nothing")


def test_an_id_opens_no_file(create: Create, tmp_path: Path, pictures: list[Path]) -> None:
    with create(tmp_path / "c") as collection:
        collection.add(pictures[:3])
        with pytest.raises(UnknownIdError):
            collection.search(SourceQuery(str(pictures[5])))


@pytest.mark.parametrize("query", ["text", 3, None, 1.5, object(), [1.0, 2.0], {1, 2}])
def test_what_has_no_type_of_a_query_is_refused(query: Any) -> None:
    with pytest.raises(OptionError, match="the query is of type"):
        as_query(query)


def test_queries_are_told_by_their_type(tmp_path: Path) -> None:
    assert as_query(b"x") == PictureQuery(b"x")
    assert as_query(bytearray(b"x")) == PictureQuery(b"x")
    assert as_query(tmp_path / "a.png") == PictureQuery(tmp_path / "a.png")
    assert as_query(Path("a.npy#3")) == RowQuery(Path("a.npy"), 3)
    assert isinstance(as_query(np.zeros(3)), VectorQuery)
    assert isinstance(as_query({"a": [1.0]}), VectorQuery)
    assert as_query(SourceQuery("a")) == SourceQuery("a")


def test_words_alone_are_a_query(create: Create, tmp_path: Path) -> None:
    titles = ["red shoe", "red red shoe with a long text about other things", "blue shoe", "hat"]
    with create(tmp_path / "c") as collection:
        metadata = [{"title": title, "year": number} for number, title in enumerate(titles)]
        collection.add_vectors(np.eye(4), ids=list("abcd"), metadata=metadata)
        hits = collection.search(text="red shoe")
        assert [hit.id for hit in hits] == ["a", "b"]
        assert [hit.to_json()["distance"] for hit in hits] == [None, None]
        assert all(hit.text_score is not None for hit in hits)
        assert [hit.id for hit in collection.search(text="shoe", where={"year": (1, 3)}, k=1)] == ["c"]
        assert "blue shoe" in collection.search(text="blue").to_html()
        assert list(collection.search(text="blue").to_pandas()["id"]) == ["c"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"where": {"year": 1}},
        {"text": "a", "max_distance": 1.0},
        {"text": "a", "features": {"vectors": 1}},
    ],
)
def test_there_must_be_something_to_search_for(
    create: Create, tmp_path: Path, options: dict[str, Any]
) -> None:
    with create(tmp_path / "c") as collection:
        collection.add_vectors(np.eye(2), metadata=[{"year": 1}] * 2)
        with pytest.raises(OptionError, match="query"):
            collection.search(**options)


def test_a_filter_that_nothing_meets_is_told_with_what_there_is(create: Create, tmp_path: Path) -> None:
    with create(tmp_path / "c") as collection:
        metadata = [{"split": split} for split in ("train", "test", "validate")]
        collection.add_vectors(np.eye(3), ids=list("abc"), metadata=metadata)
        hits = collection.search("a", where=["split=tset"])
        assert len(hits) == 0
        assert "did you mean 'test'" in hits.notes[0]
        assert collection.search("a", where=["split=test"]).notes == ()


def test_filters_that_nothing_meets_are_told_without_a_search(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c") as collection:
        collection.add_vectors(np.eye(2), metadata=[{"split": "train"}, {"split": "test"}])
        (told,) = collection.unmet(["split=tset"])
        assert "did you mean 'test'" in told


def test_a_hit_names_a_file_that_is_there(create: Create, tmp_path: Path, pictures: list[Path]) -> None:
    twin = tmp_path / "pictures" / "0 (copy).png"
    twin.write_bytes(pictures[0].read_bytes())
    with create(tmp_path / "c") as collection:
        collection.add([twin, *pictures], features=["mean"])
        twin.unlink()
        pictures[1].unlink()
        hits = collection.search(pictures[5], k=4)
    paths = [hit.path for hit in hits]
    assert str(pictures[0]) in paths
    assert str(pictures[1]) not in paths
    assert len(paths) == 4
    assert all(hit.exists for hit in hits)
    assert any("1 picture was left out, as its file is gone" in note for note in hits.notes)


def test_a_hit_on_a_share_that_is_away_is_marked(
    create: Create, tmp_path: Path, pictures: list[Path]
) -> None:
    with create(tmp_path / "c") as collection:
        collection.add(pictures, features=["mean"])
        query = pictures[2].read_bytes()
        (tmp_path / "pictures").rename(tmp_path / "unmounted")
        hits = collection.search(query)
    assert [hit.exists for hit in hits] == [False] * 6
    assert hits[0].path == str(pictures[2])


@pytest.mark.parametrize("name", ["missing.png", ".", "a\0b.png"])
def test_a_picture_that_cannot_be_read_is_told(
    create: Create, tmp_path: Path, pictures: list[Path], name: str
) -> None:
    with create(tmp_path / "c") as collection:
        collection.add(pictures)
        with pytest.raises(PictureError):
            collection.search(tmp_path / name)
