"""The token scheme of an index for which none was given."""

from __future__ import annotations

import numpy as np

from lookalike.arrays import Float32, Metric
from lookalike.engine.tokens import TokenScheme
from lookalike.errors import OptionError
from lookalike.hashing import Clusterings
from lookalike.index.row_forms import as_hashed

TABLES = 8
CLUSTERS = 1024
PROBES = 16
CANDIDATES = 400
ROWS_A_CLUSTER = 32
"""A sample of fewer rows than these a cluster has fewer clusters."""


def fitted_scheme(sample: Float32, metric: Metric) -> tuple[TokenScheme, float | None]:
    """Return a scheme fitted to `sample` (n, d), and the recall predicted for it, None where it was not measured."""
    if not len(sample):
        raise OptionError("sample has no vectors, from which tokens could be learned; give some")
    clusters = int(np.clip(len(sample) // ROWS_A_CLUSTER, 1, CLUSTERS))
    family = Clusterings(tables=TABLES, clusters=clusters).fit(as_hashed(sample, metric))
    return TokenScheme(family, metric, probes=PROBES, candidates=CANDIDATES), None
