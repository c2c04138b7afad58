"""Metadata from CSV files."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.collection.metadata_table import Row, read_csv
from lookalike.errors import MetadataError


def written(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "products.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_rows(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '\ufeffimage, title ,year,price,code\r\na/1.jpg,"Shoe, ""red""\nnew",2010,9.5,00123\r\n\r\n2.jpg,,,1.50, \n',
    )
    assert list(read_csv(path)) == [
        Row(3, "a/1.jpg", {"title": 'Shoe, "red"\nnew', "year": 2010, "price": 9.5, "code": "00123"}),
        Row(5, "2.jpg", {"title": None, "year": None, "price": 1.5, "code": None}),
    ]


def test_blanks_around_names_and_cells_do_not_count(tmp_path: Path) -> None:
    path = written(tmp_path, "title, image ,\ufeffyear\n cup , a b.jpg , 2010\n")
    assert list(read_csv(path)) == [Row(2, "a b.jpg", {"title": "cup", "year": 2010})]


def test_rows_without_any_text_are_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path, "image,title\n,\na.jpg,cup\n   \n , \n,,,\n")
    assert [row.file for row in read_csv(path)] == ["a.jpg"]


@pytest.mark.parametrize(
    ("header", "file", "metadata"),
    [
        ("path,title", "a", {"title": "b"}),
        ("title,path", "b", {"title": "a"}),
        ("image,path", "a", {"path": "b"}),
    ],
)
def test_the_column_that_names_the_file(
    tmp_path: Path, header: str, file: str, metadata: dict[str, str]
) -> None:
    assert list(read_csv(written(tmp_path, f"{header}\na,b\n"))) == [Row(2, file, metadata)]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("2010", 2010),
        ("-3", -3), ("0", 0), ("-0", 0), ("+1", "+1"), ("00123", "00123"), ("1.5", 1.5), ("1.0", 1.0),
        ("1.50", 1.5), ("9.90", 9.9), ("1e3", "1e3"), ("1e-07", "1e-07"), ("nan", "nan"), ("inf", "inf"),
        ("1_000", "1_000"),
        (" 7", 7), ("\t7.5\u00a0", 7.5), ("٣", "٣"), (" a b ", "a b"), (" ", None), ("\ufeff8", 8),
        ("9" * 18, 10**18 - 1), ("9" * 19, "9" * 19), ("true", "true"),
        ("9" * 5000, "9" * 5000),
    ],
)  # fmt: skip
def test_plain_numbers_become_numbers(tmp_path: Path, cell: str, value: object) -> None:
    (row,) = read_csv(written(tmp_path, f"image,v\na,{cell}\n"))
    assert row.metadata == {"v": value}
    assert type(row.metadata["v"]) is type(value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: no column 'image' or 'path'"),
        ("file;title\n", "line 1: no column.*'file;title'"),
        ("image,a,a\n", "line 1: the column 'a' is there more than once"),
        ("image,,a\n", "line 1: column 2 has no name"),
        ("image,a\nx,1\ny\n", "line 3: 1 cells, but the header has 2"),
        ("image,a\nx,1,2\n", "line 2: 3 cells, but the header has 2"),
        ('image,a\n"x\ny",1\nz\n', "line 4: 1 cells"),
        ("image,a\n ,1\n", "line 2: the column 'image' is empty"),
        ("image,a\nx,\0\n", "line 2: a NUL"),
        (b"image,a\nx,caf\xe9\n", "line 2: not UTF-8"),
        ("image,a\nx,1\n".encode("utf-16"), "line 1: not UTF-8"),
        ('image,a\nx,"1\n', "line 2: "),
        ('image,a\nx,"1"2\n', "line 2: "),
        ("image,a\rx,1\r", "line 1: "),
        ("image,a\nx," + "y" * 200_000 + "\n", "line 2: field larger"),
    ],
)
def test_bad_files(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(MetadataError, match=f"^[^\n]*products.csv, {message}[^\n]*$"):
        list(read_csv(path))


def test_a_missing_file(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(MetadataError, match="cannot be read"):
            list(read_csv(path))


def stripped(cell: str) -> str:
    return cell.strip().strip("\ufeff").strip()


TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(TEXT.filter(stripped), TEXT, TEXT), max_size=5))
def test_reads_what_csv_writes(tmp_path: Path, rows: list[tuple[str, str, str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([("image", "a", "b"), *rows])
    read = list(read_csv(written(tmp_path, text.getvalue())))
    assert [row.file for row in read] == [stripped(file) for file, _, _ in rows]
    for row, (_, *cells) in zip(read, rows, strict=True):
        for name, cell in zip("ab", cells, strict=True):
            value = row.metadata[name]
            assert ("" if value is None else str(value)) == stripped(cell)
