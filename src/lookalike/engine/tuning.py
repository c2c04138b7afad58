"""Chooses how vectors become tokens, for a recall, by trial on a sample."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from lookalike.arguments import as_count, as_share, shown
from lookalike.arrays import Float32, Metric, as_vectors
from lookalike.engine.tokens import METRICS, TokenScheme
from lookalike.engine.trial import Standing, Trial
from lookalike.errors import OptionError
from lookalike.hashing import Clusterings
from lookalike.index.lsh.lift import Lift
from lookalike.index.lsh.neighbours import Pairs, near_pairs
from lookalike.index.row_forms import as_hashed

QUERIES = 128
"""Rows of a sample whose ten nearest are looked for among the rest."""
SAMPLE_ROWS = 20_000
"""More rows of a sample are not used."""
FEWEST_ROWS = 100
"""A sample of fewer tells nothing."""
TOKENS, TERMS, CANDIDATES = 16, 900, 1_000
"""What a document and a query may have, unless asked for otherwise. OpenSearch refuses more than 1,024 clauses, filters
and words among them."""
GROWN = 10
"""It is also told what becomes of a choice at so many times the documents."""

LARGE_CELL, SMALL_CELL, SMALLEST_CELL = 64, 16, 4
"""Documents that a list of tokens has about, in the three forms that are tried."""
MOST_CLUSTERS = 1_024
"""More cells than this are made by residuals."""
ROWS_A_CLUSTER = 16
"""And so are those that would have fewer rows of the sample each: what few rows told, they would seem to find."""
TABLES = (2, 4, 6, 8, 12, 16, 24, 32)
PROBES = (2, 4, 8, 16, 32, 64)
WINDOWS = (50, 100, 200, 400, 600, 1_000, 2_000, 4_000, 10_000)
"""Numbers of candidates that are tried."""

TERM, POSTING, FACTOR, CANDIDATE = 10.0, 0.02, 0.05, 2.0
"""What a query pays for each term, for each posting without and for the factor of its document, and for each candidate,
in microseconds of OpenSearch, about: they weigh choices against each other."""


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

    @property
    def cost(self) -> float:
        """What a query takes, about, in microseconds: for comparing choices only."""
        posting = POSTING + (FACTOR if self.factors else 0)
        return TERM * self.terms + posting * self.postings + CANDIDATE * self.candidates


@dataclass(frozen=True, slots=True, eq=False)
class TokenChoice:
    """A scheme, and what is to be expected of it."""

    scheme: TokenScheme
    forecast: Forecast
    grown: Forecast
    """The same scheme at `GROWN` times the documents, with as many candidates as the recall then takes, if it can."""


def tune_tokens(
    sample: Float32,
    *,
    rows: int | None = None,
    metric: Metric = "euclidean",
    recall: float = 0.95,
    tokens: int = TOKENS,
    terms: int = TERMS,
    candidates: int = CANDIDATES,
    seed: int = 0,
) -> TokenChoice:
    """Return the scheme of clusterings that reaches `recall` at the least cost; if none does, the one of most recall.

    Args:
        sample: (s, d), drawn at random from all vectors; at most `SAMPLE_ROWS` of it are used.
        rows: how many vectors there are in all; by default, the sample is all.
        recall: of the ten nearest among the candidates.
        tokens: the most that a document may have.
        terms: the most that a query may have.
        candidates: the most that may be compared exactly.

    Raises:
        OptionError: no such option, or too small a sample.
        VectorError: `sample` is no table of finite numbers.
    """
    if metric not in METRICS:
        raise OptionError(
            f"tokens are not for the metric {shown(metric)}; choose one of {', '.join(METRICS)}"
        )
    given = as_vectors(sample, metric=metric, name="sample")
    rows = as_count(len(given) if rows is None else rows, "rows", least=1)
    recall = as_share(recall, "recall")
    tokens = as_count(tokens, "tokens", least=TABLES[0])
    terms = as_count(terms, "terms", least=TABLES[0] * PROBES[0])
    most = as_count(candidates, "candidates", least=1, most=10_000)
    if len(given) < FEWEST_ROWS:
        raise OptionError(f"a sample of {len(given)} rows is too small; give at least {FEWEST_ROWS}")
    random = np.random.default_rng(seed)
    if len(given) > SAMPLE_ROWS:
        given = given[np.sort(random.choice(len(given), SAMPLE_ROWS, replace=False))]
    rows = max(rows, len(given))
    kept, queries = as_hashed(given, metric), min(QUERIES, len(given) // 5)
    pairs, far = (
        near_pairs(kept, Lift(metric, 0.0), count, np.random.default_rng(seed), queries)
        for count in (rows, GROWN * rows)
    )
    hashed = pairs.others
    windows = sorted({most, *(window for window in WINDOWS if window < most)})
    choices = (
        (scheme, forecast)
        for family in _families(hashed, rows, min(tokens, TABLES[-1]), seed)
        for scheme, standing in _tried(family, metric, hashed, pairs, rows, terms)
        for forecast in [_forecast(scheme, standing, rows, recall, windows)]
    )
    scheme, forecast = min(choices, key=lambda choice: _rank(choice[1], recall))
    scheme = replace(scheme, candidates=forecast.candidates)
    trial = Trial(scheme, hashed, GROWN * rows)
    *_, (_, _, standing) = trial.standings(far, scheme.probes, (scheme.family.tables,))
    grown = _forecast(scheme, standing, GROWN * rows, recall, windows)
    return TokenChoice(scheme, forecast, grown)


def _rank(forecast: Forecast, recall: float) -> tuple[bool, float]:
    """Return what choices are ordered by: those that reach the recall by cost, then the others by recall."""
    reached = forecast.recall - forecast.error >= recall
    return not reached, forecast.cost if reached else -forecast.recall


def _families(hashed: Float32, rows: int, tables: int, seed: int) -> Iterator[Clusterings]:
    """Yield fitted families of `tables` tables, of larger cells and of smaller ones."""
    shapes: list[tuple[int, int]] = []
    for documents in (LARGE_CELL, SMALL_CELL, SMALLEST_CELL):
        cells = 2 ** max(2, round(math.log2(rows / documents)))
        clusters = cells if cells <= MOST_CLUSTERS else 2 ** math.ceil(math.log2(cells) * 5 / 8)
        while clusters > 2 and clusters * ROWS_A_CLUSTER > len(hashed):
            clusters //= 2
        shapes.append((clusters, max(1, cells // clusters)))
    for clusters, residuals in dict.fromkeys(shapes):
        yield Clusterings(tables=tables, clusters=clusters, residuals=residuals, seed=seed).fit(hashed)


def _tried(
    family: Clusterings, metric: Metric, hashed: Float32, pairs: Pairs, rows: int, terms: int
) -> Iterator[tuple[TokenScheme, Standing]]:
    """Yield schemes of the first tables of `family` within the limit of `terms`, and how neighbours stand by them."""
    whole = TokenScheme(family, metric).spread_out(hashed)
    trial = Trial(whole, hashed, rows)
    for probes in PROBES:
        tables = tuple(count for count in TABLES if count <= family.tables and count * probes <= terms)
        if tables and probes <= family.centroids:
            for count, factors, standing in trial.standings(pairs, probes, tables):
                spread = whole.spread if factors else None
                yield replace(whole, family=family.first(count), probes=probes, spread=spread), standing


def _forecast(
    scheme: TokenScheme, standing: Standing, rows: int, recall: float, windows: list[int]
) -> Forecast:
    """Return the forecast with the fewest candidates that reach `recall`, or with the most."""
    found = [(standing.recall(window), standing.error(window)) for window in windows]
    place = next((i for i, (share, error) in enumerate(found) if share - error >= recall), len(windows) - 1)
    tables, ranks = scheme.family.tables, scheme.ranks
    probes = min(scheme.probes, scheme.family.centroids)
    return Forecast(
        rows=rows,
        recall=found[place][0],
        error=found[place][1],
        tokens=tables * ranks,
        terms=tables * ranks * probes,
        postings=standing.postings,
        candidates=windows[place],
        factors=scheme.spread is not None,
    )
