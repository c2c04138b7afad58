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


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """The options of a search; make it by `of`, which checks them.

    Attributes:
        k: how many hits.
        text: words that a source must have all of or, with `blend`, that weigh in; None for none.
        filters: each filter by what the user would call it.
        weights: the features to compare by weight; None for all that the query has, equally.
        blend: whether words weigh in by reciprocal-rank fusion, instead of narrowing.
        text_weight: the share of words in the fusion, from 0 to 1; with `blend` a half by default. Without `blend`,
            words narrow and weigh in.
        facets: the metadata fields whose values are counted.
        candidates: how a search engine finds candidates.
        max_distance: farther sources are left out.
        max_pixels: a query picture with more is refused.
        strict: whether buckets of a store that cannot be used are an error.
    """

    k: int = 10
    text: str | None = None
    filters: Mapping[str, Where] = field(default_factory=dict)
    weights: Mapping[str, float] | None = None
    blend: bool = False
    text_weight: float | None = None
    facets: tuple[str, ...] = ()
    candidates: Literal["tokens", "knn"] = "tokens"
    max_distance: float | None = None
    max_pixels: int = MAX_PIXELS
    strict: bool = False

    @classmethod
    def of(
        cls,
        *,
        k: int = 10,
        text: str | None = None,
        where: Filters = None,
        features: Mapping[str, float] | None = None,
        blend: bool = False,
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
        if not isinstance(blend, bool):
            raise OptionError(f"blend is {blend!r}; give True or False")
        if not isinstance(strict, bool):
            raise OptionError(f"strict is {strict!r}; give True or False")
        if blend and text is None:
            raise OptionError("blend needs text: the words that are to weigh in")
        if text_weight is not None:
            text_weight = as_finite(text_weight, "text_weight")
            if not 0 <= text_weight <= 1:
                raise OptionError(f"text_weight is {text_weight}; give a share from 0 to 1")
            if text is None:
                raise OptionError("text_weight needs text: the words that are to weigh in")
        if candidates not in ("tokens", "knn"):
            raise OptionError(f"candidates is {shown(candidates)}; choose tokens or knn")
        return cls(
            k=as_count(k, "k", least=1),
            text=text,
            filters=labelled(where),
            weights=None if features is None else _weights(features),
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


def _weights(features: Mapping[str, float]) -> dict[str, float]:
    if not isinstance(features, Mapping):
        raise OptionError(
            f"features is {features!r}; give a mapping of names to weights, such as {{'look': 1}}"
        )
    if not features:
        raise OptionError("no feature was chosen; name at least one")
    weights = {}
    for name, weight in features.items():
        if not isinstance(name, str):
            raise OptionError(f"features has the name {name!r}; give names as strings")
        weights[name] = as_finite(weight, f"the weight of feature {name!r}")
        if weights[name] <= 0:
            raise OptionError(f"feature {name!r} has weight {weight}; give a number above 0")
    return weights
