"""Chooses how vectors become tokens, for a recall, by trial on a sample."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from lookalike.arguments import as_count, as_share, shown
from lookalike.arrays import Float32, Metric, as_vectors
from lookalike.engine.forecast import Forecast, ranked, unranked
from lookalike.engine.forms import FORMS, PROBES, TABLES, Form, Limits, tried
from lookalike.engine.tokens import ALL_CANDIDATES, METRICS, TokenScheme
from lookalike.engine.trial import Standing, Trial
from lookalike.errors import OptionError
from lookalike.index.lsh.lift import Lift
from lookalike.index.lsh.neighbours import Pairs, near_pairs
from lookalike.index.row_forms import as_hashed

QUERIES = 128
"""Rows of a sample whose ten nearest are looked for, at most every fourth that is tried."""
LEARNED_ROWS = 20_000
"""Rows of a sample that schemes are learned from; of a small sample, two of three."""
TRIED_ROWS = 10_000
"""Others that are given tokens."""
SCANNED = 1 << 26
"""Numbers in rows of a sample, not learned from, among which neighbours are looked for."""
FEWEST_ROWS = 100
"""A sample of fewer tells nothing."""
TOKENS, TERMS, CANDIDATES = 16, 900, 4_000
"""What a document and a query may have, unless asked for otherwise. OpenSearch refuses more than 1,024 clauses, filters
and words among them."""
GROWN = 10
"""It is also told what becomes of a choice at so many times the documents."""
WINDOWS = (50, 100, 200, 400, 600, 1_000, 2_000, 4_000)
"""Numbers of candidates that are tried."""


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
    form: Form = "clusterings",
    seed: int = 0,
) -> TokenChoice:
    """Return the scheme that reaches `recall` at the least cost; if none does, the one of most recall.

    Args:
        sample: (s, d), drawn at random from all vectors. The more of them it has, the better a forecast is.
        rows: how many vectors there are in all; by default, the sample is all.
        recall: of the ten nearest among the candidates.
        tokens: the most that a document may have.
        terms: the most that a query may have.
        candidates: the most that may be compared exactly.
        form: "clusterings" of the whole vector, or the published "sections", which take many more tokens and postings
            for the same recall (docs/measurements-engine.md) and are here to be compared with.

    Raises:
        OptionError: no such option, or too small a sample.
        VectorError: `sample` is no table of finite numbers.
    """
    if metric not in METRICS:
        raise OptionError(
            f"tokens are not for the metric {shown(metric)}; choose one of {', '.join(METRICS)}"
        )
    if form not in FORMS:
        raise OptionError(f"tokens have no form {shown(form)}; choose one of {', '.join(FORMS)}")
    given = as_vectors(sample, metric=metric, name="sample")
    rows = as_count(len(given) if rows is None else rows, "rows", least=1)
    recall = as_share(recall, "recall")
    tokens = as_count(tokens, "tokens", least=TABLES[0])
    terms = as_count(terms, "terms", least=TABLES[0] * PROBES[0])
    most = as_count(candidates, "candidates", least=1, most=ALL_CANDIDATES - 1)
    if len(given) < FEWEST_ROWS:
        raise OptionError(f"a sample of {len(given)} rows is too small; give at least {FEWEST_ROWS}")
    rows = max(rows, len(given))
    order = np.random.default_rng(seed).permutation(len(given))
    count = min(LEARNED_ROWS, 2 * len(given) // 3)
    scanned = max(TRIED_ROWS, SCANNED // given.shape[1])
    learned = as_hashed(given[order[:count]], metric)
    held_out = as_hashed(given[order[count : count + scanned]], metric)
    unmoved, pairs, far = (
        replace(told, others=told.others[:TRIED_ROWS])
        for told in _pairs_among((len(held_out), rows, GROWN * rows), held_out, metric, seed)
    )
    windows = sorted({most, *(window for window in WINDOWS if window < most)})
    choices = (
        (replace(scheme, candidates=told.candidates if told.ranked else ALL_CANDIDATES), told)
        for scheme, standing in tried(
            form, learned, pairs, unmoved.neighbours, metric, Limits(tokens, terms), seed
        )
        for told in _forecasts(scheme, standing, rows, recall, windows)
    )
    scheme, now = min(choices, key=lambda choice: _rank(choice[1], recall))
    trial = Trial(scheme, far.others, far.rows)
    *_, (_, _, standing) = trial.standings(far, scheme.probes, (scheme.family.tables,), unmoved.neighbours)
    grown = (
        ranked(scheme, standing, far.rows, recall, windows)
        if now.ranked
        else unranked(scheme, standing, far.rows)
    )
    return TokenChoice(scheme, now, grown)


def _forecasts(
    scheme: TokenScheme, standing: Standing, rows: int, recall: float, windows: list[int]
) -> Iterator[Forecast]:
    """Yield what comes of ranking, and of comparing all that share a token where they are no more than may be."""
    yield ranked(scheme, standing, rows, recall, windows)
    if scheme.spread is None and standing.sharing <= windows[-1]:
        yield unranked(scheme, standing, rows)


def _pairs_among(counts: tuple[int, ...], held_out: Float32, metric: Metric, seed: int) -> Iterator[Pairs]:
    """Yield the same rows of `held_out` with their neighbours among so many rows."""
    queries = min(QUERIES, len(held_out) // 4)
    for count in counts:
        yield near_pairs(held_out, Lift(metric, 0.0), count, np.random.default_rng(seed), queries)


def _rank(told: Forecast, recall: float) -> tuple[bool, float]:
    """Return what choices are ordered by: those that reach the recall by cost, then the others by recall."""
    reached = told.recall - told.error >= recall
    return not reached, told.cost if reached else -told.recall
