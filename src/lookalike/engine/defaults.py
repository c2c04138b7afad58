"""The token scheme of an index for which none was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from lookalike.arrays import Float32, Metric
from lookalike.engine.tokens import TokenScheme
from lookalike.engine.tuning import FEWEST_ROWS, tune_tokens
from lookalike.errors import OptionError
from lookalike.hashing import Clusterings
from lookalike.index.row_forms import as_hashed

RECALL = 0.95
SMALL_TABLES, SMALL_CLUSTERS = 8, 4
"""What a sample is given that is too small to try anything on."""

Forecast = Mapping[str, Any] | None


def fitted_scheme(
    sample: Float32, metric: Metric, rows: int | None, recall: float
) -> tuple[TokenScheme, Forecast]:
    """Return a scheme learned from `sample` (n, d), and what is predicted for it; None where nothing could be tried.

    Args:
        rows: documents that there will be; None: as many as the sample has.
        recall: of the ten nearest, which is to be reached.

    Raises:
        OptionError: the sample is empty, or there is no such recall or number.
    """
    if not len(sample):
        raise OptionError("sample has no vectors, from which tokens could be learned; give some")
    if len(sample) < FEWEST_ROWS:
        family = Clusterings(tables=SMALL_TABLES, clusters=SMALL_CLUSTERS).fit(as_hashed(sample, metric))
        return TokenScheme(family, metric, probes=SMALL_CLUSTERS), None
    choice = tune_tokens(sample, rows=rows, metric=metric, recall=recall)
    return choice.scheme, {"now": asdict(choice.forecast), "grown": asdict(choice.grown)}
