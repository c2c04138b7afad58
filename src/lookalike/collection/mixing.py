"""Several things as one query: like these, and not like those."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lookalike.arrays import Float32, Rows
from lookalike.catalogue import FeatureRecord
from lookalike.errors import OptionError

AWAY = 0.5
"""How far a mix lies beyond the wanted, away from the unwanted: as a share of the way from the one to the other."""

Vectors = Mapping[str, Rows]
"""Of one thing: a vector (d,) by the name of each feature that it has."""


def mixed(
    wanted: Sequence[Vectors], unwanted: Sequence[Vectors], features: Mapping[str, FeatureRecord]
) -> dict[str, Float32]:
    """Return what lies amid the wanted and away from the unwanted, in each feature that all the wanted have.

    That is the mean of the wanted, moved by `AWAY` of its way from the mean of the unwanted (Rocchio, in "The SMART
    Retrieval System", 1971). Under cosine, vectors are of length one before they are averaged.

    Raises:
        OptionError: nothing is wanted, or the wanted have no feature of vectors in common.
    """
    if not wanted:
        raise OptionError("nothing is wanted; name at least one thing that hits are to look like")
    found: dict[str, Float32] = {}
    for name, feature in features.items():
        if feature.metric in ("hamming", "jaccard") or any(name not in one for one in wanted):
            continue
        middle: Float32 = _mean(wanted, name, feature)
        if any(name in one for one in unwanted):
            away: Float32 = middle - _mean(unwanted, name, feature)
            middle = (middle + np.float32(AWAY) * away).astype(np.float32)
        if feature.metric != "cosine" or np.linalg.norm(middle) > 0:
            found[name] = middle
    if not found:
        raise OptionError(
            "what is wanted has no feature of vectors in common, so it cannot be mixed; choose others"
        )
    return found


def _mean(things: Sequence[Vectors], name: str, feature: FeatureRecord) -> Float32:
    def rows() -> Iterator[Any]:
        for one in things:
            if name in one:
                row = one[name].astype(np.float32)
                yield row / np.linalg.norm(row) if feature.metric == "cosine" else row

    stacked: Float32 = np.stack(list(rows()))
    mean: Float32 = stacked.mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean
