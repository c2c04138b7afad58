"""Vector files of all kinds are read in blocks as they were written, and bad ones are refused by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.peak_memory import PEAK

from lookalike.errors import OptionError, VectorError, VectorFileError
from lookalike.vectorfiles import open_vectors, parse_reference

Array = npt.NDArray[np.generic]
VECTORS = np.random.default_rng(7).normal(size=(103, 5)).astype(np.float32)


def write(path: Path, vectors: Array) -> Path:
    """Write `vectors` the way the suffix of `path` says."""
    if path.suffix == ".npy":
        np.save(path, vectors)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["feats"] = vectors
    else:
        prefix = np.full((len(vectors), 1), vectors.shape[1], "<i4").view(np.uint8).reshape(-1, 4)
        body = np.ascontiguousarray(vectors).view(np.uint8).reshape(len(vectors), -1)
        np.hstack([prefix, body]).tofile(path)
    return path


def read(path: Path, rows_per_block: int | None = None) -> npt.NDArray[np.float32]:
    with open_vectors(path) as file:
        firsts, blocks = zip(*file.blocks(rows_per_block), strict=True)
        lengths = [len(block) for block in blocks]
        assert list(firsts) == [sum(lengths[:number]) for number in range(len(lengths))]
        assert all(block.dtype == np.float32 and block.flags.c_contiguous for block in blocks)
        if rows_per_block:
            assert all(length == rows_per_block for length in lengths[:-1])
        return np.concatenate(blocks)


@settings(deadline=None, max_examples=60)
@given(
    vectors=arrays(
        np.float32, st.tuples(st.integers(1, 40), st.integers(1, 9)), elements=st.floats(-9, 9, width=32)
    ),
    rows_per_block=st.integers(1, 50),
    form=st.sampled_from([".npy", ".fvecs", ".h5", "fortran", "double"]),
)
def test_blocks_and_rows_are_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, vectors: Array, rows_per_block: int, form: str
) -> None:
    suffix = form if form.startswith(".") else ".npy"
    path = tmp_path_factory.mktemp("vectors") / f"v{suffix}"
    stored = {"fortran": np.asfortranarray(vectors), "double": vectors.astype(">f8")}.get(form, vectors)
    write(path, stored)
    np.testing.assert_array_equal(read(path, rows_per_block), vectors)
    with open_vectors(path) as file:
        assert (file.rows, file.dimension, file.dtype) == (*vectors.shape, stored.dtype)
        last = len(vectors) - 1
        np.testing.assert_array_equal(file.row(last), vectors[last])
        assert file.row(0).shape == (file.dimension,)
        assert file.names() is None


@pytest.mark.parametrize(("suffix", "dtype"), [(".bvecs", "u1"), (".ivecs", "<i4")])
def test_the_relatives_of_fvecs(tmp_path: Path, suffix: str, dtype: str) -> None:
    vectors = np.arange(60).reshape(12, 5).astype(dtype)
    np.testing.assert_array_equal(read(write(tmp_path / f"v{suffix}", vectors), 5), vectors)


def test_no_rows_give_no_blocks(tmp_path: Path) -> None:
    for suffix in (".npy", ".h5"):
        with open_vectors(write(tmp_path / f"v{suffix}", np.empty((0, 5), np.float32))) as file:
            assert (file.rows, list(file.blocks())) == (0, [])


@pytest.mark.parametrize("suffix", [".npy", ".fvecs", ".h5"])
def test_a_bad_number_is_named_by_its_row_in_the_file(tmp_path: Path, suffix: str) -> None:
    vectors = VECTORS.copy()
    vectors[77, 3] = np.nan
    path = write(tmp_path / f"v{suffix}", vectors)
    with open_vectors(path) as file, pytest.raises(VectorError, match=f"{path.name}: row 77 has NaN"):
        list(file.blocks(10))


@pytest.mark.parametrize("suffix", [".npy", ".fvecs", ".h5"])
def test_rows_that_are_not_there_and_closed_files(tmp_path: Path, suffix: str) -> None:
    with open_vectors(write(tmp_path / f"v{suffix}", VECTORS)) as file:
        for number in (-1, 103):
            with pytest.raises(VectorFileError, match=f"no row {number}"):
                file.row(number)
        with pytest.raises(OptionError):
            file.blocks(0)
    file.close()
    with pytest.raises(VectorFileError, match=r"v\."):
        file.row(0)


@pytest.mark.parametrize("suffix", [".npy", ".fvecs", ".h5"])
def test_a_truncated_file_is_refused_at_every_length(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"v{suffix}", VECTORS[:20])
    whole = path.read_bytes()
    record = 4 + 4 * VECTORS.shape[1]
    for length in range(0, len(whole), 1 if suffix == ".fvecs" else 9):
        path.write_bytes(whole[:length])
        if suffix == ".fvecs" and length and length % record == 0:
            np.testing.assert_array_equal(read(path), VECTORS[: length // record])
            continue
        with pytest.raises(VectorFileError, match="v\\."):
            read(path)


@pytest.mark.parametrize("suffix", [".npy", ".fvecs"])
def test_flipped_bytes_never_raise_anything_else(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"v{suffix}", VECTORS[:4])
    whole = path.read_bytes()
    for place in range(len(whole)):
        for value in (0xFF, whole[place] ^ 1):
            path.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
            try:
                read(path)
            except (VectorFileError, VectorError) as error:
                assert path.name in str(error)
                assert "\n" not in str(error)


def test_a_record_of_another_dimension_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "v.fvecs", VECTORS)
    damaged = bytearray(path.read_bytes())
    damaged[24 * 40] = 6
    path.write_bytes(damaged)
    with open_vectors(path) as file, pytest.raises(VectorFileError, match="row 40 has dimension 6"):
        list(file.blocks(7))


def test_npy_files_that_declare_too_much_or_too_little(tmp_path: Path) -> None:
    path = write(tmp_path / "v.npy", VECTORS)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"(103, 5)", b"(10**9, 5)"[:8]))
    with pytest.raises(VectorFileError):
        open_vectors(path)
    path.write_bytes(whole.replace(b"(103, 5), }  ", b"(10300, 5), }"))
    with pytest.raises(VectorFileError, match="declares 206000 bytes of numbers but holds 2060"):
        open_vectors(path)
    path.write_bytes(whole + b"1")
    with pytest.raises(VectorFileError, match="truncated or damaged"):
        open_vectors(path)


def test_npy_files_of_no_vectors(tmp_path: Path) -> None:
    path = tmp_path / "v.npy"
    for array, message in (
        (np.array([[{}]], dtype=object), "pickled objects"),
        (np.zeros(5), r"shape \(5,\)"),
        (np.zeros((5, 0)), "at least one number"),
        (np.zeros((2, 2), complex), "type complex128"),
    ):
        np.save(path, array, allow_pickle=True)
        with pytest.raises(VectorFileError, match=message):
            open_vectors(path)


def test_what_cannot_be_opened_at_all(tmp_path: Path) -> None:
    (tmp_path / "folder.npy").mkdir()
    for name, message in (
        ("missing.h5", "is not there"),
        ("folder.npy", "is not a file"),
        ("text.csv", "is not a vector file by its suffix"),
    ):
        with pytest.raises(VectorFileError, match=f"{name} {message}"):
            open_vectors(tmp_path / name)
    for suffix in (".h5", ".npy", ".fvecs"):
        for content in (b"", b"hello, world"):
            (tmp_path / f"v{suffix}").write_bytes(content)
            with pytest.raises(VectorFileError, match=f"v{suffix}"):
                open_vectors(tmp_path / f"v{suffix}")


def test_options_that_mean_nothing_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "v.npy", VECTORS)
    with pytest.raises(OptionError, match="dataset 'feats' means nothing"):
        open_vectors(path, dataset="feats")
    with pytest.raises(OptionError, match="choose one of rows, columns"):
        open_vectors(path, orientation="sideways")  # type: ignore[arg-type]


def test_references() -> None:
    assert parse_reference("a/b.h5#17") == (Path("a/b.h5"), 17)
    assert parse_reference("odd#name.FVECS#0") == (Path("odd#name.FVECS"), 0)
    for text in ("a.h5", "a.h5#", "a.h5#-1", "a.h5#1x", "a.jpg#1", "#1", "a.h5#" + "9" * 5000):
        assert parse_reference(text) is None


MEASURE = f"""{PEAK}
import sys
from lookalike.vectorfiles import open_vectors
with open_vectors(sys.argv[1], orientation=sys.argv[2] or None) as file:
    before = peak()
    rows = sum(len(block) for _, block in file.blocks())
    print(rows, (peak() - before) // 1024)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell the peak of memory so")
@pytest.mark.parametrize("form", ["c", "fortran", "columns"])
def test_a_file_of_400_mb_is_never_whole_in_memory(tmp_path: Path, form: str) -> None:
    rows, dimension = 819_200, 128
    path = tmp_path / ("v.npy" if form in ("c", "fortran") else "v.h5")
    if path.suffix == ".npy":
        header = {"descr": "<f4", "fortran_order": form == "fortran", "shape": (rows, dimension)}
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            file.truncate(file.tell() + rows * dimension * 4)
    else:
        with h5py.File(path, "w") as target:
            shape = (rows, dimension) if form == "rows" else (dimension, rows)
            create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            create.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            create.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
            space = h5py.h5s.create_simple(shape)
            dataset = h5py.h5d.create(target.id, b"feats", h5py.h5t.IEEE_F32LE, space, create)
            h5py.Dataset(dataset)[-1, -1] = 0
    orientation = form if path.suffix == ".h5" else ""
    command = [sys.executable, "-c", MEASURE, str(path), orientation]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    read_rows, growth = map(int, run.stdout.split())
    assert read_rows == rows
    assert growth < 100, f"{growth} MB"
