"""Chooses how vectors become tokens, for a recall, by trial on a sample."""

from __future__ import annotations

from dataclasses import dataclass

from lookalike.arguments import as_count, as_share, shown
from lookalike.arrays import Float32, Metric, as_vectors
from lookalike.engine.forecast import Forecast, ranked, unranked
from lookalike.engine.forms import FORMS, Choice, Form, Task, clusterings, sections
from lookalike.engine.sample import Sample
from lookalike.engine.tokens import ALL_CANDIDATES, METRICS, TokenScheme
from lookalike.engine.trial import Trial
from lookalike.errors import OptionError

LEARNED_ROWS = 50_000
"""Rows of a sample that schemes are learned from, at most; of a smaller sample, two of three."""
FEWEST_ROWS = 100
"""A sample of fewer tells nothing."""
TOKENS, TERMS = 16, 900
"""What a document and a query may have, unless asked for otherwise. OpenSearch refuses more than 1,024 clauses, filters
and words among them."""
GROWN = 10
"""It is also told what becomes of a choice at so many times the documents."""
ALIKE = 1.05
"""Of choices that cost no more than so many times the cheapest, the one of the fewest tokens is taken, by which
documents are indexed the sooner."""


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
    candidates: int = ALL_CANDIDATES - 1,
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
    tokens = as_count(tokens, "tokens", least=1)
    terms = as_count(terms, "terms", least=1)
    candidates = as_count(candidates, "candidates", least=1, most=ALL_CANDIDATES - 1)
    if len(given) < FEWEST_ROWS:
        raise OptionError(f"a sample of {len(given)} rows is too small; give at least {FEWEST_ROWS}")
    drawn = Sample.of(given, metric, LEARNED_ROWS, seed)
    task = Task(drawn, metric, max(rows, len(given)), recall, tokens, terms, candidates, seed)
    scheme, now = _chosen(task, clusterings(task) if form == "clusterings" else sections(task))
    return TokenChoice(scheme, now, _grown(task, scheme, now))


def _chosen(task: Task, choices: list[Choice]) -> Choice:
    """Return the cheapest that reaches the recall, or one that is as cheap, about, of fewer tokens."""
    best = min(choices, key=task.order)
    if not task.reached(best[1]):
        return best
    alike = (
        choice for choice in choices if task.reached(choice[1]) and choice[1].cost <= ALIKE * best[1].cost
    )
    return min(alike, key=lambda choice: (choice[1].tokens, choice[1].cost))


def _grown(task: Task, scheme: TokenScheme, now: Forecast) -> Forecast:
    rows = GROWN * task.rows
    trial = Trial(scheme, task.sample, rows)
    [(_, union)] = trial.unions((now.terms // now.tokens,))
    if not now.ranked:
        return unranked(scheme, task.sample, union, rows)
    *_, (_, standing) = trial.standings(scheme.probes)
    return ranked(scheme, task.sample, union, standing, rows, task.recall, task.windows)
