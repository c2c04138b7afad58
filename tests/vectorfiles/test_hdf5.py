"""HDF5 files: either orientation, names, and everything that a file may declare and not hold."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.errors import VectorFileError
from lookalike.vectorfiles import open_vectors
from lookalike.vectorfiles.hdf5_filters import Pipeline

VECTORS = np.random.default_rng(7).normal(size=(103, 5)).astype(np.float32)
NAMES = [f"földer/{number}.jpg" for number in range(103)]
Fill = Callable[[h5py.File], Any]


def make(path: Path, fill: Fill, **options: Any) -> Path:
    with h5py.File(path, "w", **options) as file:
        fill(file)
    return path


def refused(path: Path, message: str, **options: Any) -> None:
    with pytest.raises(VectorFileError, match=message) as caught, open_vectors(path, **options) as file:
        for _ in file.blocks():
            pass
        list(file.names() or ())
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


STORED: dict[str, dict[str, Any]] = {
    "contiguous": {},
    "chunks": {"chunks": (16, 2)},
    "gzip": {"chunks": (16, 3), "compression": "gzip", "shuffle": True, "fletcher32": True},
    "lzf": {"chunks": (103, 1), "compression": "lzf", "shuffle": True},
    "growing": {"chunks": (2, 5), "maxshape": (None, None)},
}


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("orientation", ["rows", "columns"])
@pytest.mark.parametrize("text", ["variable", "fixed"])
def test_vectors_and_names_either_way(
    tmp_path: Path, libver: str, stored: str, orientation: str, text: str
) -> None:
    def fill(file: h5py.File) -> None:
        vectors = VECTORS if orientation == "rows" else VECTORS.T
        options = dict(STORED[stored])
        if "chunks" in options and orientation == "columns":
            options["chunks"] = options["chunks"][::-1]
        file.create_dataset("feats", data=vectors, **options)
        packed = {"chunks": (10,), "compression": "gzip"} if stored == "gzip" else {}
        if text == "variable":
            file.create_dataset("filenames", data=NAMES, dtype=h5py.string_dtype(), **packed)
        else:
            file.create_dataset("filenames", data=np.array([name.encode() for name in NAMES]), **packed)

    path = make(tmp_path / "v.h5", fill, libver=libver, userblock_size=512 if libver == "latest" else 0)
    with open_vectors(path) as file:
        assert (file.rows, file.dimension) == VECTORS.shape
        for rows_per_block in (None, 1, 10):
            blocks = [block for _, block in file.blocks(rows_per_block)]
            np.testing.assert_array_equal(np.concatenate(blocks), VECTORS)
        np.testing.assert_array_equal(file.row(57), VECTORS[57])
        for _ in range(2):
            assert list(file.names() or ()) == NAMES


def test_the_rule_of_orientation(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        file["feats"] = VECTORS
        file["square"] = VECTORS[:5]
        file["five"] = [b"x"] * 5
        file["six"] = [b"x"] * 6

    path = make(tmp_path / "v.h5", fill)
    with open_vectors(path) as file:
        assert (file.rows, file.names()) == (103, None)
    with open_vectors(path, orientation="columns") as file:
        assert (file.rows, file.dimension) == (5, 103)
    with open_vectors(path, names="five") as file:
        assert (file.rows, file.dimension) == (5, 103)
    refused(path, "read either way; give the orientation", dataset="square", names="five")
    for orientation, wanted in (("rows", VECTORS[0]), ("columns", VECTORS[:5, 0])):
        with open_vectors(path, dataset="square", names="five", orientation=orientation) as file:  # type: ignore[arg-type]
            np.testing.assert_array_equal(file.row(0), wanted)
    refused(path, "has 6 names, which does not fit", names="six")
    refused(path, "does not fit .* read as rows", names="five", orientation="rows")


def test_soft_links_within_the_file_are_followed(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        file["deep/x"] = VECTORS
        file["deep/y"] = h5py.SoftLink("x")
        file["feats"] = h5py.SoftLink("/deep/./y")

    with open_vectors(make(tmp_path / "v.h5", fill)) as file:
        np.testing.assert_array_equal(file.row(3), VECTORS[3])


def link(target: h5py.SoftLink | h5py.ExternalLink) -> Fill:
    return lambda file: file.__setitem__("feats", target)


def outer(file: h5py.File) -> None:
    file["elsewhere"] = h5py.ExternalLink("other.h5", "/")
    file["feats"] = h5py.SoftLink("elsewhere/feats")


def ring(file: h5py.File) -> None:
    file["feats"] = h5py.SoftLink("other")
    file["other"] = h5py.SoftLink("feats")


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((103, 5), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "feats", (103, 5))
    file.create_virtual_dataset("feats", layout)


def stored_chunk(content: bytes) -> Fill:
    def fill(file: h5py.File) -> None:
        dataset = file.create_dataset("feats", (500, 500), "f4", chunks=(500, 500), compression="gzip")
        dataset.id.write_direct_chunk((0, 0), content)

    return fill


def dataset(**options: Any) -> Fill:
    return lambda file: file.create_dataset("feats", **options)


def with_names(names: Any) -> Fill:
    def fill(file: h5py.File) -> None:
        file["feats"] = VECTORS[:2]
        file["filenames"] = names

    return fill


def half_written(file: h5py.File) -> None:
    file.create_dataset("feats", (100, 5), "f4", chunks=(10, 5))[:50] = 1


REFUSED: dict[str, tuple[Fill, str]] = {
    "external link": (link(h5py.ExternalLink("other.h5", "/feats")), "links outside itself"),
    "soft link to outside": (outer, "links outside itself"),
    "external storage": (dataset(shape=(103, 5), dtype="f4", external=[("raw", 0, 2060)]), "outside itself"),
    "virtual": (virtual, "links outside itself"),
    "ring": (ring, "more than 32 soft links"),
    "dangling": (link(h5py.SoftLink("/nothing")), "has no dataset 'feats'"),
    "group": (lambda file: file.create_group("feats"), "'feats' is not a dataset"),
    "huge": (dataset(shape=(10**12, 10**5), dtype="f4"), "more than the file holds"),
    "huge chunks": (dataset(shape=(10**12, 10**5), dtype="f4", chunks=(10**3, 10**3)), "than the file holds"),
    "half": (half_written, "5 of 10 chunks were never written"),
    "short chunk": (stored_chunk(zlib.compress(bytes(100))), r"chunk \(0, 0\) is damaged"),
    "bomb": (stored_chunk(zlib.compress(bytes(10**8))), r"chunk \(0, 0\) is damaged"),
    "torn chunk": (stored_chunk(zlib.compress(bytes(10**6))[:-9]), r"chunk \(0, 0\) is damaged"),
    "giant chunk": (
        lambda file: file.create_dataset(
            "feats", (2**15, 2**14), "f4", chunks=(2**15, 2**14), compression="gzip"
        ).id.write_direct_chunk((0, 0), b"x"),
        "write it again with smaller ones",
    ),
    "filter": (dataset(data=VECTORS, chunks=(10, 5), scaleoffset=3), "filter 'scaleoffset'"),
    "references": (dataset(shape=(3, 4), dtype=h5py.ref_dtype), "real numbers"),
    "text": (dataset(data=[[b"a"]]), "real numbers"),
    "ragged": (dataset(shape=(3, 4), dtype=h5py.vlen_dtype("f4")), "real numbers"),
    "complex": (dataset(data=VECTORS.astype("c8")), "real numbers"),
    "one axis": (dataset(data=VECTORS[0]), r"shape \(5,\)"),
    "three axes": (dataset(data=VECTORS[:100].reshape(2, 50, 5)), r"shape \(2, 50, 5\)"),
    "no shape": (dataset(data=h5py.Empty("f4")), "has no shape"),
    "no dimension": (dataset(data=VECTORS[:, :0]), "dimension 0"),
    "fractions as names": (with_names([1.5, 2]), "holds no text"),
    "table of names": (with_names([[b"a", b"b"], [b"c", b"d"]]), "names need"),
    "bad UTF-8": (with_names(np.array([b"a", b"\xff"])), r"name 1 is not UTF-8"),
    "giant names": (with_names(np.array([b"a", b"x" * 70_000])), "70000 bytes"),
    "giant text": (with_names(["a", "x" * 70_000]), "string of 70000 bytes; 65536 are allowed"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(tmp_path: Path, case: str) -> None:
    make(tmp_path / "other.h5", lambda file: file.__setitem__("feats", VECTORS))
    (tmp_path / "raw").write_bytes(bytes(2060))
    fill, message = REFUSED[case]
    here = Path.cwd()
    os.chdir(tmp_path)  # the links are relative, and would be found
    try:
        refused(make(tmp_path / "v.h5", fill), message)
    finally:
        os.chdir(here)


def test_a_missing_dataset_is_told_with_those_that_are_there(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        file["train"] = VECTORS
        file["more/test"] = VECTORS

    path = make(tmp_path / "v.h5", fill)
    refused(path, "no dataset 'feats'.*'more/test', 'train'")
    refused(path, "no dataset 'labels' for names.*'train'", dataset="train", names="labels")


FLIP = """
import random, signal, sys
from lookalike.errors import LookalikeError
from lookalike.vectorfiles import open_vectors

whole, path = open(sys.argv[1], "rb").read(), sys.argv[2]
generator = random.Random(int(sys.argv[3]))
signal.alarm(60)
opened = refused = 0
written = [place for place in range(len(whole)) if whole[place]]
for _ in range(150):
    damaged = bytearray(whole)
    for _ in range(generator.choice((1, 1, 4))):
        place = generator.choice(written) if generator.random() < 0.8 else generator.randrange(len(whole))
        damaged[place] = generator.choice((0, 1, 0xFF, damaged[place] ^ 0x80, generator.randrange(256)))
    with open(path, "wb") as file:
        file.write(damaged)
    try:
        with open_vectors(path) as vectors:
            for _ in vectors.blocks(5):
                pass
            list(vectors.names() or ())
        opened += 1
    except LookalikeError as error:
        assert "\\n" not in str(error)
        refused += 1
print(opened, refused)
"""


@pytest.mark.parametrize("stored", ["contiguous", "gzip"])
def test_flipped_bytes_neither_crash_nor_hang_nor_raise_anything_else(tmp_path: Path, stored: str) -> None:
    def fill(file: h5py.File) -> None:
        file.create_dataset(
            "feats",
            data=VECTORS[:12],
            **{**STORED[stored], "chunks": STORED[stored].get("chunks") and (4, 5)},
        )
        file["filenames"] = NAMES[:12]

    path = make(tmp_path / "v.h5", fill)
    command = [sys.executable, "-c", FLIP, str(path), str(tmp_path / "damaged.h5"), "5"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    opened, refused_ = map(int, run.stdout.split())
    assert opened > 5
    assert refused_ > 5


@settings(deadline=None, max_examples=60)
@given(
    numbers=st.lists(st.integers(0, 3), min_size=1, max_size=700),
    repeated=st.integers(1, 400),
    compression=st.sampled_from(["gzip", "lzf", None]),
    shuffle=st.booleans(),
    fletcher32=st.booleans(),
)
def test_chunks_are_decoded_to_what_was_written(
    numbers: list[int], repeated: int, compression: str | None, shuffle: bool, fletcher32: bool
) -> None:
    content = np.array(numbers * repeated, np.uint16)[:9000]
    with h5py.File("memory", "w", driver="core", backing_store=False) as file:
        stored = file.create_dataset(
            "x",
            data=content,
            chunks=content.shape,
            compression=compression,
            shuffle=shuffle,
            fletcher32=fletcher32,
        )
        mask, raw = stored.id.read_direct_chunk((0,))
        pipeline = Pipeline("x", stored.id.get_create_plist())
    assert pipeline.decoded(raw, mask, content.nbytes) == content.tobytes()
    assert pipeline.decoded(raw, mask, content.nbytes - 1) is None


def test_a_reference_longer_than_its_string_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path / "v.h5", with_names(["abc", "defg"]))
    damaged = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        place = file["filenames"].id.get_offset()
    for byte, message in ((0, "damaged heap"), (3, "string of 4278190083 bytes")):
        length = bytearray(damaged[place : place + 4])
        length[byte] = 0xFF
        path.write_bytes(damaged[:place] + length + damaged[place + 4 :])
        refused(path, message)


def test_a_heap_of_strings_that_never_ends_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path / "v.h5", with_names(["a", "b"]))
    damaged = bytearray(path.read_bytes())
    heap = damaged.index(b"GCOL")
    damaged[heap + 16 : heap + 32] = bytes(16)  # a free object of size zero
    path.write_bytes(damaged)
    refused(path, "damaged heap")
