"""How much each feature says in a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from lookalike.fusion import Distributions


@dataclass(frozen=True, slots=True)
class Say:
    """How much each of the features of a search says.

    Attributes:
        weights: of comparable distances; they sum to 1.
        shares: what the features' own distances are multiplied by; they sum to 1.
        spread: what is comparable is a distance in these, see `lookalike.fusion.Distributions`.
    """

    weights: Mapping[str, float]
    shares: Mapping[str, float]
    spread: Mapping[str, float]

    @classmethod
    def of_one(cls, name: str) -> Self:
        """Return that of the only feature of a search."""
        return cls({name: 1.0}, {name: 1.0}, {name: 1.0})

    @classmethod
    def of(
        cls, distributions: Distributions, names: Sequence[str], weights: Mapping[str, float] | None
    ) -> Self:
        """Return that of the features `names`, given weights above 0, or None for those that come from the data."""
        if weights is None:
            weights = distributions.weights(names)
        total = sum(weights[name] for name in names)
        weights = {name: weights[name] / total for name in names}
        spread = dict(zip(distributions.names, distributions.spread.tolist(), strict=True))
        return cls(weights, distributions.shares(weights), {name: spread.get(name, 1.0) for name in names})
