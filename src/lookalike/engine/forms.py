"""The forms of tokens that are tried on a sample: clusterings of the whole vector, and sections."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from lookalike.arrays import Float32, Metric, Rows
from lookalike.engine.tokens import TokenScheme
from lookalike.engine.trial import Standing, Trial
from lookalike.hashing import Clusterings, Clusters
from lookalike.index.lsh.neighbours import Pairs, drawn_rows

Form = Literal["clusterings", "sections"]
FORMS: tuple[Form, ...] = ("clusterings", "sections")

LARGE_CELL, SMALL_CELL, SMALLEST_CELL = 64, 16, 4
"""Documents that a list of tokens has about, in the three kinds of clusterings that are tried."""
MOST_CLUSTERS = 1_024
"""More cells than this are made by residuals."""
ROWS_A_CLUSTER = 16
"""And so are those that would have fewer rows of the sample each: what few rows told, they would seem to find."""
TABLES = (2, 4, 6, 8, 12, 16, 24, 32)
PROBES = (1, 2, 4, 8, 16, 32, 64)

SECTIONS = (1, 4, 16, 64, 256)
SECTION_CLUSTERS = (4, 16, 32, 64, 128, 256, 512)
SPREAD_ROWS = 4_096
"""Rows that tell how far documents lie from the middles of their cells."""
SECTION_ROWS = 8_192
"""Rows that the centroids of sections are learned from, which have few dimensions."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that a document and a query may have."""

    tokens: int
    terms: int


def tried(
    form: Form, learned: Float32, pairs: Pairs, unmoved: Rows, metric: Metric, limits: Limits, seed: int
) -> Iterator[tuple[TokenScheme, Standing]]:
    """Yield schemes of a form within `limits`, and how neighbours stand by them.

    Args:
        form: of the schemes.
        learned: (t, d), what they are learned from: no rows of `pairs`, since those that a clustering was made of are
            nearer to its centroids than others are.
        pairs: those that they are tried on.
        unmoved: the neighbours in `pairs` where they were before they were moved.
        metric: of the schemes.
        limits: what they may have.
        seed: of what is learned.
    """
    if form == "sections":
        yield from _sections(learned, pairs, metric, limits, seed)
    else:
        yield from _clusterings(learned, pairs, unmoved, metric, limits, seed)


def _clusterings(
    learned: Float32, pairs: Pairs, unmoved: Rows, metric: Metric, limits: Limits, seed: int
) -> Iterator[tuple[TokenScheme, Standing]]:
    """Yield what is told of `tried`: larger cells and smaller ones, numbers of tables and of probes."""
    most = min(limits.tokens, TABLES[-1])
    for clusters, residuals in _shapes(len(learned), pairs.rows):
        family = Clusterings(tables=most, clusters=clusters, residuals=residuals, seed=seed).fit(learned)
        whole = TokenScheme(family, metric).spread_out(drawn_rows(learned, SPREAD_ROWS))
        trial = Trial(whole, pairs.others, pairs.rows)
        for probes in PROBES:
            tables = tuple(count for count in TABLES if count <= most and count * probes <= limits.terms)
            if tables and probes <= family.centroids:
                for count, factors, standing in trial.standings(pairs, probes, tables, unmoved):
                    spread = whole.spread if factors else None
                    yield replace(whole, family=family.first(count), probes=probes, spread=spread), standing


def _shapes(learned: int, rows: int) -> list[tuple[int, int]]:
    """Return clusters and residuals of each, by the rows that they are learned from and all rows."""
    shapes: list[tuple[int, int]] = []
    for documents in (LARGE_CELL, SMALL_CELL, SMALLEST_CELL):
        cells = 2 ** max(2, round(math.log2(rows / documents)))
        clusters = cells if cells <= MOST_CLUSTERS else 2 ** math.ceil(math.log2(cells) * 5 / 8)
        while clusters > 2 and clusters * ROWS_A_CLUSTER > learned:
            clusters //= 2
        shapes.append((clusters, max(1, cells // clusters)))
    return list(dict.fromkeys(shapes))


def _sections(
    learned: Float32, pairs: Pairs, metric: Metric, limits: Limits, seed: int
) -> Iterator[tuple[TokenScheme, Standing]]:
    """Yield what is told of `tried`, as published: one probe a section, its token weighed by rarity."""
    few = learned[:SECTION_ROWS]
    for sections in SECTIONS:
        for clusters in SECTION_CLUSTERS:
            fits = sections <= min(limits.tokens, limits.terms, few.shape[1])
            if fits and clusters * ROWS_A_CLUSTER <= len(few):
                family = Clusters(sections=sections, clusters=clusters, seed=seed).fit(few)
                scheme = TokenScheme(family, metric, probes=1).weighed(learned)
                [(_, _, standing)] = Trial(scheme, pairs.others, pairs.rows).standings(pairs, 1, (sections,))
                yield scheme, standing
