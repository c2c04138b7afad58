"""What estimators are given, checked as scikit-learn checks it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from lookalike.arrays import Rows


def rows_of(
    estimator: BaseEstimator, X: Any, dtypes: npt.DTypeLike | list[np.dtype[Any]], *, fitted: bool
) -> Rows:
    """Return `X` (n, d) in the first of `dtypes`, unless it has another of them, C-contiguous.

    Args:
        fitted: whether X must have the columns that `estimator` was fitted to; else it is told of them.

    Raises:
        ValueError: not two axes, NaN, infinity or numbers too large, or other columns.
        TypeError: it is sparse.
    """
    with np.errstate(over="ignore"):  # an overflow becomes infinity, which is refused
        rows: Rows = validate_data(estimator, X, dtype=dtypes, order="C", reset=not fitted)
    return rows


def seed_of(random_state: int | np.random.RandomState | None) -> int:
    """Return the seed that `random_state` gives: an int is itself, a RandomState or None draws one.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(random_state, int | np.integer) and random_state >= 0:
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
