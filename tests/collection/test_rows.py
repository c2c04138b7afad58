"""Vectors in: arrays and files become sources, all of them or none."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from small_pictures import counts, draw  # type: ignore[import-not-found]
from tests.collection.afar import Create

from lookalike import Collection
from lookalike.errors import (
    DuplicateIdError,
    FeatureMismatchError,
    InputError,
    LookalikeError,
    MetadataError,
    OptionError,
    UnknownIdError,
    VectorError,
    VectorFileError,
)

VECTORS = np.random.default_rng(3).normal(size=(20, 4)).astype(np.float32)
NAMES = [f"name{row}" for row in range(20)]


@pytest.fixture
def collection(create: Create, tmp_path: Path) -> Iterator[Collection]:
    with create(tmp_path / "c") as made:
        yield made


def hdf5(file: Path, vectors: Any = VECTORS, names: list[str] | None = NAMES, **where: str) -> Path:
    with h5py.File(file, "w") as made:
        made[where.get("dataset", "feats")] = vectors
        if names is not None:
            made[where.get("named", "filenames")] = names
    return file


def fvecs(file: Path, vectors: Any = VECTORS) -> Path:
    rows = np.empty((len(vectors), vectors.shape[1] + 1), dtype="<f4")
    rows[:, 0] = np.array([vectors.shape[1]], dtype="<i4").view("<f4")
    rows[:, 1:] = vectors
    rows.tofile(file)
    return file


def npy(file: Path, vectors: Any = VECTORS) -> Path:
    np.save(file, vectors)
    return file


def ids(collection: Collection) -> list[str]:
    return [source.id for source in collection.list()]


def state(collection: Collection) -> tuple[int, int, list[str]]:
    info = collection.info()
    return info["generation"], info["sources"], list(info["features"])


def nearest(query: np.ndarray, k: int = 5) -> list[int]:
    order: list[int] = np.argsort(np.linalg.norm(VECTORS - query, axis=1), kind="stable")[:k].tolist()
    return order


def test_names_become_ids(collection: Collection, tmp_path: Path) -> None:
    report = collection.import_file(hdf5(tmp_path / "f.h5"))
    assert counts(report) == {"added": 20}
    assert ids(collection) == NAMES
    hits = collection.search(f"{tmp_path}/f.h5#17", k=5)
    assert [hit.id for hit in hits] == [NAMES[row] for row in nearest(VECTORS[17])]
    assert hits[0].path == f"{tmp_path}/f.h5#17"
    assert [hit.id for hit in collection.search("name17", k=4)] == [hit.id for hit in hits[1:]]


@pytest.mark.parametrize("write", [npy, fvecs])
def test_files_without_names(collection: Collection, tmp_path: Path, write: Any) -> None:
    file = write(tmp_path / f"f.{write.__name__}")
    assert counts(collection.import_file(file)) == {"added": 20}
    hits = collection.search(f"{file}#3", k=5)
    assert [hit.path for hit in hits] == [f"{file}#{row}" for row in nearest(VECTORS[3])]
    np.testing.assert_allclose(
        [hit.distance for hit in hits],
        np.linalg.norm(VECTORS - VECTORS[3], axis=1)[nearest(VECTORS[3])],
        atol=1e-5,
    )
    # The same rows again are the same sources at the same places.
    assert counts(collection.import_file(file)) == {"duplicate": 20}
    assert len(collection) == 20


def test_equal_rows_without_names_are_one_source_of_many_places(
    collection: Collection, tmp_path: Path
) -> None:
    rows = np.repeat(VECTORS[:3], 1500, axis=0)  # over more than one block
    file = npy(tmp_path / "f.npy", rows)
    assert counts(collection.import_file(file)) == {"added": 3, "duplicate": 4497}
    assert [len(source.places) for source in collection.list()] == [1500] * 3
    assert collection.search(f"{file}#4499", k=1)[0].distance == pytest.approx(0, abs=1e-6)
    assert collection.remove(file) == 3


def where(collection: Collection) -> dict[str, list[str]]:
    """Row numbers, and file names if there is more than one file, by id."""
    return {
        source.id: [place.path.rpartition("/")[2] for place in source.places] for source in collection.list()
    }


class TestAFileThatHasChanged:
    def test_rows_without_names_that_are_gone_go(self, collection: Collection, tmp_path: Path) -> None:
        file = npy(tmp_path / "f.npy", VECTORS[:6])
        npy(tmp_path / "f.npy#1.npy", VECTORS[10:12])
        npy(tmp_path / "g.npy", VECTORS[4:5])
        for one in (file, tmp_path / "f.npy#1.npy", tmp_path / "g.npy"):
            collection.import_file(one)
        collection.add_vectors(VECTORS[15:16])  # lies nowhere
        npy(file, VECTORS[[0, 9, 2]])
        assert counts(collection.import_file(file)) == {"added": 1, "duplicate": 2}
        assert sorted(where(collection).values()) == sorted(
            [["f.npy#0"], ["f.npy#1"], ["f.npy#2"], ["f.npy#1.npy#0"], ["f.npy#1.npy#1"], ["g.npy#0"], []]
        )
        assert collection.search(VECTORS[1], k=1)[0].distance > 0.01, "a row that is gone is still found"
        assert collection.remove(file) == 3
        assert list(collection.verify()) == []

    @pytest.mark.parametrize("on_duplicate", ["replace", "skip"])
    def test_names_that_are_gone_go(self, collection: Collection, tmp_path: Path, on_duplicate: str) -> None:
        file = hdf5(tmp_path / "f.h5", VECTORS[:5], NAMES[:5])
        collection.import_file(file)
        collection.import_file(
            hdf5(tmp_path / "g.h5", VECTORS[3:4], NAMES[3:4]), on_duplicate="replace"
        )  # name3 lies in both
        collection.add_vectors(VECTORS[4:5], ids=NAMES[4:5], feature="other")
        hdf5(file, VECTORS[[2, 9, 0]], [NAMES[2], NAMES[9], NAMES[0]])
        collection.import_file(file, on_duplicate=on_duplicate)
        assert where(collection) == {
            "name0": ["f.h5#2"],
            "name2": ["f.h5#0"],
            "name3": ["g.h5#0"],
            "name4": [],
            "name9": ["f.h5#1"],
        }

    def test_skipped_rows_keep_one_place(self, collection: Collection, tmp_path: Path) -> None:
        file = hdf5(tmp_path / "f.h5", VECTORS[:3], ["a", "b", "a"])
        other = hdf5(tmp_path / "g.h5", VECTORS[4:6], ["b", "c"])
        for _ in range(2):
            collection.import_file(file, on_duplicate="skip")
            collection.import_file(other, on_duplicate="skip")
            assert where(collection) == {"a": ["f.h5#0"], "b": ["f.h5#1"], "c": ["g.h5#1"]}

    def test_another_feature_of_the_same_file_stays(self, collection: Collection, tmp_path: Path) -> None:
        file = hdf5(tmp_path / "f.h5", VECTORS, None)
        with h5py.File(file, "a") as made:
            made["short"] = VECTORS[:4, :3]
        collection.import_file(file, dataset="feats")
        for _ in range(2):
            collection.import_file(file, dataset="short", feature="short")
        assert len(collection) == 24
        assert collection.info()["features"].keys() == {"vectors", "short"}
        assert len(collection.search(VECTORS[1], k=30)) == 20

    def test_nothing_goes_when_the_import_is_refused(self, collection: Collection, tmp_path: Path) -> None:
        file = npy(tmp_path / "f.npy")
        collection.import_file(file)
        before = state(collection), where(collection)
        npy(file, np.vstack([VECTORS[:3], np.full((1, 4), np.nan)]))
        with pytest.raises(VectorError):
            collection.import_file(file)
        assert (state(collection), where(collection)) == before


def test_rows_are_queries_also_of_other_datasets(collection: Collection, tmp_path: Path) -> None:
    file = hdf5(tmp_path / "f.h5", VECTORS.T, dataset="group/emb", named="urls")
    collection.import_file(file, dataset="group/emb", names="urls")
    assert [hit.id for hit in collection.search(f"{file}#2", k=3)] == [
        NAMES[row] for row in nearest(VECTORS[2], 3)
    ]
    other = hdf5(tmp_path / "g.h5", VECTORS[:, :3], dataset="short")
    collection.import_file(other, feature="short", dataset="short")
    for one, feature in ((file, "vectors"), (other, "short")):
        hit = collection.search(f"{one}#2", features={feature: 1}, k=1)[0]
        assert hit.id == "name2"
        assert hit.distance == pytest.approx(0, abs=1e-6)


def test_an_id_may_look_like_a_row(collection: Collection) -> None:
    collection.add_vectors(VECTORS[:2], ids=["x.npy#1", "y"])
    assert [hit.id for hit in collection.search("x.npy#1")] == ["y"]


def test_two_features_of_the_same_sources(collection: Collection) -> None:
    collection.add_vectors(VECTORS, ids=NAMES, metadata=[{"row": row} for row in range(20)])
    report = collection.add_vectors(VECTORS[::-1], ids=NAMES[::-1], feature="turned", metric="cosine")
    assert counts(report) == {"refreshed": 20}
    assert len(collection) == 20
    hits = collection.search("name4", k=3)
    assert set(hits[0].features) == {"vectors", "turned"}
    assert hits[0].metadata["row"] == int(hits[0].id.removeprefix("name"))
    # A vector fits two features, so which is meant must be said.
    with pytest.raises(FeatureMismatchError, match="more than one"):
        collection.search(VECTORS[0])
    assert collection.search({"turned": VECTORS[0]}, features={"turned": 1}, k=1)[0].id == "name0"


class TestDuplicates:
    @pytest.fixture(autouse=True)
    def _stored(self, collection: Collection) -> None:
        collection.add_vectors(
            VECTORS[:4], ids=NAMES[:4], metadata=[{"of": "first", "row": r} for r in range(4)]
        )

    @pytest.mark.parametrize("again", [["name9", "name2"], ["name8", "name8"]])
    def test_an_error_changes_nothing(self, collection: Collection, again: list[str]) -> None:
        before = state(collection)
        with pytest.raises(DuplicateIdError, match=f"row 1.*{again[1]}"):
            collection.add_vectors(VECTORS[:2], ids=again)
        assert state(collection) == before
        assert list(collection.verify()) == []

    def test_skip_keeps_the_first(self, collection: Collection) -> None:
        report = collection.add_vectors(VECTORS[10:13], ids=["name1", "new", "new"], on_duplicate="skip")
        assert counts(report) == {"added": 1, "duplicate": 2}
        assert collection.search(VECTORS[1], k=1)[0].id == "name1"
        assert collection.search(VECTORS[11], k=1)[0].distance == pytest.approx(0, abs=1e-6)

    def test_replace_keeps_the_last(self, collection: Collection) -> None:
        number = next(source.number for source in collection.list() if source.id == "name1")
        report = collection.add_vectors(
            VECTORS[10:13],
            ids=["name1", "new", "new"],
            metadata=[{"of": "second"}] * 3,
            on_duplicate="replace",
        )
        assert report.added == 1
        assert len(collection) == 5
        for query, id_ in ((VECTORS[10], "name1"), (VECTORS[12], "new")):
            hit = collection.search(query, k=1)[0]
            assert (hit.id, hit.metadata["of"]) == (id_, "second")
            assert hit.distance == pytest.approx(0, abs=1e-6)
        assert collection.search(VECTORS[1], k=1)[0].distance > 0.01, "the old vector is still found"
        assert number == next(source.number for source in collection.list() if source.id == "name1")

    def test_replace_renews_the_record_of_the_bytes(self, collection: Collection, tmp_path: Path) -> None:
        (picture,) = draw(tmp_path / "pictures", ["a.png"])
        collection.add(picture)
        (of_picture,) = [source for source in collection.list() if source.kind == "picture"]
        collection.add_vectors(VECTORS[8:9], ids=[of_picture.id], feature="vectors")
        collection.add_vectors(
            VECTORS[10:14], ids=["name1", "new", "new", of_picture.id], on_duplicate="replace"
        )
        by_id = {source.id: source for source in collection.list()}
        for id_, row in {"name0": 0, "name1": 10, "new": 12}.items():
            raw = VECTORS[row].astype("<f4").tobytes()
            assert (by_id[id_].sha256, by_id[id_].size) == (hashlib.sha256(raw).hexdigest(), len(raw))
        assert (by_id[of_picture.id].sha256, by_id[of_picture.id].size) == (
            of_picture.sha256,
            of_picture.size,
        )

    def test_replace_over_blocks_keeps_the_last(self, collection: Collection) -> None:
        rows = np.zeros((5000, 4), dtype=np.float32)
        rows[:, 0] = np.arange(5000)
        many = ["same" if row % 2500 == 0 else f"row{row}" for row in range(5000)]
        collection.add_vectors(rows, ids=many, on_duplicate="replace")
        assert collection.search("same", k=1)[0].id in ("row2499", "row2501")

    def test_an_unknown_way(self, collection: Collection) -> None:
        with pytest.raises(OptionError, match="error, skip, replace"):
            collection.add_vectors(VECTORS, ids=NAMES, on_duplicate="overwrite")


def with_row(row: int, values: Any) -> np.ndarray:
    changed = VECTORS.repeat(150, axis=0)
    changed[row] = values
    return changed


@pytest.mark.parametrize(
    ("vectors", "options", "error", "named"),
    [
        (with_row(2500, np.nan), {}, VectorError, "row 2500"),
        (with_row(7, [0, np.inf, 0, 0]), {}, VectorError, "row 7 "),
        (with_row(2999, 0), {"metric": "cosine", "feature": "new"}, VectorError, "row 2999"),
        (VECTORS[:, :3], {}, FeatureMismatchError, "dimension"),
        (VECTORS, {"metric": "cosine"}, OptionError, "euclidean"),
        (VECTORS, {"metric": "manhattan", "feature": "new"}, OptionError, "manhattan"),
        (VECTORS, {"feature": "no word"}, OptionError, "no word"),
        (VECTORS, {"feature": ""}, OptionError, "simple word"),
        (VECTORS, {"ids": NAMES[:3]}, InputError, "3 ids"),
        (VECTORS, {"metadata": [{}]}, InputError, "1 metadata"),
        (VECTORS[:1], {"metadata": [{"x": float("nan")}], "ids": ["n"]}, MetadataError, "n"),
        (VECTORS[:1], {"ids": ["nul\0"]}, InputError, "NUL"),
        (VECTORS[:1], {"ids": [""]}, InputError, "'' cannot be an id"),
        (np.array([["a", "b", "c", "d"]]), {}, VectorError, "numbers"),
        (np.zeros((2, 2, 2)), {}, VectorError, "axes"),
        ([[1, 2], [3]], {}, VectorError, "no table"),
        (np.zeros((0, 0)), {"feature": "new"}, VectorError, "dimension 0"),
    ],
)
def test_what_is_refused_leaves_nothing(
    collection: Collection, vectors: Any, options: dict[str, Any], error: type[Exception], named: str
) -> None:
    collection.add_vectors(VECTORS[:1], ids=["there"])
    before = state(collection)
    with pytest.raises(error, match=named):
        collection.add_vectors(vectors, **options)
    assert state(collection) == before


def test_a_file_that_is_refused_leaves_nothing(collection: Collection, tmp_path: Path) -> None:
    for file in (
        npy(tmp_path / "nan.npy", with_row(2500, np.nan)),
        hdf5(tmp_path / "twice.h5", names=NAMES[:19] + NAMES[:1]),
        tmp_path / "missing.npy",
        tmp_path / "vectors.txt",
    ):
        with pytest.raises(
            LookalikeError, match=file.name.split(".")[0] if "twice" not in file.name else "name0"
        ):
            collection.import_file(file)
        assert state(collection) == (0, 0, [])
    with pytest.raises(OptionError, match="means nothing"):
        collection.import_file(npy(tmp_path / "f.npy"), dataset="feats")
    with pytest.raises(VectorFileError, match="nothing"):
        collection.import_file(hdf5(tmp_path / "g.h5"), dataset="nothing")
    assert state(collection) == (0, 0, [])


@pytest.mark.parametrize("query", ["f.npy#20", "f.npy#99999999999", "missing.npy#0", "f.npy"])
def test_rows_that_are_not_there(collection: Collection, tmp_path: Path, query: str) -> None:
    collection.import_file(npy(tmp_path / "f.npy"))
    with pytest.raises(LookalikeError, match=query.split("#")[0]):
        collection.search(f"{tmp_path}/{query}")


@pytest.mark.parametrize(
    "query",
    [
        {},
        VECTORS[:2],
        np.float32(1),
        np.full(4, np.nan),
        np.zeros((0, 4)),
        [1.0, 2.0, 3.0, 4.0],
        7,
        None,
        b"",
    ],
)
def test_queries_that_make_no_sense(collection: Collection, query: Any) -> None:
    collection.add_vectors(VECTORS)
    with pytest.raises(LookalikeError):
        collection.search(query)


def test_an_empty_import(collection: Collection) -> None:
    assert counts(collection.add_vectors(np.zeros((0, 4), dtype=np.float32))) == {}
    assert len(collection.search(VECTORS[0])) == 0


def test_pictures_and_vectors_live_side_by_side(collection: Collection, tmp_path: Path) -> None:
    paths = draw(tmp_path / "pictures", ["a.png", "b.png"])
    collection.add(paths, jobs=1)
    with pytest.raises(FeatureMismatchError, match="look"):
        collection.add_vectors(VECTORS, feature="look")
    by_path = {source.places[0].path: source.id for source in collection.list()}
    collection.add_vectors(VECTORS[:2], ids=[by_path[str(path)] for path in paths], feature="taste")
    collection.add_vectors(VECTORS[2:], ids=NAMES[2:], feature="taste")
    hits = collection.search(by_path[str(paths[0])], k=100)
    both = [hit.path for hit in hits if set(hit.features) == {"look", "taste"}]
    assert both == [str(paths[1])]  # only it has both features; the others are compared by their taste
    assert len(hits) == len(collection) - 1
    assert [hit.features.keys() for hit in collection.search(paths[0], k=2)] == [{"look"}]
    with pytest.raises(UnknownIdError):
        collection.remove(["name2", "nobody"])
    assert collection.remove(["name2", str(paths[0])]) == 2
    assert len(collection) == 18
