"""What a scheme of tokens does among so many documents, and what a query then costs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lookalike.engine.tokens import TokenScheme
from lookalike.engine.trial import Standing

TERM, POSTING, FACTOR = 25.0, 0.05, 0.05
"""What a query that is ranked pays for each term, and for each posting without and for the factor of its document."""
CANDIDATE, DIMENSION = 0.8, 0.0035
"""And for each candidate, and each of its dimensions."""
LISTED, COMPARED, COMPARED_DIMENSION = 5.0, 0.5, 0.0025
"""What a query that is not ranked pays for each term, and for each document that shares one, and each dimension.

All are microseconds of OpenSearch 3.5, of one shard on a core of an AMD EPYC (Zen 3), told by requests that differ in
one of them. They weigh choices against each other."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a scheme does among so many documents."""

    rows: int
    recall: float
    """Of the ten nearest among the candidates, which exact distances then order."""
    error: float
    """Standard error of the recall; choices must reach the recall that is asked for with this to spare."""
    tokens: int
    """Of a document."""
    terms: int
    """Of a query."""
    postings: float
    """Documents in the lists of a query's terms, each list counted."""
    candidates: int
    """Documents whose distances are computed."""
    ranked: bool
    """Whether those are the ones of the largest scores, or all that share a token with the query."""
    factors: bool
    """Whether scores are multiplied by the documents' factors."""
    cost: float
    """What a query takes, about, in microseconds, for comparing choices: beside what every request takes."""


def ranked(scheme: TokenScheme, standing: Standing, rows: int, recall: float, windows: list[int]) -> Forecast:
    """Return the forecast with the fewest candidates of `windows` that reach `recall`, or with the most."""
    window = next(
        (each for each in windows if standing.recall(each) - standing.error(each) >= recall), windows[-1]
    )
    tokens, terms = _counts(scheme)
    factors = scheme.spread is not None
    posting = POSTING + (FACTOR if factors else 0)
    candidate = CANDIDATE + DIMENSION * scheme.dimension
    return Forecast(
        rows=rows,
        recall=standing.recall(window),
        error=standing.error(window),
        tokens=tokens,
        terms=terms,
        postings=standing.postings,
        candidates=window,
        ranked=True,
        factors=factors,
        cost=TERM * terms + posting * standing.postings + candidate * window,
    )


def unranked(scheme: TokenScheme, standing: Standing, rows: int) -> Forecast:
    """Return the forecast where all documents that share a token with the query are compared."""
    tokens, terms = _counts(scheme)
    compared = math.ceil(standing.sharing)
    return Forecast(
        rows=rows,
        recall=standing.recall(math.inf),
        error=standing.error(math.inf),
        tokens=tokens,
        terms=terms,
        postings=standing.postings,
        candidates=compared,
        ranked=False,
        factors=False,
        cost=LISTED * terms + (COMPARED + COMPARED_DIMENSION * scheme.dimension) * compared,
    )


def _counts(scheme: TokenScheme) -> tuple[int, int]:
    """Return tokens of a document and terms of a query."""
    tokens = scheme.family.tables * scheme.ranks
    return tokens, tokens * min(scheme.probes, scheme.family.centroids)
