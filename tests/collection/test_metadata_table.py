"""Metadata from tables and JSON Lines: their forms, and what makes a row bad."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.collection.metadata_rows import BadRow, Row, read_rows
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
    assert list(read_rows(path)) == [
        Row(3, "a/1.jpg", {"title": 'Shoe, "red"\nnew', "year": 2010, "price": 9.5, "code": "00123"}),
        Row(5, "2.jpg", {"title": None, "year": None, "price": 1.5, "code": None}),
    ]


def test_blanks_around_names_and_cells_do_not_count(tmp_path: Path) -> None:
    path = written(tmp_path, "title, image ,\ufeffyear\n cup , a b.jpg , 2010\n")
    assert list(read_rows(path)) == [Row(2, "a b.jpg", {"title": "cup", "year": 2010})]


def test_rows_without_any_text_are_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path, "image,title\n,\na.jpg,cup\n   \n , \n,,,\n")
    assert [getattr(row, "file", row) for row in read_rows(path)] == ["a.jpg"]


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
    assert list(read_rows(written(tmp_path, f"{header}\na,b\n"))) == [Row(2, file, metadata)]


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
    (row,) = read_rows(written(tmp_path, f"image,v\na,{cell}\n"))
    assert isinstance(row, Row)
    assert row.metadata == {"v": value}
    assert type(row.metadata["v"]) is type(value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: no column 'image', 'path', 'file' or the like"),
        ("datei;titel\n", "line 1: no column.*the columns are 'datei', 'titel'; give the one"),
        ("image,a,a\n", "line 1: the column 'a' is there more than once"),
        ("image,,a\n", "line 1: column 2 has no name"),
        (b"image,caf\xe9\n", "line 1: not UTF-8"),
        ('image,"a\n', "line 1: no column"),
    ],
)
def test_bad_headers(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(MetadataError, match=f"^[^\n]*products.csv, {message}[^\n]*$"):
        list(read_rows(path))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("y", "1 cells, but the header has 2"),
        ("x,1,2", "3 cells, but the header has 2"),
        (" ,1", "the column 'image' is empty"),
        ("x,\0", "a NUL"),
        (b"x,caf\xe9", "not UTF-8"),
        ('x,"1', "check the quotes"),
        ('x,"1"2', "check the quotes"),
        pytest.param("x," + "y" * 200_000, "field larger", id="long"),
        ('x,"1\ny', "check the quotes"),
    ],
)
def test_bad_rows_are_told_and_the_others_read(tmp_path: Path, bad: str | bytes, reason: str) -> None:
    raw = bad if isinstance(bad, bytes) else bad.encode()
    rows = list(read_rows(written(tmp_path, b"image,a\na.jpg,1\n" + raw + b'\nb.jpg,"2"\n')))
    good = [row for row in rows if isinstance(row, Row)]
    told = [row for row in rows if isinstance(row, BadRow)]
    assert [(row.file, row.metadata) for row in good] == [("a.jpg", {"a": 1}), ("b.jpg", {"a": 2})]
    assert told[0].line == 3 and reason in told[0].reason
    assert len(told) == raw.count(b"\n") + 1


def test_lines_are_counted_after_bad_rows(tmp_path: Path) -> None:
    path = written(tmp_path, 'image,a\nx,"1\ny,2\n\nz\n"u\nv",3\nw\n')
    assert [(type(row), row.line) for row in read_rows(path)] == [
        (BadRow, 2),
        (Row, 3),
        (BadRow, 5),
        (Row, 7),
        (BadRow, 8),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("said", [False, True])
def test_any_usual_separator(tmp_path: Path, separator: str, said: bool) -> None:
    lines = [f"sep={separator}"] * said + [
        separator.join(cells)
        for cells in (
            ["title", "Image", "price"],
            ['"a, b; c"', "x.jpg", "1.5"],
            ['"q ""1""\nr"', "y.jpg", ""],
        )
    ]
    rows = list(read_rows(written(tmp_path, "\r\n".join(lines))))
    assert [row[1:] for row in rows] == [
        ("x.jpg", {"title": "a, b; c", "price": 1.5}),
        ("y.jpg", {"title": 'q "1"\nr', "price": None}),
    ]


def test_the_separator_is_the_one_that_makes_a_column_the_files(tmp_path: Path) -> None:
    path = written(tmp_path, "title, or name, or so;image\ncup, saucer, spoon;x.jpg\n")
    assert [row[1:] for row in read_rows(path)] == [
        ("x.jpg", {"title, or name, or so": "cup, saucer, spoon"})
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_line_ends_and_encodings(tmp_path: Path, end: str, encoding: str) -> None:
    content = f"image\ttitle{end}x.jpg\tcafé 红{end}".encode(encoding)
    assert list(read_rows(written(tmp_path, content))) == [Row(2, "x.jpg", {"title": "café 红"})]


def test_utf_16_that_is_cut_is_refused(tmp_path: Path) -> None:
    content = "image,a\nx,1\n".encode("utf-16")[:-1]
    with pytest.raises(MetadataError, match=r"products\.csv is damaged"):
        list(read_rows(written(tmp_path, content)))


@pytest.mark.parametrize("name", ["file", "FileName", "file_name", "File Path", "image-path", "IMG", "Photo"])
def test_usual_names_of_the_file_column(tmp_path: Path, name: str) -> None:
    assert list(read_rows(written(tmp_path, f"a,{name}\n1,x\n"))) == [Row(2, "x", {"a": 1})]


def test_another_name_of_the_file_column(tmp_path: Path) -> None:
    path = written(tmp_path, "Datei;image\nx.jpg;no file\n")
    assert list(read_rows(path, "Datei")) == [Row(2, "x.jpg", {"image": "no file"})]
    with pytest.raises(
        MetadataError, match=r"no column 'datei' names the file; the columns are 'Datei', 'image'$"
    ):
        list(read_rows(path, "datei"))


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('["red","shoe"]', ["red", "shoe"]),
        ('[1, 2.5, true, "a|b"]', [1, 2.5, True, "a|b"]),
        ("[]", []),
        ("[red]", "[red]"),
        ('["a", null]', '["a", null]'),
        ('[["a"]]', '[["a"]]'),
        ("[NaN]", "[NaN]"),
        ("[1e999]", "[1e999]"),
        ('["\\ud800"]', '["\\ud800"]'),
        pytest.param("[" * 100_000 + "]", "[" * 100_000 + "]", id="deep"),
        ("red|shoe", ["red", "shoe"]),
        ("red|2010|00123", ["red", 2010, "00123"]),
        ("Shoes | The Shop", "Shoes | The Shop"),
        ("|", "|"),
        ("a||b", "a||b"),
    ],
)
def test_cells_that_are_lists(tmp_path: Path, cell: str, value: object) -> None:
    quoted = cell.replace('"', '""')
    (row,) = read_rows(written(tmp_path, f'image,v\na,"{quoted}"\n'))
    assert isinstance(row, Row) and row.metadata == {"v": value}


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "products.JSONL"
    lines = [
        '\ufeff{"file_name": "a.jpg", "title": "cup", "tags": ["x", "y"], "size": {"w": 4}, "sale": null}',
        "",
        '{"title": "2010", "image": " b.jpg "}',
        "{",
        "[1]",
        '{"title": "c"}',
        '{"image": 5}',
        '{"image": "d.jpg", "n": 99999999999999999999}',
        '{"image": "e.jpg", "n": NaN}',
        '{"image": "f.jpg", "n": "\\u0000"}',
        "[" * 100_000,
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    rows = list(read_rows(path))
    assert [row for row in rows if isinstance(row, Row)] == [
        Row(1, "a.jpg", {"title": "cup", "tags": ["x", "y"], "size": {"w": 4}, "sale": None}),
        Row(3, "b.jpg", {"title": "2010"}),
    ]
    bad = {row.line: row.reason for row in rows if isinstance(row, BadRow)}
    assert list(bad) == [4, 5, 6, 7, 8, 9, 10, 11]
    assert "no JSON" in bad[4] and "a JSON list" in bad[5] and "the keys are 'title'" in bad[6]
    assert "name the file" in bad[7] and "64 bits" in bad[8] and "NUL" in bad[10] and "no JSON" in bad[11]
    assert list(read_rows(path, "title"))[1] == Row(3, "2010", {"image": " b.jpg "})


PIECES = [b"image", b",", b";", b"|", b'"', b"\n", b"\r", b"a", b"\xe9", b"\0", b"[1]", b"{", b'":', b"sep="]


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    raw=st.binary(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join),
    name=st.sampled_from(["m.csv", "m.jsonl"]),
)
def test_whatever_a_file_holds_is_read_or_refused(tmp_path: Path, raw: bytes, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(raw)
    try:
        rows = list(read_rows(path))
    except MetadataError as error:
        assert "\n" not in str(error)
    else:
        assert all(isinstance(row, Row | BadRow) for row in rows)


def test_a_missing_file(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(MetadataError, match="cannot be read"):
            list(read_rows(path))


def stripped(cell: str) -> str:
    return cell.strip().strip("\ufeff").strip()


TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(TEXT.filter(stripped), TEXT, TEXT), max_size=5))
def test_reads_what_csv_writes(tmp_path: Path, rows: list[tuple[str, str, str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([("image", "a", "b"), *rows])
    read = list(read_rows(written(tmp_path, text.getvalue())))
    assert [getattr(row, "file", None) for row in read] == [stripped(file) for file, _, _ in rows]
    for row, (_, *cells) in zip(read, rows, strict=True):
        assert isinstance(row, Row)
        for name, cell in zip("ab", cells, strict=True):
            value = row.metadata[name]
            if not isinstance(value, list):
                assert ("" if value is None else str(value)) == stripped(cell)
