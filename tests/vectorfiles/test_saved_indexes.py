"""Indexes that other libraries saved give back what went in, to the last bit, or the reason why they cannot."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tests.peak_memory import PEAK
from tests.vectorfiles.damage import flipped

from lookalike import Collection
from lookalike.errors import (
    FeatureMismatchError,
    LookalikeError,
    OptionError,
    VectorFileError,
)
from lookalike.vectorfiles.saved import SavedIndex, library_of

Floats = npt.NDArray[np.float32]
D = 17
VECTORS: Floats = np.random.default_rng(5).normal(0, 3, (500, D)).astype(np.float32)
BITS = VECTORS > 0
CODES = np.packbits(BITS, axis=1)
EVERY_THIRD = np.arange(0, 3 * len(VECTORS), 3)


def save_annoy(path: Path, metric: str, vectors: Any = VECTORS, without: int | None = None) -> Path:
    annoy = pytest.importorskip("annoy")
    index = annoy.AnnoyIndex(vectors.shape[1], metric)
    for number, vector in enumerate(vectors):
        if number != without:
            index.add_item(number, vector)
    index.build(2)
    index.save(str(path))
    return path


def save_faiss(path: Path, factory: str, metric: str = "L2", ids: Any = None) -> Path:
    faiss = pytest.importorskip("faiss")
    index = faiss.index_factory(D, factory, getattr(faiss, f"METRIC_{metric}"))
    faiss.omp_set_num_threads(1)
    index.train(VECTORS)
    if ids is None:
        index.add(VECTORS)
    else:
        index.add_with_ids(VECTORS, ids)
    faiss.write_index(index, str(path))
    return path


def save_hnswlib(path: Path, space: str, deleted: int | None = None) -> Path:
    hnswlib = pytest.importorskip("hnswlib")
    index = hnswlib.Index(space, D)
    index.init_index(2 * len(VECTORS))
    index.add_items(VECTORS, EVERY_THIRD, num_threads=1)
    if deleted is not None:
        index.mark_deleted(deleted)
    index.save_index(str(path))
    return path


def save_usearch(
    path: Path, metric: str, dtype: str | None, vectors: Any = VECTORS, multi: bool = False
) -> Path:
    usearch = pytest.importorskip("usearch.index")
    index = usearch.Index(ndim=D, metric=metric, dtype=dtype, multi=multi)
    index.add(EVERY_THIRD[: len(vectors)], vectors)
    index.save(str(path))
    return path


def save_voyager(path: Path, space: str, kind: str = "Float32", deleted: int | None = None) -> Path:
    voyager = pytest.importorskip("voyager")
    index = voyager.Index(
        getattr(voyager.Space, space), D, storage_data_type=getattr(voyager.StorageDataType, kind)
    )
    index.add_items(
        VECTORS / np.abs(VECTORS).max() if kind == "Float8" else VECTORS, EVERY_THIRD, num_threads=1
    )
    if deleted is not None:
        index.mark_deleted(deleted)
    index.save(str(path))
    return path


def read(path: Path, library: str | None = None, **options: Any) -> tuple[str, list[str], Any]:
    """Return the metric, the names and the rows of a saved index."""
    found = library or library_of(path)
    assert found is not None
    with SavedIndex(path, found, **options) as index:
        names = list(index.names())
        blocks = [block for _, block in index.blocks(64)]
        assert len(names) == index.rows == sum(len(block) for block in blocks)
        assert np.array_equal(index.row(index.rows - 1), blocks[-1][-1])
        return index.metric, names, np.concatenate(blocks)


@pytest.mark.parametrize(
    ("name", "metric"),
    [("angular", "cosine"), ("euclidean", "euclidean"), ("dot", "dot"), ("hamming", "hamming")],
)
def test_annoy(tmp_path: Path, name: str, metric: str) -> None:
    given = BITS.astype(np.float32) if name == "hamming" else VECTORS
    path = save_annoy(tmp_path / "index", name, given, without=5)
    assert library_of(path) is None  # nothing in the file tells
    assert library_of(tmp_path / "index.ann") == "annoy"
    found, names, rows = read(path, "annoy", dimension=D, metric=name)
    kept = np.arange(len(VECTORS)) != 5
    assert found == metric
    assert names == [str(number) for number in np.flatnonzero(kept)]
    assert np.array_equal(rows, (CODES if name == "hamming" else VECTORS)[kept])


def test_annoys_manhattan_is_read_as_what_is_compared_here(tmp_path: Path) -> None:
    path = save_annoy(tmp_path / "index", "manhattan")
    with pytest.raises(OptionError, match="no metric 'manhattan' here"):
        read(path, "annoy", dimension=D, metric="manhattan")
    assert np.array_equal(read(path, "annoy", dimension=D, metric="euclidean")[2], VECTORS)


@pytest.mark.parametrize("saved", ["angular", "euclidean", "dot", "hamming"])
def test_annoys_files_of_another_metric_or_dimension_are_refused(tmp_path: Path, saved: str) -> None:
    path = save_annoy(tmp_path / "index", saved, BITS.astype(np.float32) if saved == "hamming" else VECTORS)
    others = [(D, metric) for metric in ("angular", "euclidean", "dot", "hamming") if metric != saved]
    # Of codes, more bits than there are lie in the same words, and are zero.
    others += [(dimension, saved) for dimension in (D - 1, D + 1, 2 * D)[: 1 if saved == "hamming" else 3]]
    for dimension, metric in others:
        with pytest.raises(VectorFileError, match="no index that Annoy saved with dimension"):
            read(path, "annoy", dimension=dimension, metric=metric)


@pytest.mark.parametrize("options", [{}, {"dimension": D}, {"metric": "angular"}])
def test_annoy_needs_both(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="give both"):
        read(save_annoy(tmp_path / "index", "angular"), "annoy", **options)


@pytest.mark.parametrize(("metric", "name"), [("L2", "euclidean"), ("INNER_PRODUCT", "dot")])
@pytest.mark.parametrize(
    "factory", ["Flat", "IVF8,Flat", "HNSW8,Flat", "IDMap,Flat", "IDMap2,HNSW8", "IDMap,IVF8,Flat"]
)
def test_faiss(tmp_path: Path, factory: str, metric: str, name: str) -> None:
    mapped = factory.startswith(("IDMap", "IVF"))
    path = save_faiss(tmp_path / "index", factory, metric, EVERY_THIRD + 1 if mapped else None)
    assert library_of(path) == "faiss"
    found, names, rows = read(path)
    order = np.argsort([int(one) for one in names])
    assert found == name
    assert [names[at] for at in order] == [str(3 * at + 1 if mapped else at) for at in range(len(VECTORS))]
    assert np.array_equal(rows[order], VECTORS)


@pytest.mark.parametrize("factory", ["PQ17x2", "SQfp16", "IVF4,SQ8", "L2norm,Flat", "IDMap,SQ8"])
def test_what_faiss_does_not_keep_is_refused(tmp_path: Path, factory: str) -> None:
    path = save_faiss(tmp_path / "index", factory, ids=EVERY_THIRD if "IDMap" in factory else None)
    with pytest.raises(
        VectorFileError, match=r"not known to keep the vectors that went in.*import the original"
    ):
        read(path)


def test_faiss_compares_by_more_metrics(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="metric 2"):
        read(save_faiss(tmp_path / "index", "Flat", "L1"))


@pytest.mark.parametrize(("space", "metric"), [("l2", "euclidean"), ("ip", "dot")])
def test_hnswlib(tmp_path: Path, space: str, metric: str) -> None:
    path = save_hnswlib(tmp_path / "index", space, deleted=30)
    assert library_of(path) == "hnswlib"
    kept = EVERY_THIRD != 30
    for asked in (space, metric):
        found, names, rows = read(path, metric=asked, dimension=D)
        assert (found, names) == (metric, [str(label) for label in EVERY_THIRD[kept]])
        assert np.array_equal(rows, VECTORS[kept])
    with pytest.raises(OptionError, match="does not tell its space"):
        read(path)
    with pytest.raises(
        OptionError, match=f"dimension {D}, not 16"
    ):  # hnswlib itself would read 16 numbers a row
        read(path, metric=space, dimension=16)


@pytest.mark.parametrize("library", ["hnswlib", "voyager"])
def test_unit_vectors_are_given_only_to_who_asks_for_them(tmp_path: Path, library: str) -> None:
    path = tmp_path / "index"
    if library == "hnswlib":
        save_hnswlib(path, "cosine")
    else:
        save_voyager(path, "Cosine")
    with pytest.raises(VectorFileError, match="divides vectors by their lengths"):
        read(path, metric="cosine")
    metric, _, rows = read(path, metric="dot")
    assert metric == "dot"
    np.testing.assert_allclose(rows, VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True), atol=1e-6)


@pytest.mark.parametrize(("name", "metric"), [("cos", "cosine"), ("ip", "dot"), ("l2sq", "euclidean")])
def test_usearch(tmp_path: Path, name: str, metric: str) -> None:
    path = save_usearch(tmp_path / "index", name, "f64" if name == "ip" else "f32")
    assert library_of(path) == "usearch"
    found, names, rows = read(path)
    assert (found, names) == (metric, [str(key) for key in EVERY_THIRD])
    assert np.array_equal(rows, VECTORS)


def test_bits_of_usearch(tmp_path: Path) -> None:
    path = save_usearch(tmp_path / "index", "hamming", "b1", CODES)
    with SavedIndex(path, "usearch") as index:
        assert (index.metric, index.dimension, index.width) == ("hamming", D, CODES.shape[1])
    assert np.array_equal(read(path)[2], CODES)


@pytest.mark.parametrize("dtype", [None, "bf16", "f16", "i8"])
def test_what_usearch_rounds_is_refused(tmp_path: Path, dtype: str | None) -> None:
    with pytest.raises(VectorFileError, match="to which USearch rounds what goes in"):
        read(save_usearch(tmp_path / "index", "cos", dtype))


def test_what_usearch_compares_otherwise_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="an index of Divergence"):
        read(save_usearch(tmp_path / "divergence", "divergence", "f32"))
    with pytest.raises(VectorFileError, match="several vectors under a key"):
        read(save_usearch(tmp_path / "multi", "cos", "f32", multi=True))


@pytest.mark.parametrize(("space", "metric"), [("Euclidean", "euclidean"), ("InnerProduct", "dot")])
def test_voyager(tmp_path: Path, space: str, metric: str) -> None:
    path = save_voyager(tmp_path / "index", space, deleted=30)
    assert library_of(path) == "voyager"
    found, names, rows = read(path)
    kept = EVERY_THIRD != 30
    assert (found, names) == (metric, [str(label) for label in EVERY_THIRD[kept]])
    assert np.array_equal(rows, VECTORS[kept])


@pytest.mark.parametrize("kind", ["Float8", "E4M3"])
def test_what_voyager_rounds_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(VectorFileError, match=f"keeps {kind}"):
        read(save_voyager(tmp_path / "index", "Euclidean", kind))


SAVED: dict[str, tuple[Callable[[Path], Path], dict[str, Any]]] = {
    "annoy": (lambda path: save_annoy(path, "angular"), {"dimension": D, "metric": "angular"}),
    "faiss": (lambda path: save_faiss(path, "IDMap,Flat", ids=EVERY_THIRD), {}),
    "hnswlib": (lambda path: save_hnswlib(path, "l2"), {"metric": "l2"}),
    "usearch": (lambda path: save_usearch(path, "cos", "f32"), {}),
    "voyager": (lambda path: save_voyager(path, "Euclidean"), {}),
}


@pytest.mark.parametrize("library", SAVED)
def test_files_that_were_cut_short_are_refused(tmp_path: Path, library: str) -> None:
    save, options = SAVED[library]
    whole = save(tmp_path / "whole").read_bytes()
    cut = tmp_path / "cut"
    for length in (0, 3, 97, len(whole) // 2):
        cut.write_bytes(whole[:length])
        with pytest.raises((VectorFileError, OptionError)) as refused:
            read(cut, library, **options)
        assert str(cut) in str(refused.value)
        assert "\n" not in str(refused.value)


FLIPPED: dict[str, tuple[Callable[[Path], Path], str, dict[str, Any]]] = {
    **{library: (save, library, options) for library, (save, options) in SAVED.items()},
    "annoy of bits": (
        lambda path: save_annoy(path, "hamming", BITS.astype(np.float32)),
        "annoy",
        {"dimension": D, "metric": "hamming"},
    ),
    "lists of faiss": (lambda path: save_faiss(path, "IDMap,IVF8,Flat", ids=EVERY_THIRD), "faiss", {}),
    "graph of faiss": (lambda path: save_faiss(path, "HNSW8,Flat"), "faiss", {}),
    "usearch of bits": (lambda path: save_usearch(path, "hamming", "b1", CODES), "usearch", {}),
}


def read_whatever_it_is(path: Path, library: str, options: dict[str, Any]) -> None:
    """Read a damaged index; what is read has the shape that it is said to have."""
    assert library_of(path) in {None, *SAVED}
    with SavedIndex(path, library, **options) as index:
        assert sum(1 for _ in index.names()) == index.rows
        for first in range(0, index.rows, 64):
            rows = index.raw(first, min(first + 64, index.rows))
            assert rows.shape == (min(64, index.rows - first), index.width)
        for _, block in index.blocks(64):
            assert block.shape[1] == index.width
        if index.rows:
            assert index.row(index.rows - 1).shape == (index.width,)


@pytest.mark.parametrize("kind", FLIPPED)
def test_files_with_other_bytes_are_refused_or_read(tmp_path: Path, kind: str) -> None:
    save, library, options = FLIPPED[kind]
    path = save(tmp_path / "index")
    for content in flipped(path.read_bytes(), 6):
        path.write_bytes(content)
        with contextlib.suppress(LookalikeError):
            read_whatever_it_is(path, library, options)


@pytest.mark.parametrize("library", ["faiss", "usearch", "voyager"])
def test_another_metric_or_dimension_than_the_files_is_refused(tmp_path: Path, library: str) -> None:
    path = SAVED[library][0](tmp_path / "index")
    with pytest.raises(
        OptionError, match=rf"index of \w+, not of {'euclidean' if library == 'usearch' else 'cosine'}"
    ):
        read(path, metric="l2" if library == "usearch" else "cos")
    with pytest.raises(OptionError, match=f"dimension {D}, not 18"):
        read(path, dimension=18)


@pytest.mark.parametrize("library", SAVED)
def test_files_of_another_library_are_refused(tmp_path: Path, library: str) -> None:
    other = "voyager" if library == "faiss" else "faiss"
    path = SAVED[other][0](tmp_path / "index")
    with pytest.raises(VectorFileError, match="index"):
        read(path, library, **SAVED[library][1])


def test_what_is_imported_is_found(tmp_path: Path) -> None:
    path = save_faiss(tmp_path / "shop.faiss", "IDMap,Flat", "INNER_PRODUCT", EVERY_THIRD)
    with Collection.create(tmp_path / "collection") as collection:
        assert collection.import_file(path).added == len(VECTORS)
        (record,) = collection.features().values()
        assert (record.metric, record.dimension) == ("dot", D)
        best = np.argsort(-VECTORS @ VECTORS[7], kind="stable")[:6]
        hits = collection.search(VECTORS[7], k=6)
        assert [hit.id for hit in hits] == [str(3 * row) for row in best]
        with pytest.raises(OptionError, match="compared by dot, not euclidean"):
            collection.import_file(save_faiss(tmp_path / "l2.faiss", "Flat"))
        with pytest.raises(OptionError, match="leave it out"):
            collection.import_file(path, dataset="feats", feature="other")
        annoy = save_annoy(tmp_path / "wide.ann", "dot", np.ones((3, D + 1), np.float32))
        with pytest.raises(FeatureMismatchError, match=f"has dimension {D}"):
            collection.import_file(annoy, dimension=D + 1, metric="dot")


def test_lines_of_a_text_file_name_ids(tmp_path: Path) -> None:
    path = save_hnswlib(tmp_path / "index.bin", "l2")
    lines = [f"picture {number}.jpg" for number in range(3 * len(VECTORS))]
    names = tmp_path / "names.txt"
    names.write_text("\n".join(lines), encoding="utf-8")
    with Collection.create(tmp_path / "collection") as collection:
        collection.import_file(path, metric="l2", names=str(names))
        assert collection.search(VECTORS[2], k=1)[0].id == "picture 6.jpg"
    for content, problem in (
        (b"a\nb\n", "has 2 lines, and none for id 3"),
        (b"\xff", "not UTF-8"),
        (None, "No such"),
    ):
        names.unlink()
        if content is not None:
            names.write_bytes(content)
        with Collection.create(tmp_path / problem) as other, pytest.raises(LookalikeError, match=problem):
            other.import_file(path, metric="l2", names=str(names))
        with Collection.open(tmp_path / problem) as other:
            assert len(other) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell the peak of memory so")
def test_a_large_index_is_never_held_whole(tmp_path: Path) -> None:
    faiss = pytest.importorskip("faiss")
    index = faiss.IndexFlatL2(256)
    index.add(np.zeros((150_000, 256), np.float32))  # 154 MB
    faiss.write_index(index, str(tmp_path / "index"))
    program = (
        f"{PEAK}\nimport sys\nfrom pathlib import Path\nfrom lookalike.vectorfiles.saved import SavedIndex\n"
        "with SavedIndex(Path(sys.argv[1]), 'faiss') as index:\n"
        "    before = peak()\n    for first, block in index.blocks(): pass\n"
        "    print(peak() - before)"
    )
    printed = subprocess.check_output([sys.executable, "-c", program, str(tmp_path / "index")], text=True)
    assert int(printed) < 48 * 1024  # KiB: a few blocks of 8 MiB
