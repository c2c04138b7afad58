"""Several things as one query: like these, and not like those."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lookalike.arrays import Float32, Rows
from lookalike.catalogue import FeatureRecord
from lookalike.errors import OptionError, VectorError

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
        VectorError: a vector has another dimension, or is none.
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
                row = np.asarray(one[name], dtype=np.float32)
                if row.shape != (feature.dimension,):
                    raise VectorError(
                        f"{name!r} has {feature.dimension} numbers, and a vector of the mix {row.size}"
                    )
                norm = float(np.linalg.norm(row)) if feature.metric == "cosine" else 1.0
                if not 0 < norm < np.inf or not np.isfinite(row).all():
                    raise VectorError(f"a vector of the mix for {name!r} is zero or not finite; give another")
                yield row / np.float32(norm)

    stacked: Float32 = np.stack(list(rows()))
    mean: Float32 = stacked.mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean
