"""Evaluation: exact rankings of sampled queries by each feature and by several, measured by what is relevant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np

from lookalike.arrays import Float32, Float64, Int64
from lookalike.catalogue import Catalogue, FeatureRecord
from lookalike.errors import OptionError, UnknownFeatureError
from lookalike.evaluation.cross_validation import TENTHS, propose
from lookalike.evaluation.fusing import Candidates, Weights, united
from lookalike.evaluation.measures import Figure, precision
from lookalike.evaluation.measuring import Measured, Measuring
from lookalike.evaluation.neighbours import FeatureRows
from lookalike.evaluation.relevance import Relevance
from lookalike.evaluation.report import Curve, Evaluation, Pair, Proposal, Row
from lookalike.evaluation.through_indexes import built, measured
from lookalike.hashing import FamilySpec
from lookalike.index import IndexView

DEPTH = 1000
"""Rankings are cut there for average precision, as trec_eval cuts them."""
FUSED_ROWS = 4000
"""Rankings of several features are made of about so many sources a query, or of fewer, those nearest in each."""
PROVEN = 0.999


class Progress(Protocol):
    """Is told how far an evaluation is."""

    def total(self, count: int) -> None:
        """So many vectors will be compared with all queries."""

    def advance(self, rows: int) -> None:
        """So many have been."""

    def stage(self, text: str) -> None:
        """What is done now."""


@dataclass(frozen=True, slots=True)
class Fusion:
    """How a search compares by several features.

    Attributes:
        scale: what distances in each feature are multiplied by to be comparable.
        weights: those of a search that is given none.
        sample: sources that have all features, where some lack one; they tell how far apart things usually are.
    """

    scale: Mapping[str, float]
    weights: Weights
    sample: Int64 | None


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of an evaluation: the k of its measures, the most queries, and families to build beside."""

    k: int
    queries: int
    families: tuple[FamilySpec, ...]
    given: Weights | None
    """Weights to measure beside the others."""


def evaluated(
    catalogue: Catalogue,
    features: Mapping[str, FeatureRecord],
    indexes: Mapping[str, tuple[IndexView, str]],
    fusion: Fusion,
    relevance: Relevance,
    options: Options,
    progress: Progress,
    notes: Sequence[str] = (),
) -> Evaluation:
    """Return the evaluation of `features`, one or more, in one state of a collection.

    Args:
        catalogue: a snapshot.
        indexes: of each feature, and the name of what its buckets are of.
        notes: that the evaluation is to carry, before its own.

    Raises:
        UnknownFeatureError: no query has all the features.
    """
    queries, left_out = sampled(catalogue, features, relevance, options.queries)
    notes = [*notes, *relevance.notes, *left_out]
    rows = {name: FeatureRows(catalogue, record) for name, record in features.items()}
    passes = 1 if len(features) == 1 else 2
    progress.total(passes * sum(catalogue.count(name) for name in features))
    measuring = Measuring(relevance, queries, options.k)
    depth = max(DEPTH, options.k)
    exact = {}
    for name, one in rows.items():
        progress.stage(f"comparing {name}")
        exact[name] = one.nearest(queries, depth, progress.advance)
    alone = {name: measuring.of(measuring.grades(numbers)) for name, (numbers, _) in exact.items()}
    order = sorted(alone, key=lambda name: -alone[name].precision.mean())
    best = alone[order[0]].precision
    told = [_row(name, {name: 1.0}, alone[name], best) for name in order]
    proposal, curve = None, None
    if len(features) > 1:
        candidates = _candidates(rows, exact, fusion, measuring, progress)
        together, proposal, curve, more = _together(
            candidates, order, fusion, measuring, options, best, progress
        )
        told, notes = told + together, [*notes, *more]
    through = []
    for name, (view, family) in indexes.items():
        progress.stage(f"searching {name}")
        through.append(measured(rows[name], view, family, exact[name][0], measuring))
        if view.trouble is not None:
            notes.append(f"{view.trouble}; every vector of {name} was compared instead")
        for spec in options.families:
            if fits(spec, features[name]):
                progress.stage(f"building {spec.name} for {name}")
                through.append(built(rows[name], spec, exact[name][0], measuring))
    if not relevance.is_complete:
        judged = {name: measuring.judged(numbers) for name, (numbers, _) in exact.items()}
        least = min(judged, key=lambda name: judged[name])
        notes.append(
            f"{judged[least]:.0%} of the first {options.k} by {least} are judged, by others more; the rest counts as "
            "not relevant"
        )
    return Evaluation(
        relevance=relevance.told,
        sources=catalogue.count(),
        queries=len(queries),
        k=options.k,
        depth=depth,
        rows=tuple(told),
        pairs=tuple(_pairs(features, order, alone)),
        indexes=tuple(through),
        proposal=proposal,
        curve=curve,
        notes=tuple(notes),
    )


def sampled(
    catalogue: Catalogue, features: Mapping[str, FeatureRecord], relevance: Relevance, most: int
) -> tuple[Int64, list[str]]:
    """Return the queries, ascending, no more than `most` of them, drawn by a fixed seed; and notes.

    Raises:
        UnknownFeatureError: none of them has all the features.
    """
    notes = []
    for name in features:
        if lacking := catalogue.count() - catalogue.count(name):
            what = "1 source lacks" if lacking == 1 else f"{lacking:,} sources lack"
            notes.append(f"{what} {name}: never found by it, and no queries")
    queries = np.intersect1d(relevance.queries, catalogue.numbers_with(list(features)), assume_unique=True)
    if not len(queries):
        raise UnknownFeatureError(
            f"none of the {len(relevance.queries):,} queries has all of {', '.join(features)}; choose features that "
            "they have (--feature)"
        )
    if len(queries) > most:
        notes.append(f"{most:,} queries were drawn from {len(queries):,} (--queries)")
        queries = np.sort(np.random.default_rng(0).choice(queries, most, replace=False))
    return queries, notes


def fits(family: FamilySpec, feature: FeatureRecord) -> bool:
    """Return whether a family hashes the vectors of a feature."""
    try:
        FamilySpec.for_metric(family, feature.metric)
    except OptionError:
        return False
    return True


def _candidates(
    rows: Mapping[str, FeatureRows],
    exact: Mapping[str, tuple[Int64, Float32]],
    fusion: Fusion,
    measuring: Measuring,
    progress: Progress,
) -> Candidates:
    """Return the sources nearest to each query in any feature, with their distances in all."""
    depth = min(DEPTH, max(10 * measuring.k, FUSED_ROWS // len(rows)))
    numbers = united([found[:, :depth] for found, _ in exact.values()])
    distances = {}
    for name, one in rows.items():
        progress.stage(f"comparing {name} with others")
        distances[name] = one.distances(measuring.queries, numbers, progress.advance)
    usual = {}
    for name, one in rows.items():
        if fusion.sample is not None:
            asked = np.tile(fusion.sample, (len(numbers), 1))
            usual[name] = one.distances(measuring.queries, asked, lambda _: None).mean(
                axis=1, dtype=np.float64
            )
        else:
            usual[name] = np.ones(len(numbers))
    return Candidates(
        numbers=numbers,
        grades=measuring.grades(numbers),
        distances=distances,
        ends={name: found[:, :depth][:, -1] for name, (_, found) in exact.items()},
        scale=fusion.scale,
        usual=usual,
    )


def _together(
    candidates: Candidates,
    order: Sequence[str],
    fusion: Fusion,
    measuring: Measuring,
    options: Options,
    best: Float64,
    progress: Progress,
) -> tuple[list[Row], Proposal | None, Curve | None, list[str]]:
    """Return rows of several features together, the proposal, the curve of two, and notes."""

    def precision_of(weights: Sequence[float]) -> Float64:
        given = dict(zip(order, weights, strict=True))
        return precision(candidates.grades_of(candidates.first(given, measuring.k)), measuring.k)

    named: dict[str, Weights] = {"default weights": {name: fusion.weights[name] for name in order}}
    named["equal weights"] = dict.fromkeys(order, 1.0)
    if options.given is not None:
        named["given weights"] = options.given
    proposal = None
    if len(measuring.queries) > 1:
        progress.stage("choosing weights")
        choice = propose(precision_of, len(order), len(measuring.queries))
        chosen = {name: weight for name, weight in zip(order, choice.weights, strict=True) if weight > 0}
        proposal = Proposal(chosen, choice.held_out, choice.gain, choice.folds)
        if len(chosen) > 1:
            named["proposed weights"] = chosen
    rows, notes = [], []
    for name, weights in named.items():
        grades = candidates.grades_of(candidates.first(weights, DEPTH))
        rows.append(_row(name, weights, measuring.of(grades), best))
        if fusion.sample is None and (proven := candidates.proven(weights, measuring.k)) < PROVEN:
            notes.append(
                f"{name}: of {1 - proven:.1%} of the queries, a source that is not near in any feature might be "
                f"among the first {measuring.k}"
            )
    curve = None
    if len(order) == 2:
        points = [(tenths / TENTHS, (1 - tenths / TENTHS, tenths / TENTHS)) for tenths in range(TENTHS + 1)]
        curve = Curve(
            order[0], order[1], tuple((second, Figure.of(precision_of(pair))) for second, pair in points)
        )
    return rows, proposal, curve, notes


def _row(name: str, weights: Weights, one: Measured, best: Float64) -> Row:
    return Row(
        name=name,
        weights=weights,
        precision=Figure.of(one.precision),
        average_precision=Figure.of(one.average_precision),
        recall=Figure.of(one.recall),
        ndcg=None if one.ndcg is None else Figure.of(one.ndcg),
        gain=Figure.of(one.precision - best),
    )


def _pairs(
    features: Mapping[str, FeatureRecord], order: Sequence[str], alone: Mapping[str, Measured]
) -> Iterator[Pair]:
    """Yield each two features of one extractor, the better one first."""
    for first, second in combinations(order, 2):
        if features[first].extractor == features[second].extractor:
            yield Pair(
                first,
                second,
                Figure.of(alone[first].precision - alone[second].precision),
                Figure.of(alone[first].average_precision - alone[second].average_precision),
            )
