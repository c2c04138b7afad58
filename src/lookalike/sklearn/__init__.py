"""Estimators for scikit-learn: neighbours, graphs of neighbours, and hash keys.

They need the extra `sklearn`: pip install 'lookalike[sklearn]'.
"""

from __future__ import annotations

from lookalike.errors import MissingDependencyError

try:
    import sklearn  # noqa: F401
except ImportError:
    raise MissingDependencyError(
        "lookalike.sklearn needs scikit-learn: pip install 'lookalike[sklearn]'"
    ) from None

from lookalike.sklearn.hash_transformer import HashTransformer
from lookalike.sklearn.neighbors import LSHNeighbors
from lookalike.sklearn.transformer import LSHTransformer

__all__ = ["HashTransformer", "LSHNeighbors", "LSHTransformer"]
