"""A family that is asked for by name, and with as few parameters as the user likes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Self

from lookalike.arguments import shown
from lookalike.arrays import DISCRETE, Metric
from lookalike.errors import OptionError
from lookalike.hashing.base import Family, known_families
from lookalike.hashing.bit_sampling import BitSampling
from lookalike.hashing.clusterings import Clusterings
from lookalike.hashing.clusters import Clusters
from lookalike.hashing.cross_polytope import CrossPolytope
from lookalike.hashing.hyperplane import Hyperplane
from lookalike.hashing.min_hash import MinHash
from lookalike.hashing.p_stable import PStable

LEARNED = "learned"
"""The name that stands for no family: buckets that the index learns by itself."""
_FAMILIES = (Hyperplane, CrossPolytope, PStable, Clusters, Clusterings, MinHash, BitSampling)
NAMES = (LEARNED, *(family.name for family in _FAMILIES))


@dataclass(frozen=True, slots=True)
class FamilySpec:
    """A family's name, and those of its parameters that are asked for; the others are fitted to the data.

    Names are "learned" (no family: the index's own buckets), "hyperplane", "cross-polytope", "p-stable",
    "clusters" and "clusterings"; for sets "min-hash", for binary codes "bit-sampling". Parameters are those of the
    family's constructor.

    Raises:
        OptionError: no such name, parameter or value; the message names the nearest.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the name and the parameters that are given, and keep these as JSON types."""
        known = known_families()
        if self.name != LEARNED and self.name not in known:
            names = (*NAMES, *(name for name in known if name not in NAMES))
            raise OptionError(f"hash family {self.name!r} is not known; {_choices(self.name, names)}")
        if not isinstance(self.parameters, Mapping):
            raise OptionError(f"parameters of a hash family are {self.parameters!r}; give names with values")
        names = () if self.name == LEARNED else tuple(inspect.signature(known[self.name]).parameters)
        for parameter in self.parameters:
            if not names:
                raise OptionError(f"{LEARNED} buckets have no parameter {parameter!r}; leave it out")
            if parameter not in names:
                raise OptionError(
                    f"hash family {self.name} has no parameter {parameter!r}; {_choices(parameter, names)}"
                )
        checked = self.family({}).parameters() if names else {}
        object.__setattr__(self, "parameters", {name: checked[name] for name in self.parameters})

    @classmethod
    def of(cls, asked: Family | FamilySpec | Mapping[str, Any] | str | None) -> Self | None:
        """Return what a family, its description, its name or what `to_json` gave asks for; None for learned buckets.

        Raises:
            OptionError: it asks for nothing of the kind.
        """
        if isinstance(asked, Family):
            spec = cls(asked.name, asked.parameters())
        elif isinstance(asked, FamilySpec):
            spec = cls(asked.name, asked.parameters)
        elif isinstance(asked, str):
            spec = cls(asked)
        elif not asked:
            return None
        elif isinstance(asked, Mapping) and isinstance(asked.get("family"), str):
            spec = cls(asked["family"], asked.get("parameters", {}))
        else:
            raise OptionError(f"family is {shown(asked)}; give the name of one, a FamilySpec or a Family")
        return None if spec.name == LEARNED else spec

    @classmethod
    def for_metric(
        cls, asked: Family | FamilySpec | Mapping[str, Any] | str | None, metric: Metric
    ) -> Self | None:
        """Return what `asked` asks for of an index of `metric`; None for learned buckets.

        Codes and sets, which no buckets can be learned for, have the family that hashes them in their place.

        Raises:
            OptionError: see `of`; or a family that does not hash what is compared by `metric`.
        """
        spec = cls.of(asked)
        if spec is None:
            native = (kind.name for kind in _FAMILIES if metric in kind.metrics)
            return cls(next(native)) if metric in DISCRETE else None
        spec.check_metric(metric)
        return spec

    def family(self, defaults: Mapping[str, Any]) -> Family:
        """Return the family with the parameters asked for, and `defaults` for those that were not; not yet fitted.

        What has no default in either is 1.
        """
        kind = known_families()[self.name]
        needed = {
            name: 1
            for name, parameter in inspect.signature(kind).parameters.items()
            if parameter.default is parameter.empty
        }
        return kind(**{**needed, **defaults, **self.parameters})

    def check_metric(self, metric: Metric) -> None:
        """Raise OptionError unless the family hashes what is compared by `metric`."""
        if metric not in known_families()[self.name].metrics:
            fitting = ", ".join(kind.name for kind in _FAMILIES if metric in kind.metrics)
            raise OptionError(
                f"hash family {self.name} does not hash what is compared by {metric}; choose one of {fitting}"
            )

    def is_met_by(self, family: Family) -> bool:
        """Whether `family` is of the kind and has the parameters that are asked for."""
        return family.name == self.name and family.parameters().items() >= self.parameters.items()

    def to_json(self) -> dict[str, Any]:
        """Return what was asked for, as JSON types."""
        return {"family": self.name, "parameters": dict(self.parameters)}


def _choices(given: object, names: tuple[str, ...]) -> str:
    nearest = get_close_matches(str(given), names, n=1, cutoff=0.5)
    meant = f"did you mean {nearest[0]}? " if nearest else ""
    return f"{meant}choose one of {', '.join(names)}"
