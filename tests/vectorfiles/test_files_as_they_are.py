"""Files of other programs are read as they are: MATLAB, NumPy's archives, big-ann, safetensors, Parquet, hloc."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest
from tests.peak_memory import PEAK

from lookalike.errors import LookalikeError, OptionError, VectorFileError
from lookalike.vectorfiles import open_vectors

pa = pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'lookalike[parquet]'")
parquet = pytest.importorskip("pyarrow.parquet")
mat5 = pytest.importorskip("scipy.io", reason="needs scipy: pip install scipy")
mat73 = pytest.importorskip("hdf5storage", reason="needs hdf5storage: pip install hdf5storage")
tensors = pytest.importorskip("safetensors.numpy", reason="needs safetensors: pip install safetensors")

Array = npt.NDArray[Any]
VECTORS = np.random.default_rng(3).normal(size=(50, 8)).astype(np.float32)
NAMES = [f"bilder/ä{number}.jpg" for number in range(50)]
CELLS = np.array(NAMES, dtype=object)[:, np.newaxis]


def v73(path: Path, **variables: Array) -> None:
    mat73.savemat(str(path), variables, format="7.3", store_python_metadata=False)


def groups(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for name, vector in zip(NAMES, VECTORS, strict=True):
            file.create_group(name)["global_descriptor"] = vector


def table(path: Path, column: Any, **others: Any) -> None:
    parquet.write_table(pa.table({"key": NAMES, "embedding": column, **others}), path, row_group_size=20)


WRITERS: dict[str, Callable[[Path], Any]] = {
    "v73.mat": lambda path: v73(path, feats=VECTORS, filenames=CELLS),
    "v73-columns.mat": lambda path: v73(path, descriptors=VECTORS.T, filenames=CELLS.T),
    "v5.mat": lambda path: mat5.savemat(path, {"feats": VECTORS, "filenames": CELLS}),
    "v5-zlib.mat": lambda path: mat5.savemat(
        path, {"descriptors": VECTORS.T, "filenames": np.array(NAMES)}, do_compression=True
    ),
    "stored.npz": lambda path: np.savez(path, features=VECTORS, filenames=np.array(NAMES)),
    "deflated.npz": lambda path: np.savez_compressed(
        path, f=np.asfortranarray(VECTORS), filenames=np.array(NAMES)
    ),
    "lists.parquet": lambda path: table(path, pa.array(list(VECTORS), pa.list_(pa.float32()))),
    "fixed.parquet": lambda path: table(
        path, pa.array(list(VECTORS), pa.list_(pa.float32(), 8)), caption=NAMES
    ),
}
NAMELESS: dict[str, Callable[[Path], Any]] = {
    "big.fbin": lambda path: path.write_bytes(np.array(VECTORS.shape, "<u4").tobytes() + VECTORS.tobytes()),
    "one.safetensors": lambda path: tensors.save_file({"emb": VECTORS}, path),
    "keras.npy": lambda path: np.save(path, VECTORS.reshape(50, 1, 1, 8)),
}


@pytest.mark.parametrize("name", [*WRITERS, *NAMELESS, "hloc.h5"])
def test_vectors_and_names_come_back_as_they_went_in(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    options: dict[str, Any] = {}
    order = np.arange(50)
    if name == "hloc.h5":
        groups(path)
        options, order = {"dataset": "global_descriptor"}, np.argsort(NAMES)
    else:
        (WRITERS | NAMELESS)[name](path)
    if name in NAMELESS:
        (tmp_path / "names.txt").write_text("\n".join(NAMES), encoding="utf-8")
        options = {"names": str(tmp_path / "names.txt")}
    with open_vectors(path, **options) as file:
        assert (file.rows, file.dimension) == VECTORS.shape
        for rows_per_block in (None, 7):
            blocks = [block for _, block in file.blocks(rows_per_block)]
            np.testing.assert_array_equal(np.concatenate(blocks), VECTORS[order])
        np.testing.assert_array_equal(file.row(33), VECTORS[order][33])
        np.testing.assert_array_equal(file.row(2), VECTORS[order][2])
        for _ in range(2):
            assert list(file.names() or ()) == [NAMES[row] for row in order]


def test_a_matlab_file_under_a_suffix_of_hdf5(tmp_path: Path) -> None:
    v73(tmp_path / "v.mat", feats=VECTORS)
    (tmp_path / "v.mat").rename(tmp_path / "v.h5")
    with open_vectors(tmp_path / "v.h5") as file:
        np.testing.assert_array_equal(next(file.blocks())[1], VECTORS)
    with open_vectors(tmp_path / "v.h5", orientation="columns") as file:
        np.testing.assert_array_equal(next(file.blocks())[1], VECTORS.T)


@pytest.mark.parametrize("name", ["v.mat", "w.mat"])
def test_logical_matrices_are_bits(tmp_path: Path, name: str) -> None:
    bits = VECTORS > 0
    if name == "v.mat":
        v73(tmp_path / name, feats=bits)
    else:
        mat5.savemat(tmp_path / name, {"feats": bits})
    with open_vectors(tmp_path / name, metric="hamming") as file:
        assert file.width == 1
        np.testing.assert_array_equal(next(file.blocks())[1], np.packbits(bits, axis=1))


@pytest.mark.parametrize("suffix", [".mat", ".h5", ".npz", ".safetensors"])
def test_whole_numbers_are_names(tmp_path: Path, suffix: str) -> None:
    path, ids = tmp_path / f"v{suffix}", np.arange(100, 150)
    if suffix == ".mat":
        v73(path, feats=VECTORS, ids=ids.astype(float)[:, np.newaxis])
    elif suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["feats"], file["ids"] = VECTORS.reshape(50, 8, 1, 1), ids
    elif suffix == ".npz":
        np.savez(path, feats=VECTORS, ids=ids[:, np.newaxis])
    else:
        tensors.save_file({"feats": VECTORS, "ids": ids}, path)
    with open_vectors(path, names="ids") as vectors:
        assert list(vectors.names() or ()) == [str(number) for number in ids]


@pytest.mark.parametrize(("suffix", "dtype"), [(".u8bin", "u1"), (".i8bin", "i1")])
def test_bytes_of_big_ann(tmp_path: Path, suffix: str, dtype: str) -> None:
    rows = (VECTORS * 20).astype(dtype)
    path = tmp_path / f"v{suffix}"
    path.write_bytes(np.array(rows.shape, "<u4").tobytes() + rows.tobytes())
    with open_vectors(path) as file:
        np.testing.assert_array_equal(next(file.blocks())[1], rows)


def test_bfloat16_is_read_exactly(tmp_path: Path) -> None:
    import json

    upper = (VECTORS.view(np.uint32) >> 16).astype("<u2")
    header = json.dumps(
        {"e": {"dtype": "BF16", "shape": [50, 8], "data_offsets": [0, upper.nbytes]}}
    ).encode()
    (tmp_path / "v.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + upper.tobytes())
    with open_vectors(tmp_path / "v.safetensors") as file:
        np.testing.assert_array_equal(
            next(file.blocks())[1], (upper.astype(np.uint32) << 16).view(np.float32)
        )


def test_names_of_clip_retrieval_lie_in_parquet_beside_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "img_emb_0.npy", VECTORS.astype(np.float16))
    parquet.write_table(pa.table({"image_path": NAMES}), tmp_path / "metadata_0.parquet")
    with open_vectors(tmp_path / "img_emb_0.npy", names=str(tmp_path / "metadata_0.parquet")) as file:
        assert list(file.names() or ()) == NAMES


def ragged() -> Any:
    return pa.array([list(vector[: 8 - (row == 31)]) for row, vector in enumerate(VECTORS)])


def hollow(path: Path) -> None:
    groups(path)
    with h5py.File(path, "a") as file:
        file.create_group("bilder/leer.jpg")


REFUSED: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "ragged": (
        "v.parquet",
        lambda path: table(path, ragged()),
        "7 numbers in row 31, where the first row has 8",
    ),
    "no column": ("v.parquet", lambda path: table(path, pa.array(range(50))), "no column of vectors"),
    "two columns": (
        "v.parquet",
        lambda path: table(path, pa.array(list(VECTORS)), other=pa.array(list(VECTORS))),
        "more than one column of vectors",
    ),
    "pickled": (
        "v.npz",
        lambda path: np.savez(path, feats=np.array([{}], object), allow_pickle=True),
        "pickled objects",
    ),
    "struct": ("v.mat", lambda path: mat5.savemat(path, {"s": {"a": VECTORS}}), "no array of shape"),
    "two matrices": (
        "v.mat",
        lambda path: mat5.savemat(path, {"a": VECTORS, "b": VECTORS}),
        "more than one array",
    ),
    "fewer names": (
        "v.mat",
        lambda path: mat5.savemat(path, {"feats": VECTORS, "filenames": CELLS[:49]}),
        "49 names, which does not fit",
    ),
    "MATLAB 4": (
        "v.mat",
        lambda path: mat5.savemat(path, {"feats": VECTORS}, format="4"),
        "of version 5 or later",
    ),
    "crop": (
        "v.fbin",
        lambda path: path.write_bytes(np.array([99, 8], "<u4").tobytes() + VECTORS.tobytes()),
        "declares 3168 bytes of numbers but holds 1600",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_table_of_vectors_is_refused(tmp_path: Path, case: str) -> None:
    name, write, message = REFUSED[case]
    write(tmp_path / name)
    with pytest.raises(VectorFileError, match=message) as caught, open_vectors(tmp_path / name) as file:
        list(file.blocks())
    assert "\n" not in str(caught.value)


def test_a_group_without_its_vector_is_named(tmp_path: Path) -> None:
    hollow(tmp_path / "v.h5")
    with pytest.raises(VectorFileError, match=r"group 'bilder/leer\.jpg' has no dataset"):
        open_vectors(tmp_path / "v.h5", dataset="global_descriptor")


def test_names_that_are_not_there(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", VECTORS)
    with pytest.raises(VectorFileError, match=r"nowhere\.txt.* is not a file"):
        open_vectors(tmp_path / "v.npy", names="nowhere.txt")
    (tmp_path / "names.txt").write_text("one\ntwo\n")
    with pytest.raises(VectorFileError, match="2 names, which does not fit"):
        open_vectors(tmp_path / "v.npy", names=str(tmp_path / "names.txt"))
    with pytest.raises(OptionError, match="orientation 'rows' means nothing"):
        table(tmp_path / "v.parquet", pa.array(list(VECTORS)))
        open_vectors(tmp_path / "v.parquet", orientation="rows")


def read(path: Path) -> None:
    with open_vectors(path) as file:
        for _ in file.blocks():
            pass
        for _ in file.names() or ():
            pass


@pytest.mark.parametrize("name", [*WRITERS, *list(NAMELESS)[:2]])
def test_damaged_files_are_refused_or_read(tmp_path: Path, name: str) -> None:
    """Of many damages, here a few that the seed chooses; `python -m tests.vectorfiles.damage` tries a thousand."""
    from tests.vectorfiles.damage import damaged

    path = tmp_path / name
    (WRITERS | NAMELESS)[name](path)
    for content in damaged(path.read_bytes(), 40):
        path.write_bytes(content)
        try:
            read(path)
        except LookalikeError as error:
            assert "\n" not in str(error)


_READ = f"""{PEAK}
import sys
from lookalike.vectorfiles import open_vectors
with open_vectors(sys.argv[1]) as file:
    file.row(0)
    before = peak()
    rows = sum(len(block) for _, block in file.blocks())
    print(rows, (peak() - before) >> 10)
"""


@pytest.mark.parametrize("suffix", [".v5.mat", ".v73.mat", ".npz", ".fbin", ".safetensors", ".parquet"])
def test_memory_is_bounded(tmp_path: Path, suffix: str) -> None:
    """64 MiB are read within 40 more than a row takes."""
    rows = np.tile(np.arange(256, dtype=np.float32), (65_536, 1))
    path = tmp_path / f"large{suffix}"
    if suffix == ".v5.mat":
        mat5.savemat(path, {"feats": rows}, do_compression=True)
    elif suffix == ".v73.mat":
        with h5py.File(path, "w", userblock_size=512) as file:
            file.create_dataset("feats", data=rows.T, chunks=(256, 256)).attrs["MATLAB_class"] = np.bytes_(
                "single"
            )
    elif suffix == ".npz":
        np.savez_compressed(path, feats=rows, filenames=np.arange(65_536))
    elif suffix == ".fbin":
        path.write_bytes(np.array(rows.shape, "<u4").tobytes() + rows.tobytes())
    elif suffix == ".safetensors":
        tensors.save_file({"feats": rows}, path)
    else:
        column = pa.FixedSizeListArray.from_arrays(rows.reshape(-1), 256)
        parquet.write_table(pa.table({"embedding": column}), path, row_group_size=len(rows))
    del rows
    done = subprocess.run(
        [sys.executable, "-c", _READ, path], capture_output=True, text=True, check=True, timeout=60
    )
    count, more = map(int, done.stdout.split())
    assert count == 65_536
    assert more < 40
