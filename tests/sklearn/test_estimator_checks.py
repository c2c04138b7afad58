"""scikit-learn's own checks of estimators, each passed without exception."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("sklearn", reason="pip install 'lookalike[sklearn]'")

from sklearn.utils.estimator_checks import parametrize_with_checks

from lookalike.sklearn import HashTransformer, LSHNeighbors, LSHTransformer

ESTIMATORS = [
    LSHNeighbors(),
    LSHNeighbors(family="hyperplane"),
    LSHTransformer(),
    LSHTransformer(mode="connectivity", family="p-stable"),
    *map(HashTransformer, ("hyperplane", "cross-polytope", "p-stable", "clusters", "clusterings")),
]


@parametrize_with_checks(ESTIMATORS)  # type: ignore[untyped-decorator]
def test_estimator(estimator: Any, check: Any) -> None:
    check(estimator)
