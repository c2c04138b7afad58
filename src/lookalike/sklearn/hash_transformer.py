"""Hash keys in the place of vectors."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from lookalike.arrays import UInt64
from lookalike.errors import OptionError
from lookalike.hashing import Family, FamilySpec
from lookalike.index.lsh.usual import sample_rows, usual_family
from lookalike.sklearn.inputs import rows_of, seed_of

RECALL = 0.95
"""The recall for which tables are counted where their number is left out."""


class HashTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Turns vectors into their keys: the number of their bucket in each table of a hash family, uint64.

    A key is a name and no quantity, so one-hot encode keys before a model. Then the inner product of two rows is the
    number of tables that they share: a kernel approximated by its own hash functions, as in the random binning features
    of Rahimi and Recht (NIPS 2007), which "p-stable" gives.

        >>> from sklearn.linear_model import RidgeClassifier
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import OneHotEncoder
        >>> keys = HashTransformer(FamilySpec("p-stable", {"tables": 200}))
        >>> model = make_pipeline(keys, OneHotEncoder(handle_unknown="ignore"), RidgeClassifier())

    Args:
        family: "hyperplane" or "cross-polytope" (angles), "p-stable" (distances) or "clusters" (k-means), whose
            parameters are fitted to the rows so that a bucket holds a few of them; a `lookalike.hashing.FamilySpec`
            with some of the parameters; or a `Family` with all, such as `Hyperplane(tables=64, bits=8)`.
        random_state: seed of what is learned and drawn, unless `family` has its own: an int, a RandomState, or None,
            which draws one.

    Attributes:
        family_: the fitted `lookalike.hashing.Family`, with `parameters()`, `table_uuids()` and `to_json()`.
        n_features_in_: dimension of the rows that were fitted.
        feature_names_in_: (d,) names of the columns, where X was a data frame with such.
    """

    def __init__(
        self,
        family: Family | FamilySpec | str = "hyperplane",
        *,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.family = family
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Draw or learn the hash functions.

        Args:
            X: rows (n, d), dense and finite; cast to float32.
            y: passed over.

        Raises:
            ValueError: X is no such array, or there is no such family (`OptionError`).
        """
        X = rows_of(self, X, np.float32, fitted=False)
        asked = FamilySpec.of(self.family)
        if asked is None:
            raise OptionError("learned buckets have no keys; choose a family such as hyperplane or p-stable")
        asked.check_metric("euclidean")  # sets and codes are no rows of float32
        seed = seed_of(self.random_state)
        drawn = np.random.default_rng(seed).choice(
            len(X), min(len(X), sample_rows(asked, len(X))), replace=False
        )
        sample = X[np.sort(drawn)]
        self.family_ = usual_family(asked, sample, sample, len(X), RECALL, seed)
        self._n_features_out = self.family_.tables
        return self

    def transform(self, X: Any) -> UInt64:
        """Return the keys of the rows `X` (n, d), uint64 (n, tables).

        Raises:
            ValueError: X is no such array.
            NotFittedError: `fit` was not called.
        """
        check_is_fitted(self)
        return self.family_.keys(rows_of(self, X, np.float32, fitted=True))

    def __sklearn_tags__(self) -> Any:
        """Say that keys are whole numbers, whatever the type of X."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
