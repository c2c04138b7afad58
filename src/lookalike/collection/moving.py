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
    StoredIndex,
    as_buckets,
    family_of,
)
from lookalike.errors import OptionError, UnknownFeatureError
from lookalike.hashing import FamilySpec
from lookalike.index import IndexView
from lookalike.urls import without_password

HITS = 10


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What was found before and after an index was moved."""

    feature: str
    buckets: str
    """Where they are now: a URL without its password, or "embedded"."""
    queries: int
    hits: int
    """Of all queries, before."""
    equal: int
    """Those of them that were found afterwards too."""

    @classmethod
    def of(cls, feature: FeatureRecord, before: Int64, after: Int64) -> Self:
        """Return the report on hits (q, k) of the same queries, padded with -1."""
        stored = StoredIndex.of(feature.index)
        equal = sum(len(np.intersect1d(was[was >= 0], now)) for was, now in zip(before, after, strict=True))
        return cls(
            feature.name,
            EMBEDDED if stored is None else stored.url,
            len(before),
            int(np.count_nonzero(before >= 0)),
            equal,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON types."""
        return asdict(self)


def with_index(feature: FeatureRecord, family: FamilySpec | None, buckets: str | None) -> FeatureRecord:
    """Return a feature whose index is of another family or elsewhere; None leaves either as it is.

    Raises:
        OptionError: no such URL, or learned buckets in a store.
    """
    stored = StoredIndex.of(feature.index)
    here = None if stored is None else stored.url
    url = here if buckets is None else as_buckets(buckets)
    spec = FamilySpec.of(family) if family is not None else family_of(feature.index)
    usual = FamilySpec.for_metric(spec, feature.metric)
    if url is None:
        return replace(feature, index={} if spec is None else spec.to_json())
    if usual is None and family is None:
        usual = FamilySpec(DEFAULT_FAMILY)
    moved = StoredIndex.new(url, feature.name, usual)
    if stored is not None and stored.url == without_password(url):
        moved = replace(moved, namespace=stored.namespace)
    return replace(feature, index=moved.to_json())


def is_elsewhere(feature: FeatureRecord, other: FeatureRecord) -> bool:
    """Whether the two keep their buckets in different places."""
    places = [StoredIndex.of(one.index) for one in (feature, other)]
    first, second = (None if one is None else (one.url, one.namespace) for one in places)
    return first != second


def check_place(buckets: Any) -> str:
    """Return where buckets are to go. Raises OptionError where that is not said."""
    if not isinstance(buckets, str) or not buckets:
        raise OptionError(f"buckets is {buckets!r}; give the URL of a store, or {EMBEDDED}")
    return buckets


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
