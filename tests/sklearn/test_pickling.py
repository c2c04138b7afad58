"""Estimators survive pickle, joblib and deep copies, with the very index that they had."""

from __future__ import annotations

import copy
import importlib
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="pip install 'lookalike[sklearn]'")

import joblib
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError

from lookalike.errors import IndexFormatError, MissingDependencyError
from lookalike.sklearn import HashTransformer, LSHNeighbors, LSHTransformer

ROWS = make_blobs(10_500, 16, centers=300, random_state=0)[0].astype(np.float32)


@pytest.fixture(scope="module", params=["learned", "hyperplane"])
def fitted(request: pytest.FixtureRequest) -> LSHNeighbors:
    return LSHNeighbors(family=request.param, recall=0.8).fit(ROWS)


def pickled(estimator: Any, folder: Path) -> Any:
    return pickle.loads(pickle.dumps(estimator))  # noqa: S301 - made here


def dumped(estimator: Any, folder: Path) -> Any:
    joblib.dump(estimator, folder / "estimator")
    return joblib.load(folder / "estimator")


def mapped(estimator: Any, folder: Path) -> Any:
    joblib.dump(estimator, folder / "estimator")
    return joblib.load(folder / "estimator", mmap_mode="r")


def copied(estimator: Any, folder: Path) -> Any:
    return copy.deepcopy(estimator)


@pytest.mark.parametrize("way", [pickled, dumped, mapped, copied])
def test_a_copy_gives_the_same_answers_from_buckets(fitted: LSHNeighbors, way: Any, tmp_path: Path) -> None:
    again = way(fitted, tmp_path)
    assert fitted.index_.stats().path == "buckets"
    assert again.index_.stats() == fitted.index_.stats()
    for a, b in zip(again.kneighbors(ROWS[:500]), fitted.kneighbors(ROWS[:500]), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_pickle_takes_little_more_than_the_index(fitted: LSHNeighbors) -> None:
    assert len(pickle.dumps(fitted)) < 4 * ROWS.nbytes


def test_pickling_leaves_the_estimator_as_it_was(fitted: LSHNeighbors) -> None:
    index = fitted.index_
    pickle.dumps(fitted)
    assert fitted.index_ is index


@pytest.mark.parametrize("kind", [LSHNeighbors, LSHTransformer])
def test_an_estimator_that_is_not_fitted_is_pickled_too(kind: Any) -> None:
    again = pickled(kind(n_neighbors=3), Path())
    assert again.n_neighbors == 3
    with pytest.raises(NotFittedError):
        again.kneighbors(ROWS[:1])


def test_a_clone_is_not_fitted(fitted: LSHNeighbors) -> None:
    again = clone(fitted)
    assert again.get_params() == fitted.get_params()
    assert not hasattr(again, "index_")


@pytest.mark.parametrize("family", ["hyperplane", "cross-polytope", "p-stable", "clusters"])
def test_hash_functions_are_kept(family: str) -> None:
    fitted = HashTransformer(family).fit(ROWS[:500])
    np.testing.assert_array_equal(pickled(fitted, Path()).transform(ROWS[:50]), fitted.transform(ROWS[:50]))


def test_parts_that_do_not_fit_together_are_refused(fitted: LSHNeighbors) -> None:
    state = fitted.__getstate__()
    properties, arrays = state["index_"]
    state["index_"] = properties, {**arrays, "ids": arrays["ids"][1:]}
    with pytest.raises(IndexFormatError, match="pickled estimator"):
        LSHNeighbors().__setstate__(state)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("lookalike.sklearn")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'lookalike\[sklearn\]'"):
        importlib.import_module("lookalike.sklearn")
