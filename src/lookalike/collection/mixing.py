"""Several things as one query: like these, and not like those."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lookalike.arrays import DISCRETE, Float32, Rows
from lookalike.catalogue import FeatureRecord
from lookalike.collection.resolve import ResolvedQuery
from lookalike.errors import OptionError, VectorError

AWAY = 0.5
"""How far a mix lies beyond the wanted, away from the unwanted: as a share of the way from the one to the other."""

Vectors = Mapping[str, Rows]
"""Of one thing: a vector (d,) by the name of each feature that it has."""


Weighed = Sequence[tuple[ResolvedQuery, float]]


def resolved_mix(like: Weighed, unlike: Weighed, features: Mapping[str, FeatureRecord]) -> ResolvedQuery:
    """Return parts, each with its weight, as one query; see `mixed` for what is raised."""
    vectors = mixed(
        [one.vectors for one, _ in like],
        [one.vectors for one, _ in unlike],
        features,
        weights=[weight for _, weight in like],
        unwanted_weights=[weight for _, weight in unlike],
    )
    described = {
        name: [{**one.described, "weight": weight} for one, weight in parts]
        for name, parts in (("like", like), ("unlike", unlike))
    }
    own = frozenset(one.number for one, _ in (*like, *unlike) if one.number is not None)
    notes = tuple(dict.fromkeys(note for query, _ in (*like, *unlike) for note in query.notes))
    return ResolvedQuery(vectors, described, parts=own, notes=notes)


def mixed(
    wanted: Sequence[Vectors],
    unwanted: Sequence[Vectors],
    features: Mapping[str, FeatureRecord],
    *,
    weights: Sequence[float] | None = None,
    unwanted_weights: Sequence[float] | None = None,
) -> dict[str, Float32]:
    """Return what lies amid the wanted and away from the unwanted, in each feature that all the wanted have.

    That is the mean of the wanted, moved by `AWAY` of its way from the mean of the unwanted (Rocchio, in "The SMART
    Retrieval System", 1971). Under cosine, vectors are of length one before they are averaged.

    Args:
        weights: how much each of the wanted weighs in their mean; by default all the same. They sum to more than 0.
        unwanted_weights: the same of the unwanted, 1 by default; with a mean of 2 the mix is moved twice as far.

    Raises:
        OptionError: nothing is wanted, or the wanted have no feature of vectors in common; codes and sets have no mean.
        VectorError: a vector has another dimension, or is none.
    """
    if not wanted:
        raise OptionError("nothing is wanted; name at least one thing that hits are to look like")
    weights = [1.0] * len(wanted) if weights is None else weights
    unwanted_weights = [1.0] * len(unwanted) if unwanted_weights is None else unwanted_weights
    if not sum(weights) > 0:
        raise OptionError("the weights of what is wanted sum to nothing; give one above 0")
    found: dict[str, Float32] = {}
    for name, feature in features.items():
        if feature.metric in DISCRETE or any(name not in one for one in wanted):
            continue
        middle: Float32 = _mean(wanted, weights, name, feature)
        there = [weight for one, weight in zip(unwanted, unwanted_weights, strict=True) if name in one]
        if any(there):
            away: Float32 = middle - _mean(unwanted, unwanted_weights, name, feature)
            share = AWAY * sum(there) / len(there)
            middle = (middle + np.float32(share) * away).astype(np.float32)
        if feature.metric != "cosine" or np.linalg.norm(middle) > 0:
            found[name] = middle
    if not found:
        discrete = [name for name, feature in features.items() if feature.metric in DISCRETE]
        told = f" (codes and sets, as {', '.join(discrete)}, have no mean)" if discrete else ""
        raise OptionError(
            f"what is wanted has no feature of vectors in common, so it cannot be mixed{told}; choose others"
        )
    return found


def _mean(things: Sequence[Vectors], weights: Sequence[float], name: str, feature: FeatureRecord) -> Float32:
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
    there = [weight for one, weight in zip(things, weights, strict=True) if name in one]
    mean: Float32 = np.average(stacked.astype(np.float64), axis=0, weights=there).astype(np.float32)
    return mean
