"""Files of sets: what is in them, and damage, which ends in rows or in an error of Lookalike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.errors import LookalikeError, VectorFileError
from lookalike.sets import as_sets
from lookalike.vectorfiles import open_vectors

sparse = pytest.importorskip("scipy.sparse", reason="needs scipy: pip install scipy")
DAMAGES = 300


@pytest.fixture
def matrix(tmp_path: Path) -> Path:
    path = tmp_path / "matrix.npz"
    sparse.save_npz(path, sparse.random(30, 40, 0.2, format="csr", random_state=0))
    return path


def test_a_matrix_is_read_in_blocks(matrix: Path) -> None:
    with open_vectors(matrix, metric="jaccard") as file:
        rows = np.concatenate([block for _, block in file.blocks(7)])
        assert (file.rows, file.width) == rows.shape
        assert np.array_equal(file.row(12), rows[12])
    assert np.array_equal(rows, as_sets(sparse.load_npz(matrix)))


def test_a_matrix_of_another_format_is_refused(tmp_path: Path) -> None:
    sparse.save_npz(tmp_path / "m.npz", sparse.random(3, 4, 0.5, format="coo"))
    with pytest.raises(VectorFileError, match=r"is no sparse matrix|save its tocsr"):
        open_vectors(tmp_path / "m.npz", metric="jaccard")


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape": np.int64(1)},
        {"shape": [-1, 3], "indptr": np.zeros(0, np.int64)},
        {"shape": [1.0, 3.0]},
        {"data": np.float64(1)},
        {"data": np.ones(3), "indices": [0, 1, 2], "indptr": np.array([0, 5, 3], np.uint64), "shape": [2, 3]},
    ],
)
def test_arrays_that_make_no_matrix_are_damage(tmp_path: Path, wrong: dict[str, object]) -> None:
    right = {"format": "csr", "shape": [1, 3], "data": np.ones(1), "indices": [2], "indptr": [0, 1]}
    arrays: dict[str, Any] = {name: np.asarray(value) for name, value in {**right, **wrong}.items()}
    np.savez(tmp_path / "m.npz", **arrays)
    with pytest.raises(VectorFileError, match="do not fit together"):
        open_vectors(tmp_path / "m.npz", metric="jaccard")


def test_json_that_is_too_deep_is_refused(tmp_path: Path) -> None:
    (tmp_path / "deep.jsonl").write_text("[" * 200_000)
    with pytest.raises(VectorFileError, match="line 1 is no JSON"):
        open_vectors(tmp_path / "deep.jsonl", metric="jaccard")


@pytest.mark.parametrize("damage", ["cut", "one bit", "many bits"])
def test_damage_ends_in_rows_or_an_error(matrix: Path, damage: str) -> None:
    content = matrix.read_bytes()
    for seed in range(DAMAGES):
        random = np.random.default_rng(seed)
        damaged = bytearray(content)
        if damage == "cut":
            damaged = damaged[: random.integers(len(content))]
        else:
            for place in random.integers(len(content), size=1 if damage == "one bit" else 8):
                damaged[place] ^= 1 << int(random.integers(8))
        matrix.write_bytes(bytes(damaged))
        try:
            with open_vectors(matrix, metric="jaccard") as file:
                rows = sum(len(block) for _, block in file.blocks(7))
                assert rows == file.rows
        except LookalikeError:
            pass


def test_lines_may_end_as_on_windows_and_have_a_mark(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfred shoe\r\n\r\nhat\r\n")
    with open_vectors(tmp_path / "a.txt", metric="jaccard") as file:
        (block,) = (rows for _, rows in file.blocks())
    assert np.array_equal(block, as_sets([["red", "shoe"], [], ["hat"]]))


def test_a_file_without_lines_has_no_sets(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"")
    with open_vectors(tmp_path / "a.txt", metric="jaccard") as file:
        assert (file.rows, list(file.blocks())) == (0, [])
