"""The forms of tokens that are tried on a sample: clusterings of the whole vector, and sections."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from lookalike.arrays import Metric
from lookalike.engine.forecast import SURE, Forecast, ranked, unranked
from lookalike.engine.sample import Sample
from lookalike.engine.tokens import ALL_CANDIDATES, TokenScheme
from lookalike.engine.trial import Trial
from lookalike.hashing import Clusterings, Clusters
from lookalike.hashing.clustering_learner import ClusteringLearner
from lookalike.hashing.clusterings import COMPONENTS
from lookalike.index.lsh.neighbours import drawn_rows

Form = Literal["clusterings", "sections"]
FORMS: tuple[Form, ...] = ("clusterings", "sections")

UNION_CELLS = (512, 256, 128, 64, 32, 16)
"""Documents that a list of tokens has about, in the kinds of clusterings by which all are compared that share one."""
RANKED_CELLS = (64, 16, 4)
"""And in those by which documents are ranked."""
MOST_CLUSTERS = 1_024
"""More cells than this are made by residuals."""
ROWS_A_CLUSTER = 8
"""And so are those that would have fewer rows of the sample each."""
UNION_TABLES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
UNION_PROBES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 128)
RANKED_TABLES = (4, 8, 12, 16, 32)
RANKED_PROBES = (8, 16, 32, 64)
GROWN_SHAPES = 3
"""Kinds of clusterings, the best of all by the fewest tables, that are tried with more."""

SECTIONS = (1, 4, 16, 64, 256)
SECTION_CLUSTERS = (4, 16, 32, 64, 128, 256, 512)
SPREAD_ROWS = 4_096
"""Rows that tell how far documents lie from the middles of their cells."""
SECTION_ROWS = 8_192
"""Rows that the centroids of sections are learned from, which have few dimensions."""
WINDOWS = (50, 100, 200, 400, 600, 1_000, 2_000, 4_000)
"""Numbers of candidates that are tried."""

Choice = tuple[TokenScheme, Forecast]
Shape = tuple[int, int]
"""Clusters, and residuals of each."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a scheme is looked for."""

    sample: Sample
    metric: Metric
    rows: int
    """In all."""
    recall: float
    tokens: int
    """The most of a document."""
    terms: int
    """The most of a query."""
    candidates: int
    """The most that may be compared exactly."""
    seed: int

    @property
    def windows(self) -> list[int]:
        """Numbers of candidates that are tried, ascending."""
        return sorted({self.candidates, *(window for window in WINDOWS if window < self.candidates)})

    def reached(self, told: Forecast) -> bool:
        """Whether the recall is surely reached."""
        return told.recall - SURE * told.error >= self.recall

    def order(self, choice: Choice) -> tuple[bool, float]:
        """Return what choices are ordered by: those that reach the recall by cost, then the others by recall."""
        told = choice[1]
        reached = self.reached(told)
        return not reached, told.cost if reached else -told.recall


def clusterings(task: Task) -> list[Choice]:
    """Return what was tried: all compared that share a token, and where that cannot reach the recall, ranking, too."""
    sample = task.sample
    learner = ClusteringLearner(sample.rows[: sample.learned], COMPONENTS, task.seed)
    choices = _grown(task, UNION_CELLS, UNION_TABLES, lambda *shape: list(_unions(task, learner, *shape)))
    if not any(task.reached(told) for _, told in choices):
        choices += _grown(
            task, RANKED_CELLS, RANKED_TABLES, lambda *shape: list(_ranked(task, learner, *shape))
        )
    return choices


def sections(task: Task) -> list[Choice]:
    """Return what was tried, as published: one probe a section, its token weighed by rarity."""
    sample = task.sample
    learned = sample.rows[: sample.learned]
    few = learned[:SECTION_ROWS]
    choices: list[Choice] = []
    for count in SECTIONS:
        for clusters in SECTION_CLUSTERS:
            fits = count <= min(task.tokens, task.terms, few.shape[1])
            if fits and clusters * ROWS_A_CLUSTER <= len(few):
                family = Clusters(sections=count, clusters=clusters, seed=task.seed).fit(few)
                scheme = TokenScheme(family, task.metric, probes=1).weighed(learned)
                choices += _by_rank(task, scheme, Trial(scheme, sample, task.rows))
    return choices


def _grown(
    task: Task,
    cells: tuple[int, ...],
    tables: tuple[int, ...],
    tried: Callable[[Shape, int], list[Choice]],
) -> list[Choice]:
    """Return all choices of the shapes with the fewest tables, and of the best with more while that is better."""
    most = min(task.tokens, task.terms)
    counts = [count for count in tables if count <= most] or [most]
    by_shape = {shape: tried(shape, counts[0]) for shape in _shapes(cells, task.sample.learned, task.rows)}
    best = sorted((min(map(task.order, choices)), shape) for shape, choices in by_shape.items() if choices)[
        :GROWN_SHAPES
    ]
    choices = [choice for each in by_shape.values() for choice in each]
    for before, shape in best:
        for count in counts[1:]:
            more = tried(shape, count)
            choices += more
            now = min(map(task.order, more), default=before)
            if now >= before:
                break
            before = now
    return choices


def _shapes(cells: tuple[int, ...], learned: int, rows: int) -> list[Shape]:
    """Return clusters and residuals of each, for lists of so many documents."""
    shapes: list[Shape] = []
    for documents in cells:
        wanted = 2 ** max(1, round(math.log2(rows / documents)))
        clusters = min(wanted, MOST_CLUSTERS)
        while clusters > 2 and clusters * ROWS_A_CLUSTER > learned:
            clusters //= 2
        shapes.append((clusters, max(1, wanted // clusters)))
    return list(dict.fromkeys(shapes))


def _family(learner: ClusteringLearner, shape: Shape, tables: int) -> Clusterings:
    clusters, residuals = shape
    family = Clusterings(tables=tables, clusters=clusters, residuals=residuals, seed=learner.seed)
    return family.learn(learner)


def _unions(task: Task, learner: ClusteringLearner, shape: Shape, tables: int) -> Iterator[Choice]:
    """Yield what is told of a query by few probes and by many, of all documents that share a token."""
    family = _family(learner, shape, tables)
    probes = tuple(
        count for count in UNION_PROBES if count * tables <= task.terms and count <= family.centroids
    )
    scheme = TokenScheme(family, task.metric, candidates=ALL_CANDIDATES)
    for count, union in Trial(scheme, task.sample, task.rows).unions(probes):
        if union.sharing <= task.candidates:
            own = replace(scheme, probes=count)
            yield own, unranked(own, task.sample, union, task.rows)


def _ranked(task: Task, learner: ClusteringLearner, shape: Shape, tables: int) -> Iterator[Choice]:
    """Yield what is told of a query by few probes and by many, of the documents of the largest scores."""
    family = _family(learner, shape, tables)
    few = drawn_rows(task.sample.rows[: task.sample.learned], SPREAD_ROWS)
    whole = TokenScheme(family, task.metric).spread_out(few)
    trial = Trial(whole, task.sample, task.rows)
    for probes in RANKED_PROBES:
        if probes * tables <= task.terms and probes <= family.centroids:
            yield from _by_rank(task, replace(whole, probes=probes), trial)


def _by_rank(task: Task, scheme: TokenScheme, trial: Trial) -> Iterator[Choice]:
    """Yield what is told of a scheme without factors, and with them."""
    [(_, union)] = trial.unions((scheme.probes,))
    for factors, standing in trial.standings(scheme.probes):
        own = scheme if factors else replace(scheme, spread=None)
        told = ranked(own, task.sample, union, standing, task.rows, task.recall, task.windows)
        yield replace(own, candidates=told.candidates), told
