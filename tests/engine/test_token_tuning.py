"""A scheme of tokens is chosen for a recall, within limits, and says what it will do."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from tests.engine import clustered
from tests.engine.true_sample import true_sample

from lookalike.engine.tokens import ALL_CANDIDATES
from lookalike.engine.trial import Trial
from lookalike.engine.tuning import TokenChoice, tune_tokens
from lookalike.errors import OptionError, VectorError
from lookalike.hashing import Clusters

rows_of = partial(clustered.rows_of, dimension=6)


@pytest.fixture(scope="module")
def choice() -> TokenChoice:
    return tune_tokens(rows_of(2000), rows=4000, tokens=4, candidates=400)


def test_what_is_chosen_finds_what_was_predicted(choice: TokenChoice) -> None:
    scheme = choice.scheme
    sample = true_sample(rows_of(500, seed=2), rows_of(4000))
    [(_, union)] = Trial(scheme, sample, 4000).unions((scheme.probes,))
    assert not choice.forecast.ranked
    assert choice.forecast.recall - choice.forecast.error >= 0.95
    assert union.found.mean() == pytest.approx(choice.forecast.recall, abs=0.03)
    assert union.sharing == pytest.approx(choice.forecast.candidates, rel=0.1)


def test_the_forecast_is_of_the_scheme(choice: TokenChoice) -> None:
    scheme, forecast = choice.scheme, choice.forecast
    assert forecast.rows == 4000
    assert forecast.candidates <= 400
    assert scheme.candidates == (forecast.candidates if forecast.ranked else ALL_CANDIDATES)
    assert forecast.tokens == len(scheme.document_tokens(rows_of(1))[0]) <= 4
    assert forecast.terms == len(scheme.query_terms(rows_of(1))[0])
    assert forecast.factors == (scheme.spread is not None)


def test_at_ten_times_the_documents_it_reads_more_and_finds_less(choice: TokenChoice) -> None:
    assert choice.grown.rows == 40_000
    assert choice.grown.postings == pytest.approx(10 * choice.forecast.postings, rel=0.01)
    assert (
        choice.grown.candidates > choice.forecast.candidates or choice.grown.recall < choice.forecast.recall
    )


def test_all_that_share_a_token_are_compared_where_that_is_cheapest(choice: TokenChoice) -> None:
    assert not choice.forecast.ranked
    assert choice.scheme.candidates == ALL_CANDIDATES
    assert choice.grown.candidates == pytest.approx(10 * choice.forecast.candidates, rel=0.05)


def test_the_best_are_compared_where_those_that_share_a_token_are_too_many() -> None:
    choice = tune_tokens(rows_of(800), tokens=4, candidates=10)
    assert choice.forecast.ranked
    assert choice.scheme.candidates == choice.forecast.candidates == 10


def test_limits_are_kept_even_where_the_recall_is_not_reached() -> None:
    choice = tune_tokens(rows_of(1000), rows=100_000, recall=1, tokens=3, terms=20, candidates=50)
    assert choice.forecast.tokens <= 3
    assert choice.forecast.terms <= 20
    assert choice.forecast.candidates <= 50
    assert choice.forecast.recall < 1


def test_the_same_sample_and_seed_give_the_same_choice() -> None:
    first, second = (tune_tokens(rows_of(500), tokens=4, seed=3) for _ in range(2))
    assert first.scheme.to_json() == second.scheme.to_json()
    assert first.forecast == second.forecast
    assert first.scheme.document_tokens(rows_of(9)) == second.scheme.document_tokens(rows_of(9))


def test_a_lower_recall_costs_less() -> None:
    low, high = (tune_tokens(rows_of(800), recall=recall, tokens=4) for recall in (0.6, 0.98))
    assert low.forecast.cost < high.forecast.cost


def test_sections_are_tried_as_published_where_they_are_asked_for() -> None:
    choice = tune_tokens(rows_of(1000, dimension=16), rows=4000, tokens=16, form="sections", candidates=4000)
    assert isinstance(choice.scheme.family, Clusters)
    assert choice.scheme.probes == 1
    assert choice.scheme.rarity is not None
    assert choice.forecast.tokens == choice.forecast.terms == choice.scheme.family.sections <= 16
    assert choice.grown.postings == pytest.approx(10 * choice.forecast.postings, rel=0.01)


def test_sections_are_no_more_than_dimensions() -> None:
    choice = tune_tokens(rows_of(300), tokens=256, form="sections")
    assert choice.forecast.tokens <= 6


def test_cosine_is_tuned_by_directions() -> None:
    rows = rows_of(500)
    lengths = np.random.default_rng(3).uniform(0.1, 9, (500, 1)).astype(np.float32)
    plain, scaled = (tune_tokens(each, metric="cosine", tokens=4) for each in (rows, rows * lengths))
    assert plain.scheme.metric == scaled.scheme.metric == "cosine"
    assert plain.forecast.recall == pytest.approx(scaled.forecast.recall, abs=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rows": 0}, "rows is 0"),
        ({"recall": 0}, "recall is 0"),
        ({"tokens": 0}, "tokens is 0"),
        ({"terms": "9"}, "terms is '9'"),
        ({"terms": 0}, "terms is 0"),
        ({"candidates": 10_000}, "candidates is 10000"),
        ({"form": "words"}, "no form 'words'"),
        ({"metric": "dot"}, "metric 'dot'"),
        ({"metric": "jaccard"}, "metric 'jaccard'"),
    ],
)
def test_what_cannot_be_asked_for_is_told(options: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        tune_tokens(rows_of(200), **options)


def test_too_small_a_sample_is_told() -> None:
    with pytest.raises(OptionError, match="99 rows is too small"):
        tune_tokens(rows_of(99))


def test_a_sample_that_is_not_finite_is_told() -> None:
    rows = rows_of(200)
    rows[7, 3] = np.nan
    with pytest.raises(VectorError, match="sample: row 7"):
        tune_tokens(rows)
