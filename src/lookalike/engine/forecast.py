"""What a scheme of tokens does among so many documents, and what a query then costs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lookalike.engine.sample import Sample
from lookalike.engine.tokens import TokenScheme
from lookalike.engine.trial import Standing, Union

SURE = 1.645
"""A forecast is surely reached if so many standard errors less would do: by chance, nineteen of twenty are."""

REQUEST = 2_750.0
"""What any request with a vector takes."""
TERM, COMPARED, COMPARED_DIMENSION = 28.0, 0.5, 0.0004
"""And one that compares all that share a token: for each term, each such document, and each of its dimensions."""
RANKED_TERM, POSTING, FACTOR = 25.0, 0.05, 0.05
"""And one that is ranked: for each term, each posting without and for the factor of its document."""
CANDIDATE, CANDIDATE_DIMENSION = 0.3, 0.0012
"""And for each candidate, and each of its dimensions."""
CLIENT_TERM, CLIENT_BYTES = 10.0, 8_000.0
"""What the client takes before: for each term that it writes, and bytes of the family's arrays that it reads in one.

All are microseconds. Those of requests are of OpenSearch 3.5 with Java's vector instructions, one shard, on a core of
an AMD EPYC (Zen 3), told by requests that differ in one of them, of 60,000 documents of 784 numbers, and what is
compared by 300,000 of 128, too; only what a ranked candidate takes was measured without these instructions, and is cut
in the proportion in which they cut what a document of 784 numbers takes.
Those of the client are of NumPy on the same core."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a scheme does among so many documents."""

    rows: int
    recall: float
    """Of the ten nearest among the candidates, which exact distances then order."""
    error: float
    """Standard error of the recall; choices must reach the recall that is asked for with `SURE` times this to spare."""
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
    """What a query takes, about, in microseconds, on one quiet core (`REQUEST` and others)."""


def ranked(
    scheme: TokenScheme,
    sample: Sample,
    union: Union,
    standing: Standing,
    rows: int,
    recall: float,
    windows: list[int],
) -> Forecast:
    """Return the forecast with the fewest candidates of `windows` that reach `recall`, or with the most."""
    for window in windows:
        told, error = sample.recall(standing.found(window), rows)
        if told - SURE * error >= recall:
            break
    tokens, terms = _counts(scheme)
    factors = scheme.spread is not None
    posting = POSTING + (FACTOR if factors else 0)
    candidate = CANDIDATE + CANDIDATE_DIMENSION * scheme.dimension
    return Forecast(
        rows=rows,
        recall=told,
        error=error,
        tokens=tokens,
        terms=terms,
        postings=union.postings,
        candidates=window,
        ranked=True,
        factors=factors,
        cost=REQUEST
        + RANKED_TERM * terms
        + posting * union.postings
        + candidate * window
        + _client(scheme, terms),
    )


def unranked(scheme: TokenScheme, sample: Sample, union: Union, rows: int) -> Forecast:
    """Return the forecast where all documents that share a token with the query are compared."""
    told, error = sample.recall(union.found, rows)
    tokens, terms = _counts(scheme)
    compared = COMPARED + COMPARED_DIMENSION * scheme.dimension
    return Forecast(
        rows=rows,
        recall=told,
        error=error,
        tokens=tokens,
        terms=terms,
        postings=union.postings,
        candidates=math.ceil(union.sharing),
        ranked=False,
        factors=False,
        cost=REQUEST + TERM * terms + compared * union.sharing + _client(scheme, terms),
    )


def _counts(scheme: TokenScheme) -> tuple[int, int]:
    """Return tokens of a document and terms of a query."""
    tokens = scheme.family.tables * scheme.ranks
    return tokens, tokens * min(scheme.probes, scheme.family.centroids)


def _client(scheme: TokenScheme, terms: int) -> float:
    read = sum(array.nbytes for array in scheme.arrays().values())
    return CLIENT_TERM * terms + read / CLIENT_BYTES
