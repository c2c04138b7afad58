"""Every argument of every public method of an index: what is no such thing is refused, by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from lookalike import Index, LookalikeError
from lookalike.hashing import CrossPolytope, FamilySpec
from lookalike.index.io.array_directory import LOCK
from lookalike.index.queries import MOST_PADDED

ROWS, DIMENSION = 50, 6
VECTORS: Any = np.random.default_rng(0).normal(size=(ROWS, DIMENSION)).astype(np.float32)


class Unshowable:
    """A value that cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


def closed_dataset() -> Any:
    file = h5py.File("closed.h5", "w", driver="core", backing_store=False)
    dataset = file.create_dataset("vectors", data=VECTORS)
    file.close()
    return dataset


NOTHING_OF_THE_KIND: dict[str, Any] = {
    "text": "abc",
    "bytes": b"abc",
    "a set": {1, 2},
    "a dict": {1: 2},
    "a generator": (number for number in range(3)),
    "an object": object(),
    "what cannot be shown": Unshowable(),
    "complex": 1j,
    "a date": np.datetime64("2026-01-01"),
    "a function": len,
    "a class": int,
}
NONE: dict[str, Any] = {"None": None}
NOT_NUMBERS: dict[str, Any] = {
    "ragged lists": [[1, 2], [3]],
    "objects": np.array([None] * DIMENSION),
    "texts": ["1"] * DIMENSION,
    "dates": np.array(["2026-01-01"] * DIMENSION, dtype="M8[D]"),
    "complex numbers": np.full(DIMENSION, 1j),
    "huge integers": [10**400] * DIMENSION,
    "a masked array": np.ma.masked_array(VECTORS[:1], mask=VECTORS[:1] > 0),
    "a masked array that hides nothing": np.ma.masked_array(VECTORS[:1]),
    "a table of texts": pd.DataFrame({"a": ["x"]}),
    "records": np.zeros(2, dtype=[("a", "f4")]),
}
BAD_VECTORS = {
    **NOTHING_OF_THE_KIND,
    **NOT_NUMBERS,
    **NONE,
    "no axis": np.array(3.0),
    "three axes": np.zeros((1, 1, DIMENSION)),
    "NaN": np.full(DIMENSION, np.nan),
    "infinity": np.full(DIMENSION, np.inf),
    "what float32 cannot hold": np.full(DIMENSION, 1e300),
    "an empty list": [],
    "a closed dataset": closed_dataset(),
}
BAD_IDS = {
    **NOTHING_OF_THE_KIND,
    **NOT_NUMBERS,
    "a number": 3,
    "two axes": [[1, 2]],
    "negative": [-1],
    "beyond 63 bits": [2**63],
    "fractions": [0.5],
    "booleans": [True],
    "an empty list of texts": np.array([], dtype=str),
    "an empty table": np.empty((0, 2), dtype=int),
}
BAD_NUMBERS = {
    **NOTHING_OF_THE_KIND,
    "a list": [1],
    "an array": np.array([1]),
    "text of a number": "1",
    "True": True,
    "NumPy's True": np.True_,
    "NaN": float("nan"),
    "masked": np.ma.masked,
}
BAD_COUNTS = {
    **BAD_NUMBERS,
    "a fraction": 0.5,
    "infinity": float("inf"),
    "huge": 10**5000,
    "negative": -2,
    "a float": 1.0,
}
BAD_PATHS = {**NOTHING_OF_THE_KIND, "text": "a\0b", "a number": 3, "a lone surrogate": "\ud800"}
BAD: Mapping[str, Mapping[str, Any]] = {
    "vectors": BAD_VECTORS,
    "ids": {**BAD_IDS, **NONE},
    "ids or None": BAD_IDS,
    "ids or mask": {name: ids for name, ids in BAD_IDS.items() if name != "booleans"},
    "count": {**BAD_COUNTS, **NONE},
    "count or None": BAD_COUNTS,
    "count from 1": {**BAD_COUNTS, **NONE, "0": 0},
    "k": {**BAD_COUNTS, **NONE, "0": 0, "10**12": 10**12, "2**63": 2**63, "more than fit": MOST_PADDED + 1},
    "distance": {**BAD_NUMBERS, "huge": 10**400},
    "distance from 0": {
        **BAD_NUMBERS,
        **NONE,
        "huge": 10**400,
        "infinity": float("inf"),
        "negative": -0.5,
    },
    "share": {**BAD_NUMBERS, **NONE, "0": 0, "above 1": 1.01, "negative": -0.5},
    "share or None": {**BAD_NUMBERS, "0": 0, "above 1": 1.01, "negative": -0.5},
    "threads": {**BAD_COUNTS, **NONE, "0": 0, "10**12": 10**12},
    "metric": {
        **NOTHING_OF_THE_KIND,
        **NONE,
        "an array": np.array(["cosine", "dot"]),
        "another name": "manhattan",
    },
    "family": {
        **{name: bad for name, bad in NOTHING_OF_THE_KIND.items() if name != "a generator"},
        "the class of one": CrossPolytope,
        "another name": "minhash",
        "a number": 3,
    },
    "path": {**BAD_PATHS, **NONE},
    "path or None": BAD_PATHS,
    "blocks": {**NOTHING_OF_THE_KIND, **NONE, "no pairs": [([1],)], "numbers": [1, 2]},
    "flag": {},
}
GOOD_NUMBERS: dict[str, Any] = {
    "an int": 1,
    "NumPy's float": np.float32(0.75),
    "a fraction": Fraction(1, 2),
    "no axes": np.array(0.5),
}
GOOD_COUNTS: dict[str, Any] = {"NumPy's": np.int64(3), "of few bits": np.uint8(3), "no axes": np.array(3)}
GOOD: Mapping[str, Mapping[str, Any]] = {
    "vectors": {
        "one": VECTORS[0],
        "lists": VECTORS[:1].tolist(),
        "Fortran order": np.asfortranarray(VECTORS)[:1],
        "negative strides": VECTORS[:1, ::-1],
        "big-endian": VECTORS[:1].astype(">f4"),
        "float64": VECTORS[:1].astype(np.float64),
        "whole numbers": np.arange(DIMENSION, dtype=">i8"),
        "booleans": [True] * DIMENSION,
        "a table": pd.DataFrame(VECTORS[:1]),
        "a column": pd.Series(VECTORS[0]),
    },
    "ids": {
        "NumPy's": np.array([7], np.uint8),
        "a tuple": (7,),
        "a range": range(7, 8),
        "a column": pd.Series([7]),
    },
    "count": GOOD_COUNTS,
    "count from 1": GOOD_COUNTS,
    "k": {**GOOD_COUNTS, "more than there are": 10**6},
    "count or None": {**GOOD_COUNTS, **NONE},
    "distance": {**GOOD_NUMBERS, **NONE, "infinity": float("inf"), "negative": -1, "huge": 1e300},
    "distance from 0": {**GOOD_NUMBERS, "0": 0, "huge": 1e300},
    "share": GOOD_NUMBERS,
    "share or None": {**GOOD_NUMBERS, **NONE},
    "threads": {**GOOD_COUNTS, "all": -1},
    "family": {**NONE, "a name": "p-stable", "a spec": FamilySpec("hyperplane", {"bits": 4})},
}


def read_only() -> Any:
    vectors = VECTORS[:1].copy()
    vectors.flags.writeable = False
    return vectors


def pairs() -> list[Any]:
    return [(range(ROWS), VECTORS)]


# Of each public method: its arguments' kinds, and arguments with which it is called but for the one that is tried.
SEARCH: dict[str, str] = {
    "queries": "vectors",
    "k": "k",
    "allow": "ids or mask",
    "max_distance": "distance",
    "recall": "share or None",
    "n_jobs": "threads",
}
METHODS: dict[str, tuple[dict[str, str], Callable[[Path], dict[str, Any]]]] = {
    "build": (
        {
            "vectors": "vectors",
            "metric": "metric",
            "ids": "ids or None",
            "recall": "share",
            "seed": "count",
            "n_jobs": "threads",
            "family": "family",
            "scan_below": "count or None",
            "path": "path or None",
        },
        lambda folder: {"vectors": VECTORS},
    ),
    "build_from_blocks": (
        {
            "blocks": "blocks",
            "path": "path",
            "dimension": "count from 1",
            "metric": "metric",
            "recall": "share",
            "seed": "count",
            "n_jobs": "threads",
            "family": "family",
            "scan_below": "count or None",
            "stamp": "count",
        },
        lambda folder: {"blocks": pairs(), "path": folder / "index", "dimension": DIMENSION},
    ),
    "open": ({"path": "path", "verify": "flag"}, lambda folder: {"path": folder}),
    "save": ({"path": "path", "stamp": "count or None"}, lambda folder: {"path": folder / "index"}),
    "publish": ({}, lambda folder: {}),
    "close": ({}, lambda folder: {}),
    "view": ({}, lambda folder: {}),
    "ids": ({}, lambda folder: {}),
    "stats": ({}, lambda folder: {}),
    "vectors": ({"ids": "ids"}, lambda folder: {}),
    "contains": ({"ids": "ids"}, lambda folder: {}),
    "add": ({"ids": "ids", "vectors": "vectors"}, lambda folder: {"ids": [900], "vectors": VECTORS[:1]}),
    "remove": ({"ids": "ids"}, lambda folder: {}),
    "update": (
        {"removed": "ids", "ids": "ids", "vectors": "vectors", "stamp": "count"},
        lambda folder: {"removed": [], "ids": [900], "vectors": VECTORS[:1], "stamp": 1},
    ),
    "search": (SEARCH, lambda folder: {"queries": VECTORS[0], "k": 3}),
    "estimated_recall": (SEARCH, lambda folder: {"queries": VECTORS[0], "k": 3}),
    "pairs": (
        {"max_distance": "distance from 0", "recall": "share", "n_jobs": "threads"},
        lambda folder: {"max_distance": 0.1},
    ),
    "distances": (
        {"query": "vectors", "ids": "ids"},
        lambda folder: {"query": VECTORS[0], "ids": [1, 2]},
    ),
    "tune": ({"recall": "share or None", "n_jobs": "threads"}, lambda folder: {}),
    "explain": ({"query": "vectors", "id": "count"}, lambda folder: {"query": VECTORS[0], "id": 3}),
}


def cases(table: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    return [
        pytest.param(method, argument, value, id=f"{method}-{argument}-{what}")
        for method, (arguments, _) in METHODS.items()
        for argument, kind in arguments.items()
        for what, value in table.get(kind, {}).items()
    ]


def call(index: Index, method: str, argument: str, value: Any, folder: Path) -> Any:
    return getattr(index, method)(**{**METHODS[method][1](folder), argument: value})


@pytest.fixture(params=[1, 10**6], ids=["buckets", "scan"])
def index(request: pytest.FixtureRequest, indexes: dict[int, Index]) -> Index:
    return indexes[request.param]


@pytest.fixture(scope="module")
def indexes() -> dict[int, Index]:
    return {scan_below: Index.build(VECTORS, scan_below=scan_below) for scan_below in (1, 10**6)}


def test_every_argument_of_every_public_method_is_tried() -> None:
    public = {name: method for name, method in inspect.getmembers(Index) if not name.startswith("_")}
    methods = {name: method for name, method in public.items() if callable(method)}
    assert {name: list(inspect.signature(method).parameters) for name, method in methods.items()} == {
        name: [*(["self"] if inspect.isfunction(methods[name]) else []), *arguments]
        for name, (arguments, _) in METHODS.items()
    }


@pytest.mark.parametrize(("method", "argument", "value"), cases(BAD))
def test_what_is_no_such_thing_is_refused_by_name(
    indexes: dict[int, Index], method: str, argument: str, value: Any, tmp_path: Path
) -> None:
    index = indexes[1]
    before = index.view()
    with pytest.raises(LookalikeError) as refused:
        call(index, method, argument, value, tmp_path)
    message = str(refused.value)
    assert argument.split("_")[0] in message, message
    assert "\n" not in message and len(message) < 400, message
    assert index.view() is before, "nothing was done"
    assert {path.name for path in tmp_path.rglob("*")} <= {"index", LOCK}, "nothing was written"


@pytest.mark.parametrize("queries", BAD_VECTORS.values(), ids=BAD_VECTORS)
def test_a_scan_refuses_the_same_queries(indexes: dict[int, Index], queries: Any) -> None:
    with pytest.raises(LookalikeError, match="queries"):
        indexes[10**6].search(queries, 3)


@pytest.mark.parametrize(("method", "argument", "value"), cases(GOOD))
def test_what_is_such_a_thing_is_taken(method: str, argument: str, value: Any, tmp_path: Path) -> None:
    index = Index.build(VECTORS, scan_below=10**6, n_jobs=1)
    if argument == "dimension":
        value = (
            type(value)(DIMENSION)
            if np.ndim(value) == 0 and not isinstance(value, np.ndarray)
            else np.array(DIMENSION)
        )
    if method == "add" and argument == "ids":
        index.remove([7])
    call(index, method, argument, value, tmp_path)


@pytest.mark.parametrize("compiled", [True, False])
def test_a_read_only_query_is_taken(indexes: dict[int, Index], compiled: bool) -> None:
    assert indexes[1 if compiled else 10**6].search(read_only(), 1)[0].tolist() == [[0]]


def test_a_finite_number_that_float32_cannot_hold_is_not_called_infinity() -> None:
    with pytest.raises(LookalikeError, match=r"row 1 .*too large for float32; scale"):
        Index.build([[1.0, 2.0], [1e300, 2.0]])


def test_k_above_the_number_of_rows_pads(index: Index) -> None:
    ids, distances = index.search(VECTORS[:2], 10**6)
    assert ids.shape == distances.shape == (2, 10**6)
    assert sorted(ids[0, :ROWS].tolist()) == list(range(ROWS))
    assert (ids[:, ROWS:] == -1).all() and np.isinf(distances[:, ROWS:]).all()


def test_k_that_no_memory_holds_is_refused_with_the_number_of_rows(index: Index) -> None:
    with pytest.raises(LookalikeError, match=f"index of {ROWS} rows"):
        index.search(VECTORS[0], 10**12)


@pytest.mark.parametrize("id", ["a", None, -1, 10**400, 0.5, [1]])
def test_what_is_no_id_is_not_in_an_index(index: Index, id: Any) -> None:  # noqa: A002
    assert id not in index


def test_an_error_of_the_caller_s_own_blocks_goes_through(tmp_path: Path) -> None:
    def failing() -> Iterator[Any]:
        yield [1], VECTORS[:1]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Index.build_from_blocks(failing(), tmp_path / "index", dimension=DIMENSION)


def test_numbers_of_exact_types_are_no_shares_by_chance(index: Index) -> None:
    with pytest.raises(LookalikeError, match="recall"):
        index.search(VECTORS[0], 1, recall=Decimal("0.5"))  # type: ignore[arg-type]
