"""Evaluation of one state of a collection: what is asked for, checked, and how its searches compare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from lookalike.arguments import as_count, shown
from lookalike.catalogue import Catalogue, FeatureRecord
from lookalike.collection.from_metadata import is_of_metadata
from lookalike.collection.info import describe_index
from lookalike.collection.moving import feature_of
from lookalike.collection.report import as_listener
from lookalike.collection.request import SearchRequest
from lookalike.collection.searcher import SAMPLED, Searcher
from lookalike.errors import OptionError, UnknownFeatureError
from lookalike.evaluation import Evaluation, Fusion, Judged, Options, evaluated, judgements, labels_by
from lookalike.evaluation.evaluate import fits
from lookalike.hashing import FamilySpec
from lookalike.index import IndexView


def evaluate(
    searcher: Searcher,
    by: str | None,
    judged: Judged | None,
    *,
    k: int,
    queries: int,
    features: Mapping[str, float] | Iterable[str] | None,
    families: Iterable[str],
    listener: object,
) -> Evaluation:
    """See `Collection.evaluate`."""
    told = as_listener(listener)
    if (by is None) == (judged is None):
        raise OptionError("give by, a metadata field, or judged, pairs that somebody judged: one of the two")
    if by is not None and not isinstance(by, str):
        raise OptionError(f"by is {shown(by)}; give the name of a metadata field, or 'folder'")
    if isinstance(families, str) or not isinstance(families, Iterable):
        raise OptionError(f"families is {shown(families)}; give a list of names")
    specs = tuple(FamilySpec(family) for family in families)
    options = Options(
        k=as_count(k, "k", least=1, most=1000),
        queries=as_count(queries, "queries", least=1),
        families=specs,
        given=_given(features),
    )
    with searcher.indexes() as (catalogue, known, indexes):
        told.stage("reading labels")
        chosen, notes = _chosen(known, features, by)
        _check_families(specs, chosen)
        relevance = labels_by(catalogue, by) if by is not None else judgements(catalogue, judged or ())
        return evaluated(
            catalogue,
            chosen,
            {name: (indexes[name], _buckets(record, indexes[name])) for name, record in chosen.items()},
            _fusion(searcher, catalogue, tuple(chosen)),
            relevance,
            options,
            told,
            notes,
        )


def _given(features: Mapping[str, float] | Iterable[str] | None) -> dict[str, float] | None:
    """Return weights that are not all the same. Raises OptionError."""
    if not isinstance(features, Mapping):
        return None
    weights = SearchRequest.of(features=features).weights
    return dict(weights) if weights is not None and len(set(weights.values())) > 1 else None


def _chosen(
    known: Mapping[str, FeatureRecord], features: Mapping[str, float] | Iterable[str] | None, by: str | None
) -> tuple[dict[str, FeatureRecord], list[str]]:
    """Return the features that are asked for; by default all but words of the very field that says what is relevant."""
    if not known:
        raise UnknownFeatureError("the collection has no feature to evaluate; add pictures or vectors first")
    if features is not None:
        if isinstance(features, str) or not isinstance(features, Iterable):
            raise OptionError(f"features is {shown(features)}; give a list of names, or weights by name")
        chosen = {name: feature_of(known, name) for name in features}
        if not chosen:
            raise OptionError("no feature was chosen; name at least one")
        return chosen, []
    chosen = {name: record for name, record in known.items() if not _tells(record, by)}
    if not chosen:
        return dict(known), []
    notes = [f"{name} is left out, as it is made of {by} itself" for name in known if name not in chosen]
    return chosen, notes


def _tells(record: FeatureRecord, by: str | None) -> bool:
    """Return whether a feature is made of the words of the field `by`."""
    if by is None or not is_of_metadata(record):
        return False
    fields = record.options.get("fields")
    return not fields or by in fields


def _check_families(families: Iterable[FamilySpec], features: Mapping[str, FeatureRecord]) -> None:
    for family in families:
        if not any(fits(family, record) for record in features.values()):
            FamilySpec.for_metric(family, next(iter(features.values())).metric)


def _buckets(record: FeatureRecord, index: IndexView) -> str:
    chosen: str = describe_index(record, index)["chosen"]
    return chosen


def _fusion(searcher: Searcher, catalogue: Catalogue, names: tuple[str, ...]) -> Fusion:
    """Return how a search compares by these features."""
    sample = None
    if len(names) > 1 and any(catalogue.lacking_counts(names).values()):
        complete = catalogue.numbers_with(names)
        sample = complete[np.linspace(0, len(complete) - 1, min(SAMPLED, len(complete))).astype(int)]
    if len(names) == 1:
        return Fusion({names[0]: 1.0}, {names[0]: 1.0}, sample)
    distributions = searcher.distributions(catalogue)
    spread = dict(zip(distributions.names, distributions.spread.tolist(), strict=True))
    return Fusion({name: 1 / spread[name] for name in names}, distributions.weights(names), sample)
