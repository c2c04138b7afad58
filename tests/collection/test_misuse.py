"""Arguments of the wrong kind: an error of ours that names the argument, and nothing is written."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from small_pictures import draw  # type: ignore[import-not-found]
from tests.collection.afar import Create

from lookalike import Collection
from lookalike.errors import LookalikeError, VectorError
from lookalike.features.registry import FeatureSpec

VECTORS = np.random.default_rng(4).normal(size=(6, 3)).astype(np.float32)
NAMES = list("abcdef")


@pytest.fixture
def collection(create: Create, tmp_path: Path) -> Iterator[Collection]:
    with create(tmp_path / "c") as made:
        yield made


def state(collection: Collection) -> tuple[int, int]:
    return collection.info()["generation"], len(collection)


def refused(collection: Collection, named: str, call: Any) -> None:
    """Check that a call raises an error of ours, in one line that says `named`, and writes nothing."""
    before = state(collection)
    with pytest.raises(LookalikeError, match=named) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert state(collection) == before


class Bare:
    """An object of no use, not even as a key."""

    __hash__ = None  # type: ignore[assignment]


NO_PATHS = [None, 7, b"a.png", {"a": 1}, ["a.png", None], [b"a.png"], "a\0b", "", Bare(), 1.5, np.arange(3)]
NO_NUMBERS = [True, "2", 2.0, 0, -1, [2], None, np.float64(2), Decimal(2), Bare()]
NO_TEXTS = [7, b"vectors", ["vectors"], {"a": 1}, Bare(), np.str_, 1.5, True]
ADD = [
    *(("paths", value, "paths") for value in NO_PATHS),
    *(("metadata", value, "metadata") for value in NO_PATHS[1:]),
]
HOW = [
    *(("jobs", value, "jobs") for value in NO_NUMBERS if value is not None),
    *(("max_pixels", value, "max_pixels") for value in NO_NUMBERS),
    *(
        ("time_limit", value, "time_limit")
        for value in (True, "60", 0, -1, float("nan"), float("inf"), [1], Bare())
    ),
    *(("reread", value, "reread") for value in (1, "yes", None, Bare())),
    *(("features", value, "features") for value in (7, b"look", {"look": 1}, [None], [b"look"], [7], Bare())),
    ("listener", 7, "listener"),
    ("plan", "a", "plan"),
]


@pytest.mark.parametrize(("argument", "value", "named"), ADD)
def test_add(collection: Collection, tmp_path: Path, argument: str, value: Any, named: str) -> None:
    draw(tmp_path / "p", ["a.png"])
    arguments = {"paths": tmp_path / "p"} | {argument: value}
    refused(collection, named, lambda: collection.add(**arguments))


@pytest.mark.parametrize(("argument", "value", "named"), HOW)
def test_how_pictures_are_added(
    collection: Collection, tmp_path: Path, argument: str, value: Any, named: str
) -> None:
    draw(tmp_path / "p", ["a.png"])
    arguments: dict[str, Any] = {argument: value}
    refused(collection, named, lambda: collection.add(tmp_path / "p", **arguments))


def closed(tmp_path: Path) -> Any:
    with h5py.File(tmp_path / "closed.h5", "w") as file:
        return file.create_dataset("x", data=VECTORS)


NO_VECTORS: list[Any] = [
    None, 7, "abc", b"abc", {1.0: 2.0}, {1.0, 2.0}, iter(VECTORS), (row for row in VECTORS), [[1, 2], [3]], [],
    [[]], [["a", "b"]], [[None, 1]], VECTORS.astype(complex), VECTORS.astype("M8[s]"), VECTORS.astype(object),
    np.ma.masked_array(VECTORS, VECTORS > 0), np.zeros((2, 2, 2)), Bare(), object, [Bare()], VECTORS.astype("S"),
]  # fmt: skip


@pytest.mark.parametrize("vectors", NO_VECTORS, ids=lambda value: type(value).__name__)
def test_vectors(collection: Collection, vectors: Any) -> None:
    refused(collection, "vectors", lambda: collection.add_vectors(vectors))


def test_a_closed_dataset(collection: Collection, tmp_path: Path) -> None:
    refused(collection, "vectors", lambda: collection.add_vectors(closed(tmp_path)))


def test_vectors_that_cannot_be_read_to_their_end(collection: Collection) -> None:
    class Failing:
        shape = (10_000, 3)

        def __getitem__(self, rows: slice) -> Any:
            if rows.start:
                raise OSError("the disk is gone")
            return np.ones((rows.stop, 3), np.float32) * np.arange(rows.stop)[:, None]

    refused(collection, "vectors.*the disk is gone", lambda: collection.add_vectors(Failing()))


NO_LISTS = [
    7,
    "abcdef",
    b"abcdef",
    set(NAMES),
    frozenset(NAMES),
    dict.fromkeys(NAMES),
    iter(NAMES),
    Bare(),
    True,
]
ROWS = [
    *(("ids", value, "ids") for value in NO_LISTS),
    ("ids", (name for name in NAMES), "ids"),
    ("ids", dict.fromkeys(NAMES).keys(), "ids"),
    ("ids", np.ma.masked_equal(np.arange(6), 5), "ids"),
    ("ids", np.arange(6)[:, None], "ids"),
    ("ids", NAMES[:5], "5 ids"),
    ("ids", [*NAMES[:5], "a"], "'a'"),
    *(
        ("ids", [*NAMES[:5], one], "id")
        for one in (None, 1.5, True, b"f", "", "f\0", "\ud800", ["f"], Bare(), np.nan)
    ),
    *(("metadata", value, "metadata") for value in NO_LISTS),
    ("metadata", [{}] * 5, "5 metadata"),
    *(("metadata", [{}] * 5 + [one], "metadata: row 5") for one in (None, 7, "x", [1], Bare())),
    *(
        ("metadata", [{}] * 5 + [{"x": one}], "metadata")
        for one in (Bare(), {1, 2}, b"x", float("nan"), 2**63, 1j)
    ),
    ("metadata", [{}] * 5 + [{7: 1}], "metadata"),
    *(("feature", value, "feature") for value in [*NO_TEXTS, "", "no word", "look\n"]),
    *(("metric", value, "metric") for value in [*NO_TEXTS, "", "manhattan"]),
    *(("on_duplicate", value, "on_duplicate") for value in [*NO_TEXTS, None, "", "overwrite"]),
]


@pytest.mark.parametrize(("argument", "value", "named"), ROWS)
def test_add_vectors(collection: Collection, argument: str, value: Any, named: str) -> None:
    refused(collection, named, lambda: collection.add_vectors(VECTORS, **{argument: value}))


IMPORT = [
    *(("file", value, "file") for value in NO_PATHS),
    *(
        (name, value, name)
        for name in ("dataset", "names", "orientation", "feature", "metric")
        for value in NO_TEXTS
    ),
    *(("on_duplicate", value, "on_duplicate") for value in [*NO_TEXTS, None]),
    ("listener", 7, "listener"),
]


@pytest.mark.parametrize(("argument", "value", "named"), IMPORT)
def test_import_file(collection: Collection, tmp_path: Path, argument: str, value: Any, named: str) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["feats"] = VECTORS
    arguments = {"file": tmp_path / "v.h5"} | {argument: value}
    refused(collection, named, lambda: collection.import_file(**arguments))


@pytest.mark.parametrize("what", [None, 7, b"a", {"a": 1}, ["a", None], [7], [b"a"], Bare(), True, [""]])
def test_remove(collection: Collection, what: Any) -> None:
    collection.add_vectors(VECTORS, ids=NAMES)
    refused(collection, "no name", lambda: collection.remove(what))


@pytest.mark.parametrize("name", NO_TEXTS)
def test_remove_feature(collection: Collection, name: Any) -> None:
    refused(collection, "name", lambda: collection.remove_feature(name))


@pytest.mark.parametrize(
    "arguments", [(7, "look"), (None, "look"), ("f", 7), ("f", None), ("f", "look", 7), ("f", "look", ["a"])]
)
def test_a_feature_is_named_by_text(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(LookalikeError, match="feature"):
        FeatureSpec(*arguments)


class TestTaken:
    """What is as good as Python's own types."""

    def test_numbers_of_numpy(self, collection: Collection, tmp_path: Path) -> None:
        draw(tmp_path / "p", ["a.png"])
        numbers: dict[str, Any] = {
            "jobs": np.int32(1),
            "max_pixels": np.uint32(10_000),
            "time_limit": np.float32(60),
        }
        report = collection.add(tmp_path / "p", **numbers)
        assert report.added == 1

    @pytest.mark.parametrize(
        "ids", [tuple(NAMES), np.array(NAMES), range(6), np.arange(6), np.arange(6, dtype="u1")]
    )
    def test_ids(self, collection: Collection, ids: Any) -> None:
        collection.add_vectors(VECTORS, ids=ids)
        assert [source.id for source in collection.list()] == [str(one) for one in ids]

    def test_ids_of_pandas(self, collection: Collection) -> None:
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame(VECTORS, index=NAMES)
        collection.add_vectors(frame, ids=frame.index)
        assert [source.id for source in collection.list()] == NAMES

    def test_metadata_of_numpy(self, collection: Collection) -> None:
        fields = {
            "year": np.int64(2010),
            "price": np.float32(1.5),
            "new": np.bool_(True),
            "tags": [np.int8(1), "x"],
        }
        collection.add_vectors(VECTORS[:1], metadata=[fields])
        assert next(iter(collection.list())).metadata == {
            "year": 2010,
            "price": 1.5,
            "new": True,
            "tags": [1, "x"],
        }

    @pytest.mark.parametrize(
        "vectors",
        [VECTORS.tolist(), tuple(map(tuple, VECTORS)), VECTORS.astype("f2"), VECTORS > 0, VECTORS[:, ::2]],
    )
    def test_vectors(self, collection: Collection, vectors: Any) -> None:
        assert collection.add_vectors(vectors, ids=NAMES).added == 6

    def test_generators_of_paths_and_names(self, collection: Collection, tmp_path: Path) -> None:
        paths = draw(tmp_path / "p", ["a.png", "b.png"])
        assert collection.add(itertools.chain(paths)).added == 2
        assert collection.remove(iter(paths)) == 2


def test_a_masked_array_that_masks_nothing_is_refused_too(collection: Collection) -> None:
    with pytest.raises(VectorError, match="masked"):
        collection.add_vectors(np.ma.masked_array(VECTORS))
