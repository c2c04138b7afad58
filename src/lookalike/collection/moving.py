"""Another kind of index for a feature, or another place for it; and whether both find the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np

from lookalike.arrays import Int64
from lookalike.catalogue import Catalogue, FeatureRecord
from lookalike.collection.stored_index import (
    DEFAULT_FAMILY,
    EMBEDDED,
    EngineIndexed,
    StoredIndex,
    as_buckets,
    as_engine,
    family_of,
    is_engine,
    place_of,
)
from lookalike.errors import OptionError, UnknownFeatureError
from lookalike.hashing import FamilySpec
from lookalike.index import IndexView

HITS = 10


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What was found before and after an index was moved."""

    feature: str
    buckets: str
    """Where buckets or tokens are now: a URL without its password, or "embedded"."""
    queries: int
    hits: int
    """Of all queries, before."""
    equal: int
    """Those of them that were found afterwards too."""

    @classmethod
    def of(cls, feature: FeatureRecord, before: Int64, after: Int64) -> Self:
        """Return the report on hits (q, k) of the same queries, padded with -1."""
        place = place_of(feature.index)
        equal = sum(len(np.intersect1d(was[was >= 0], now)) for was, now in zip(before, after, strict=True))
        return cls(
            feature.name,
            EMBEDDED if place is None else place.url,
            len(before),
            int(np.count_nonzero(before >= 0)),
            equal,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON types."""
        return asdict(self)


def with_index(
    feature: FeatureRecord, family: FamilySpec | None, url: str | None, graph: bool | None = None
) -> FeatureRecord:
    """Return a feature whose index is of another family or elsewhere; None leaves any of these as it is.

    Args:
        url: of a store or a search engine, or "embedded".
        graph: whether a search engine is to build its own HNSW.

    Raises:
        OptionError: learned buckets in a store; a family, or a metric that it does not know, in a search engine.
    """
    here = place_of(feature.index)
    if url is None:
        url = EMBEDDED if here is None else here.url
    if is_engine(url):
        return replace(feature, index=_in_engine(feature, family, url, graph).to_json())
    if graph:
        raise OptionError("graph is for a search engine; name one with engine")
    spec = FamilySpec.of(family) if family is not None else family_of(feature.index)
    usual = FamilySpec.for_metric(spec, feature.metric)
    if url == EMBEDDED:
        return replace(feature, index={} if spec is None else spec.to_json())
    if usual is None and family is None:
        usual = FamilySpec(DEFAULT_FAMILY)
    moved = StoredIndex.new(url, feature.name, usual)
    if isinstance(here, StoredIndex) and here.url == moved.url:
        moved = replace(moved, namespace=here.namespace)
    return replace(feature, index=moved.to_json())


def _in_engine(
    feature: FeatureRecord, family: FamilySpec | None, url: str, graph: bool | None
) -> EngineIndexed:
    if family is not None:
        raise OptionError(
            f"a search engine has tokens, which are learned from the vectors, and no {family.name}; leave the family "
            "out, or search elsewhere"
        )
    if not takes_metric(feature.metric):
        raise OptionError(
            f"feature {feature.name} is compared by {feature.metric}, and a search engine by euclidean or cosine; "
            "choose a store, or embedded"
        )
    here = EngineIndexed.of(feature.index)
    if graph is None:
        graph = here is not None and here.graph
    new = EngineIndexed.new(url, feature.name, graph=graph)
    return replace(here, graph=graph) if here is not None and here.url == new.url else new


def takes_metric(metric: str) -> bool:
    """Whether vectors that are compared so can be searched in a search engine."""
    return metric in ("euclidean", "cosine")


def is_elsewhere(feature: FeatureRecord, other: FeatureRecord) -> bool:
    """Whether the two are searched in different places."""
    first, second = (place_of(one.index) for one in (feature, other))
    if isinstance(first, StoredIndex) and isinstance(second, StoredIndex):
        return (first.url, first.namespace) != (second.url, second.namespace)
    if isinstance(first, EngineIndexed) and isinstance(second, EngineIndexed):
        return (first.url, first.index) != (second.url, second.index)
    return first != second


def check_place(buckets: Any, engine: Any) -> str:
    """Return where an index is to go. Raises OptionError where that is not said."""
    place = chosen_place(buckets, engine)
    if place is None:
        raise OptionError(
            f"give buckets, the URL of a store, or engine, that of a search engine, or {EMBEDDED}"
        )
    return place


def chosen_place(buckets: Any, engine: Any) -> str | None:
    """Return the URL of a store or a search engine, or "embedded", that a call names; None where it names none.

    Raises:
        OptionError: it names both, or what is no URL.
    """
    if buckets is not None and engine is not None:
        raise OptionError("a feature is searched in one place; give buckets or engine")
    if buckets == "" or engine == "":
        raise OptionError(f"the URL is empty; give that of a store or a search engine, or {EMBEDDED}")
    if engine is not None:
        return as_engine(engine) or EMBEDDED
    return None if buckets is None else as_buckets(buckets) or EMBEDDED


def sampled_hits(catalogue: Catalogue, index: IndexView, feature: str, queries: int) -> Int64:
    """Return the numbers (q, HITS) that sources, drawn evenly from those that have the feature, find."""
    numbers = catalogue.numbers_with([feature])
    drawn = numbers[np.linspace(0, len(numbers) - 1, min(queries, len(numbers))).astype(int)]
    if not len(drawn):
        return np.empty((0, HITS), dtype=np.int64)
    return index.search(catalogue.vectors(feature, drawn)[1], HITS)[0]


def feature_of(features: Mapping[str, FeatureRecord], name: str) -> FeatureRecord:
    """Return the feature of that name. Raises UnknownFeatureError."""
    if name not in features:
        raise UnknownFeatureError(
            f"the collection has no feature {name!r}; it has {', '.join(features) or 'none'}"
        )
    return features[name]
