"""The distances of other libraries, and how vectors read from their indexes are compared here."""

from __future__ import annotations

from lookalike.arrays import METRICS, Metric
from lookalike.errors import OptionError

ALIASES: dict[str, Metric] = {
    "angular": "cosine",
    "cos": "cosine",
    "ip": "dot",
    "l2": "euclidean",
    "l2sq": "euclidean",
}
"""What other libraries call a metric, where it is not the name that it has here."""


def translated(name: str, path: object) -> Metric:
    """Return the metric of a library's own name.

    Raises:
        OptionError: there is none that gives this library's order.
    """
    if name in ALIASES:
        return ALIASES[name]
    for metric in METRICS:
        if metric == name and metric != "jaccard":
            return metric
    raise OptionError(
        f"{path}: there is no metric {name!r} here; to compare the same vectors otherwise, give one of "
        "euclidean, cosine and dot"
    )
