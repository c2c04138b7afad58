"""Metadata tables: which row belongs to which picture, and what becomes of it when either changes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_pictures import counts, draw, picture  # type: ignore[import-not-found]

from lookalike import Collection
from lookalike.collection.report import Event, Listener
from lookalike.errors import MetadataError, OptionError


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path / "c") as made:
        yield made


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "shop" / "pictures"
    draw(folder, ["a.png", "b.png", "sub/c.png"])
    return folder


def table(folder: Path, *lines: str) -> Path:
    file = folder / "table.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def metadata(collection: Collection) -> dict[str, dict[str, Any]]:
    return {Path(source.places[0].path).name: source.metadata for source in collection.list()}


def test_rows_name_pictures_by_path_or_by_name(collection: Collection, pictures: Path) -> None:
    file = table(
        pictures.parent,  # the paths are relative to here, to the added folder, absolute, or a name alone
        "image,title,year,size",
        "pictures/a.png,Apple,2010,",
        f"{pictures / 'b.png'},Bread,2011,3.5",
        "c.png,Cup,00123,x",
        "nowhere.png,Nothing,1,1",
    )
    report = collection.add(pictures, metadata=file, jobs=1)
    assert counts(report) == {"added": 3, "unmatched_metadata": 1}
    assert metadata(collection) == {
        "a.png": {"title": "Apple", "year": 2010},
        "b.png": {"title": "Bread", "year": 2011, "size": 3.5},
        "c.png": {"title": "Cup", "year": "00123", "size": "x"},
    }
    assert [hit.metadata["title"] for hit in collection.search(pictures / "a.png", text="bread")] == ["Bread"]
    years = collection.search(pictures / "b.png", where={"year": (2010, 2010)})
    assert [hit.metadata["title"] for hit in years] == ["Apple"]


def test_the_longest_match_wins(collection: Collection, pictures: Path) -> None:
    shutil.copy(pictures / "b.png", pictures / "sub" / "a.png")
    file = table(pictures, "path,title", "a.png,top", "sub/a.png,below")
    collection.add(pictures, metadata=file, jobs=1)
    titles = {source.places[0].path: source.metadata.get("title") for source in collection.list()}
    assert titles[str(pictures / "a.png")] == "top"
    assert titles[str(pictures / "b.png")] == "below"  # it lies at sub/a.png as well


def test_copies_of_different_rows_have_the_values_of_both(collection: Collection, pictures: Path) -> None:
    shutil.copy(pictures / "a.png", pictures / "sub" / "a2.png")
    file = table(pictures, "image,title,colour", "a.png,first,Red", "a2.png,second,Red")
    # Given so, the copy is met first; the order of the values must not depend on that.
    collection.add([pictures / "sub", pictures], metadata=file, jobs=1)
    assert metadata(collection)["a.png"] == {"title": ["first", "second"], "colour": "Red"}
    for title in ("first", "second"):
        assert len(collection.search(pictures / "b.png", where={"title": title})) == 1
    again = collection.add([pictures / "sub", pictures], metadata=file, jobs=1)
    assert counts(again) == {"unchanged": 4}


def test_a_copy_that_comes_later_brings_its_row(collection: Collection, pictures: Path) -> None:
    file = table(pictures, "image,title", "a.png,first", "a2.png,second")
    collection.add(pictures, metadata=file, jobs=1)
    shutil.copy(pictures / "a.png", pictures / "a2.png")
    assert counts(collection.add(pictures, metadata=file, jobs=1)) == {
        "unchanged": 2,
        "refreshed": 1,  # the copy that was there
        "duplicate": 1,
    }
    assert metadata(collection)["a.png"] == {"title": ["first", "second"]}
    assert counts(collection.add(pictures, metadata=file, jobs=1)) == {"unchanged": 4}


def test_an_edited_table_refreshes_what_it_says_anew(collection: Collection, pictures: Path) -> None:
    collection.add(pictures, jobs=1)
    report = collection.add(
        pictures, metadata=table(pictures, "image,title", "a.png,old", "b.png,same"), jobs=1
    )
    assert counts(report) == {"unchanged": 1, "refreshed": 2}
    edited = table(pictures, "image,title,colour", "a.png,new,Red", "b.png,same,")
    assert counts(collection.add(pictures, metadata=edited, jobs=1)) == {"unchanged": 2, "refreshed": 1}
    assert metadata(collection)["a.png"] == {"title": "new", "colour": "Red"}
    assert counts(collection.add(pictures, metadata=edited, jobs=1)) == {"unchanged": 3}
    assert len(collection.search(pictures / "b.png", text="old", k=5)) == 0
    assert len(collection.search(pictures / "b.png", text="new", k=5)) == 1
    # Without a table, what is known stays.
    assert counts(collection.add(pictures, jobs=1)) == {"unchanged": 3}
    assert metadata(collection)["a.png"] == {"title": "new", "colour": "Red"}


def test_an_emptied_cell_clears_the_field(collection: Collection, pictures: Path) -> None:
    collection.add(pictures, metadata=table(pictures, "image,title,sale", "a.png,cup,yes", "b.png,bread,yes"))
    emptied = table(pictures, "image,title,sale", "a.png,cup, ", "b.png,bread,yes")
    assert counts(collection.add(pictures, metadata=emptied)) == {"unchanged": 2, "refreshed": 1}
    assert metadata(collection)["a.png"] == {"title": "cup"}
    assert [source.metadata["title"] for source in collection.list(where={"sale": "yes"})] == ["bread"]
    assert counts(collection.add(pictures, metadata=emptied)) == {"unchanged": 3}


def test_a_column_that_is_gone_keeps_its_values(collection: Collection, pictures: Path) -> None:
    collection.add(pictures, metadata=table(pictures, "image,title,sale", "a.png,cup,yes"))
    assert counts(collection.add(pictures, metadata=table(pictures, "image,title", "a.png,cup"))) == {
        "unchanged": 3
    }
    assert metadata(collection)["a.png"] == {"title": "cup", "sale": "yes"}


def test_a_cell_is_cleared_only_if_no_copy_has_a_value(collection: Collection, pictures: Path) -> None:
    shutil.copy(pictures / "a.png", pictures / "sub" / "a2.png")
    collection.add(pictures, metadata=table(pictures, "image,sale", "a.png,no", "a2.png,yes"))
    collection.add(pictures, metadata=table(pictures, "image,sale", "a.png,", "a2.png,yes"))
    assert metadata(collection)["a.png"] == {"sale": "yes"}


def test_new_content_has_no_value_that_is_cleared_at_once(collection: Collection, pictures: Path) -> None:
    collection.add(pictures, metadata=table(pictures, "image,title,sale", "a.png,cup,yes"))
    (pictures / "a.png").write_bytes(picture(99))
    collection.add(pictures, metadata=table(pictures, "image,title,sale", "a.png,cup,"))
    assert metadata(collection)["a.png"] == {"title": "cup"}


def test_several_rows_of_a_picture_become_lists(collection: Collection, pictures: Path) -> None:
    file = table(
        pictures,
        "image,caption,split,note",
        "a.png,a dog runs,train,",
        "./a.png,a brown dog,train,blurred",
        "a.png,a dog runs,train,",
        "b.png,bread,test,",
        "nowhere.png,x,y,",
        "nowhere.png,z,y,",
    )
    assert counts(collection.add(pictures, metadata=file)) == {"added": 3, "unmatched_metadata": 2}
    assert metadata(collection)["a.png"] == {
        "caption": ["a dog runs", "a brown dog"],
        "split": "train",
        "note": "blurred",
    }
    assert [len(list(collection.list(where={"caption": one}))) for one in ("a dog runs", "a brown dog")] == [
        1,
        1,
    ]
    assert counts(collection.add(pictures, metadata=file)) == {"unchanged": 3, "unmatched_metadata": 2}


def test_lists_of_copies_are_joined_in_order(collection: Collection, pictures: Path) -> None:
    shutil.copy(pictures / "a.png", pictures / "sub" / "a2.png")
    file = table(pictures, "image,tag", "a2.png,two", "a2.png,three", "a.png,one", "a.png,two")
    collection.add(pictures, metadata=file)
    assert metadata(collection)["a.png"] == {"tag": ["one", "two", "three"]}


def test_a_moved_picture_takes_its_new_row(collection: Collection, pictures: Path) -> None:
    file = table(pictures, "image,title", "a.png,before", "z.png,after")
    collection.add(pictures, metadata=file, jobs=1)
    (pictures / "a.png").rename(pictures / "z.png")
    assert counts(collection.add(pictures, metadata=file, jobs=1)) == {
        "moved": 1,
        "unchanged": 2,
        "unmatched_metadata": 1,
    }
    assert metadata(collection)["z.png"] == {"title": "after"}


def test_new_content_takes_over_the_row_of_its_file(collection: Collection, pictures: Path) -> None:
    file = table(pictures, "image,title", "a.png,mine")
    collection.add(pictures, metadata=file, jobs=1)
    (pictures / "a.png").write_bytes(picture(99))
    collection.add(pictures, metadata=file, jobs=1)
    assert metadata(collection)["a.png"] == {"title": "mine"}


@pytest.mark.parametrize(
    ("lines", "error", "named"),
    [
        (["title", "x"], MetadataError, "no column 'image', 'path'"),
        (["image,title", "a.png"], MetadataError, "line 2"),
        (["image,title,title", "a.png,x,y"], MetadataError, "title"),
    ],
)
def test_a_bad_table_adds_nothing(
    collection: Collection, pictures: Path, lines: list[str], error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        collection.add(pictures, metadata=table(pictures, *lines), jobs=1)
    assert len(collection) == 0
    assert collection.info()["generation"] == 0


def test_a_table_that_is_not_there(collection: Collection, pictures: Path) -> None:
    with pytest.raises(MetadataError, match=r"none\.csv"):
        collection.add(pictures, metadata=pictures / "none.csv", jobs=1)


def test_bad_rows_are_skipped_and_reported(collection: Collection, pictures: Path) -> None:
    file = table(pictures, "image;title", "a.png;cup", "b.png", "c.png;bread;5")
    seen: list[Event] = []

    class Noting(Listener):
        def event(self, event: Event) -> None:
            seen.append(event)

    report = collection.add(pictures, metadata=file, jobs=1, listener=Noting())
    assert report.added == 3 and not report.is_complete
    assert [(event.path, event.reason) for event in report.skipped] == [
        (f"{file}, line 3", "1 cells, but the header has 2 columns"),
        (f"{file}, line 4", "3 cells, but the header has 2 columns"),
    ]
    assert set(report.skipped) <= set(seen)
    assert metadata(collection)["a.png"] == {"title": "cup"}


def test_a_table_without_a_good_row_is_refused(collection: Collection, pictures: Path) -> None:
    with pytest.raises(MetadataError, match=r"line 2: 1 cells, .* \(so is each of 1 other rows\)"):
        collection.add(pictures, metadata=table(pictures, "image,title", "a.png", "b.png"))
    assert not list(collection.list())


def test_members_of_lists_of_several_rows_are_joined(collection: Collection, pictures: Path) -> None:
    file = table(pictures, "image,tags", "a.png,red|new", "a.png,red|sale", "a.png,old", "b.png,red|new")
    collection.add(pictures, metadata=file, jobs=1)
    assert metadata(collection)["a.png"] == {"tags": ["red", "new", "sale", "old"]}
    assert metadata(collection)["b.png"] == {"tags": ["red", "new"]}
    assert len(list(collection.list(where={"tags": "new"}))) == 2


def test_json_lines_and_another_file_column(collection: Collection, pictures: Path) -> None:
    file = pictures.parent / "products.ndjson"
    file.write_text('{"Bild": "a.png", "tags": ["red"]}\n{"Bild": "b.png", "n": 1.5}\n', encoding="utf-8")
    collection.add(pictures, metadata=file, file_column="Bild", jobs=1)
    found = metadata(collection)
    assert (found["a.png"], found["b.png"]) == ({"tags": ["red"]}, {"n": 1.5})


@pytest.mark.parametrize("given", [{}, {"metadata": {"a.png": {}}}, {"metadata": "m.csv", "file_column": ""}])
def test_a_file_column_belongs_to_a_file(
    collection: Collection, pictures: Path, given: dict[str, Any]
) -> None:
    with pytest.raises(OptionError, match="file_column is"):
        collection.add(pictures, **{"file_column": "Bild", **given})
