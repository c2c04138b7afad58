"""What is asked of a search beside the query, checked once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from lookalike.arguments import as_count, as_finite, check_text, shown
from lookalike.catalogue import Where
from lookalike.catalogue.metadata import is_unicode
from lookalike.collection.filters import Filters, labelled
from lookalike.errors import OptionError
from lookalike.images import MAX_PIXELS

Compared = Mapping[str, float] | Sequence[str]
"""Features that are compared: weights by name, or names alone, whose weights then come from the data."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """The options of a search; make it by `of`, which checks them.

    Attributes:
        k: how many hits.
        text: words that a source must have all of or, with `blend`, that weigh in; None for none.
        filters: each filter by what the user would call it.
        chosen: the features to compare; None for all that the query has.
        weights: how much each of them says; None for what their distances in the collection tell.
        blend: whether words weigh in by reciprocal-rank fusion, instead of narrowing.
        text_weight: the share of words in the fusion, from 0 to 1; with `blend` a half by default. Without `blend`,
            words narrow and weigh in.
        facets: the metadata fields whose values are counted.
        candidates: how a search engine finds candidates.
        max_distance: farther sources are left out.
        max_pixels: a query picture with more is refused.
        strict: whether buckets of a store that cannot be used are an error.
        among: the ids of the sources that are searched; None for all.
    """

    k: int = 10
    text: str | None = None
    filters: Mapping[str, Where] = field(default_factory=dict)
    chosen: tuple[str, ...] | None = None
    weights: Mapping[str, float] | None = None
    blend: bool = False
    text_weight: float | None = None
    facets: tuple[str, ...] = ()
    candidates: Literal["tokens", "knn"] = "tokens"
    max_distance: float | None = None
    max_pixels: int = MAX_PIXELS
    strict: bool = False
    among: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls,
        *,
        k: int = 10,
        text: str | None = None,
        where: Filters = None,
        features: Compared | None = None,
        blend: bool | float = False,
        text_weight: float | None = None,
        facets: Sequence[str] = (),
        candidates: str = "tokens",
        max_distance: float | None = None,
        max_pixels: int = MAX_PIXELS,
        strict: bool = False,
    ) -> Self:
        """Return the request that these options make; see `Collection.search` for what they mean.

        Raises:
            OptionError, MetadataError: an option that makes no sense, by its name.
        """
        check_text(text)
        if not isinstance(blend, bool | float):
            raise OptionError(f"blend is {blend!r}; give True, False, or the share of words such as 0.5")
        if isinstance(blend, float):
            if text_weight is not None:
                raise OptionError(f"blend is {blend} and text_weight {text_weight}; give one of them")
            blend, text_weight = True, _share(blend, "blend")
        if not isinstance(strict, bool):
            raise OptionError(f"strict is {strict!r}; give True or False")
        if blend and text is None:
            raise OptionError("blend needs text: the words that are to weigh in")
        if text_weight is not None:
            text_weight = _share(text_weight, "text_weight")
            if text is None:
                raise OptionError("text_weight needs text: the words that are to weigh in")
        chosen, weights = _compared(features)
        if candidates not in ("tokens", "knn"):
            raise OptionError(f"candidates is {shown(candidates)}; choose tokens or knn")
        return cls(
            k=as_count(k, "k", least=1),
            text=text,
            filters=labelled(where),
            chosen=chosen,
            weights=weights,
            blend=blend,
            text_weight=text_weight,
            facets=_names(facets),
            candidates="knn" if candidates == "knn" else "tokens",
            max_distance=None if max_distance is None else as_finite(max_distance, "max_distance"),
            max_pixels=as_count(max_pixels, "max_pixels", least=1),
            strict=strict,
        )

    @property
    def where(self) -> Where | None:
        """All filters as one; None where there are none."""
        conditions = tuple(one for part in self.filters.values() for one in part.conditions)
        return Where(conditions) if conditions else None

    @property
    def narrowing(self) -> str | None:
        """The words that every hit must have."""
        return None if self.blend else self.text

    @property
    def share_of_words(self) -> float | None:
        """How much words weigh in the ranking beside looks, from 0 to 1; None where they do not."""
        return 0.5 if self.blend and self.text_weight is None else self.text_weight

    def described(self, weights: Mapping[str, float]) -> dict[str, Any]:
        """Return the request as JSON has it, given the weights that it came to."""
        return {
            "text": self.text,
            "where": list(self.filters),
            "features": dict(weights),
            "k": self.k,
            "max_distance": self.max_distance,
            "blend": self.blend,
            "text_weight": self.share_of_words,
        }


def _names(facets: Sequence[str]) -> tuple[str, ...]:
    if isinstance(facets, str) or not isinstance(facets, Sequence):
        raise OptionError(f"facets is {shown(facets)}; give a list of metadata fields")
    for name in facets:
        if not is_unicode(name) or "\0" in name:
            raise OptionError(f"facets has {shown(name)}, which is no name of a metadata field; give text")
    return tuple(dict.fromkeys(facets))


def _share(value: float, name: str) -> float:
    share = as_finite(value, name)
    if not 0 <= share <= 1:
        raise OptionError(f"{name} is {share}; give a share from 0 to 1")
    return share


def _compared(features: Compared | None) -> tuple[tuple[str, ...] | None, dict[str, float] | None]:
    """Return the names and the weights of features, None for what was not given."""
    if features is None:
        return None, None
    if isinstance(features, str) or not isinstance(features, Mapping | Sequence):
        raise OptionError(
            f"features is {features!r}; give a list of names, or a mapping of names to weights, such as {{'look': 1}}"
        )
    if not features:
        raise OptionError("no feature was chosen; name at least one")
    for name in features:
        if not isinstance(name, str):
            raise OptionError(f"features has the name {name!r}; give names as strings")
    names = tuple(dict.fromkeys(features))
    return names, _weights(features) if isinstance(features, Mapping) else None


def _weights(features: Mapping[str, float]) -> dict[str, float]:
    weights = {}
    for name, weight in features.items():
        weights[name] = as_finite(weight, f"the weight of feature {name!r}")
        if weights[name] <= 0:
            raise OptionError(f"feature {name!r} has weight {weight}; give a number above 0")
    return weights
