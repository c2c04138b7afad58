"""Tokens of few documents, which are all compared: one that all have, so that nothing needs to be learned.

To choose tokens by trial takes from seconds to minutes, which a collection that grows from nothing would pay each time
that its rows have doubled.
"""

from __future__ import annotations

from lookalike.arrays import Metric, Rows
from lookalike.engine.planning import CLIENT_EXACT_ROWS, EXACT_NUMBERS
from lookalike.engine.tokens import ALL_CANDIDATES, TokenScheme
from lookalike.engine.vector_form import VectorType
from lookalike.hashing import Clusterings
from lookalike.index.row_forms import as_hashed

FEW_ROWS = 4_000
"""An engine compares so many in 10 ms at most: each costs it something beside its numbers."""


def rows_compared(dimension: int, vector: VectorType) -> int:
    """Return how many documents are all compared with each query."""
    return CLIENT_EXACT_ROWS if vector == "binary" else min(FEW_ROWS, EXACT_NUMBERS // dimension)


def scheme_of_few(rows: Rows, metric: Metric) -> TokenScheme:
    """Return the scheme of one token, by any of the rows (n, d)."""
    family = Clusterings(tables=1, clusters=1).fit(as_hashed(rows[:1], metric))
    return TokenScheme(family, metric, probes=1, candidates=ALL_CANDIDATES)


def is_of_few(scheme: TokenScheme) -> bool:
    """Whether a scheme is one of `scheme_of_few`."""
    return scheme.family.tables * scheme.family.centroids == 1
