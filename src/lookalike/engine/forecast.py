"""What a scheme of tokens does among so many documents, and what a query then costs."""

from __future__ import annotations

from dataclasses import dataclass

from lookalike.engine.tokens import TokenScheme
from lookalike.engine.trial import Standing

TERM, POSTING, FACTOR = 20.0, 0.02, 0.05
"""What a query pays for each term, and for each posting without and for the factor of its document."""
CANDIDATE, DIMENSION = 2.0, 0.004
"""And for each candidate, and each of its dimensions. All are microseconds of OpenSearch 3.5 with one shard on one core
(AMD EPYC, Zen 3), told by requests that differ in one of them; they weigh choices against each other."""


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
    factors: bool
    """Whether scores are multiplied by the documents' factors."""
    cost: float
    """What a query takes, about, in microseconds, for comparing choices: beside what every request takes."""


def forecast(
    scheme: TokenScheme, standing: Standing, rows: int, recall: float, windows: list[int]
) -> Forecast:
    """Return the forecast with the fewest candidates of `windows` that reach `recall`, or with the most."""
    found = [(standing.recall(window), standing.error(window)) for window in windows]
    place = next((i for i, (share, error) in enumerate(found) if share - error >= recall), len(windows) - 1)
    tokens, factors = scheme.family.tables * scheme.ranks, scheme.spread is not None
    terms = tokens * min(scheme.probes, scheme.family.centroids)
    posting = POSTING + (FACTOR if factors else 0)
    candidate = CANDIDATE + DIMENSION * scheme.dimension
    return Forecast(
        rows=rows,
        recall=found[place][0],
        error=found[place][1],
        tokens=tokens,
        terms=terms,
        postings=standing.postings,
        candidates=windows[place],
        factors=factors,
        cost=TERM * terms + posting * standing.postings + candidate * windows[place],
    )
