"""Importing files as they are: bad rows are left out, rows join pictures by path, query files need no names."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.cli.command_line import draw, lookalike

from lookalike import Collection
from lookalike.collection.query import RowQuery
from lookalike.errors import VectorError

VECTORS = np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_bad_rows_are_left_out_and_listed(folder: Path) -> None:
    bad = VECTORS.copy()
    bad[0, 2], bad[7], bad[19] = np.nan, 0, np.inf
    np.save("bad.npy", bad)
    Path("names.txt").write_text("\n".join(f"n{row}" for row in range(20)))
    with Collection.open_or_create(folder / "c") as collection:
        with pytest.raises(VectorError, match="row 0 has NaN"):
            collection.import_file("bad.npy", metric="cosine")
        report = collection.import_file("bad.npy", metric="cosine", names="names.txt", skip_bad=True)
        assert report.added == 17
        assert [event.path.rpartition("#")[2] for event in report.skipped] == ["0", "7", "19"]
        assert "row 7 is all zero" in str(report.skipped[1].reason)
        assert collection.search(VECTORS[1], k=1)[0].id == "n1"
        again = collection.import_file(
            "bad.npy", metric="cosine", names="names.txt", skip_bad=True, on_duplicate="skip"
        )
        assert (again.duplicate, len(collection)) == (17, 17)
    np.save("bad.npy", np.full((3, 8), np.nan))
    assert lookalike("import", "bad.npy", "-c", "d", "--skip-bad").exit_code == 1


def test_the_command_line_lists_them_and_ends_with_3(folder: Path) -> None:
    bad = VECTORS.copy()
    bad[3] = np.nan
    np.save("bad.npy", bad)
    done = lookalike("import", "bad.npy", "-c", "c", "--skip-bad")
    assert done.exit_code == 3
    assert "19 added, 1 skipped" in done.stdout
    assert "row 3 has NaN" in done.stderr


def test_rows_named_by_paths_join_the_pictures(folder: Path) -> None:
    draw(folder / "images", [f"{number}.png" for number in range(5)])
    (folder / "images" / "copy.png").write_bytes((folder / "images" / "0.png").read_bytes())
    names = [*(f"images/{number}.png" for number in range(5)), "images/copy.png", "elsewhere"]
    with h5py.File("v.h5", "w") as file:
        file["feats"] = VECTORS[:7]
        file["filenames"] = [name.encode() for name in names]
    with Collection.open_or_create(folder / "c") as collection:
        collection.add(folder / "images")
        before = len(collection)
        report = collection.import_file("v.h5")
        assert (report.added, report.refreshed, report.duplicate) == (1, 5, 1)
        assert len(collection) == before + 1
        hit = collection.search(VECTORS[3], k=1)[0]
        assert hit.path is not None
        assert Path(hit.path) == folder / "images" / "3.png"


def test_a_query_file_needs_no_names(folder: Path) -> None:
    with h5py.File("base.h5", "w") as file:
        file["emb"] = VECTORS.T  # columns, as the number of names tells
        file["urls"] = [b"u%d" % number for number in range(20)]
    with h5py.File("queries.h5", "w") as file:
        file["emb"], file["other"] = VECTORS[:3].T, VECTORS[5:6]
    with Collection.open_or_create(folder / "c") as collection:
        collection.import_file("base.h5", dataset="emb", names="urls")
        assert collection.search(RowQuery(Path("queries.h5"), 1), k=1)[0].id == "u1"
        assert collection.search(RowQuery(Path("queries.h5"), 0, "other"), k=1)[0].id == "u5"
    done = lookalike("search", "queries.h5#0", "--dataset", "other", "-k", "1", "-c", "c", "--json")
    assert '"u5"' in done.stdout
    assert lookalike("search", "u5", "--dataset", "other", "-c", "c").exit_code == 2
