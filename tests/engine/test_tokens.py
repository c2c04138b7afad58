"""Vectors as tokens, and queries as weighted terms."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.engine.tokens import GRID, TokenScheme
from lookalike.errors import LookalikeError, OptionError, VectorError
from lookalike.hashing import Clusterings, Clusters, Hyperplane, token
from lookalike.index.row_forms import as_hashed


def sample(rows: int = 400, dimension: int = 12, seed: int = 1) -> Any:
    return np.random.default_rng(seed).standard_normal((rows, dimension)).astype(np.float32)


CLUSTERINGS = Clusterings(tables=3, clusters=16, components=8, seed=5).fit(sample())
SECTIONS = Clusters(sections=4, clusters=8, seed=5).fit(sample())
RESIDUALS = Clusterings(tables=3, clusters=8, residuals=4, seed=5).fit(sample())
SCHEMES = {
    "residuals": TokenScheme(RESIDUALS, "euclidean", ranks=2),
    "factors": TokenScheme(RESIDUALS, "euclidean", ranks=2).spread_out(sample()),
    "clusterings": TokenScheme(CLUSTERINGS, "euclidean"),
    "cosine": TokenScheme(CLUSTERINGS, "cosine", ranks=2, probes=5, candidates=30),
    "ranks": TokenScheme(CLUSTERINGS, "euclidean", ranks=3, probes=4, steepness=2, rank_boost=0.25),
    "sections": TokenScheme(SECTIONS, "euclidean", probes=1).weighed(sample()),
}


def scores(scheme: TokenScheme, queries: Any, vectors: Any) -> Any:
    """Return the sums that an engine gives, in the order of its terms, by float32."""
    tokens = [set(row) for row in scheme.document_tokens(vectors)]
    return [
        [
            float(np.sum([np.float32(boost) for term, boost in terms if term in own], dtype=np.float32))
            for own in tokens
        ]
        for terms in scheme.query_terms(queries)
    ]


def test_a_token_is_the_table_and_the_nearest_centroid() -> None:
    keys = CLUSTERINGS.keys(sample())
    expected = [[token(table, key) for table, key in enumerate(row)] for row in keys.tolist()]
    assert SCHEMES["clusterings"].document_tokens(sample()) == expected


def test_tokens_of_further_ranks_have_a_form_of_their_own() -> None:
    nearest, _ = CLUSTERINGS.nearest(sample(), 2)
    scheme = TokenScheme(CLUSTERINGS, "euclidean", ranks=2)
    for tokens, keys in zip(scheme.document_tokens(sample()), nearest.tolist(), strict=True):
        first = [f"{table}-{pair[0]}" for table, pair in enumerate(keys)]
        second = [f"{table}-{pair[1]}-2" for table, pair in enumerate(keys)]
        assert sorted(tokens) == sorted(first + second)


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_no_token_and_no_term_comes_twice(scheme: TokenScheme) -> None:
    for tokens in scheme.document_tokens(sample()):
        assert len(set(tokens)) == len(tokens) == scheme.family.tables * scheme.ranks
    for terms in scheme.query_terms(sample()):
        names = {name for name, _ in terms}
        assert len(names) == len(terms) == scheme.family.tables * scheme.ranks * scheme.probes


def test_boosts_fall_with_the_distance_as_the_formula_says() -> None:
    scheme = SCHEMES["ranks"]
    _, distances = CLUSTERINGS.nearest(sample(20), 4)
    nearest, _ = CLUSTERINGS.nearest(sample(20), 4)
    for query, terms in enumerate(scheme.query_terms(sample(20))):
        boosts = dict(terms)
        for table in range(3):
            first, *_ = own = distances[query, table].astype(float)
            for key, distance in zip(nearest[query, table].tolist(), own, strict=True):
                boost = 1 / (1 + 2 * (distance - first) / first)
                assert boosts[f"{table}-{key}"] == pytest.approx(boost, abs=1 / GRID)
                assert boosts[f"{table}-{key}-3"] == pytest.approx(boost / 16, abs=1 / GRID)


@pytest.mark.parametrize("name", SCHEMES)
def test_tokens_of_a_query_are_those_of_its_terms_nearer_centroids_first(name: str) -> None:
    scheme = SCHEMES[name]
    queries = as_hashed(sample(20), scheme.metric)
    for probes in (1, 5, 99):
        told = scheme.query_tokens(queries, probes)
        for tokens, terms in zip(told, scheme.query_terms(queries, probes), strict=True):
            assert sorted(tokens) == sorted(token for token, _ in terms)
    nearest = [tokens[: scheme.family.tables * scheme.ranks] for tokens in scheme.query_tokens(queries, 5)]
    assert nearest == scheme.query_tokens(queries, 1)


def test_terms_are_those_of_the_largest_boosts_first() -> None:
    for terms in SCHEMES["ranks"].query_terms(sample(20)):
        boosts = [boost for _, boost in terms]
        assert boosts == sorted(boosts, reverse=True)


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**31))
def test_sums_of_boosts_are_exact_in_any_order(scheme: TokenScheme, seed: int) -> None:
    for terms in scheme.query_terms(sample(2, seed=seed)):
        boosts = np.array([boost for _, boost in terms], dtype=np.float32)
        assert (boosts > 0).all()
        shuffled = np.random.default_rng(seed).permutation(boosts)
        one_by_one = np.float32(0)
        for boost in shuffled:
            one_by_one += boost
        assert float(one_by_one) == float(sum(boost for _, boost in terms))


def test_a_query_on_a_centroid_has_finite_boosts() -> None:
    scheme = TokenScheme(SECTIONS, "euclidean", probes=3)
    centroids = np.concatenate([SECTIONS.arrays()[f"centroids_{table}"][:1] for table in range(4)], axis=1)
    boosts = [boost for _, boost in scheme.query_terms(centroids)[0]]
    assert boosts == [1.0] * 4 + [1 / GRID] * 8


def test_alike_boosts_where_steepness_is_nothing() -> None:
    scheme = TokenScheme(CLUSTERINGS, "euclidean", steepness=0)
    assert {boost for terms in scheme.query_terms(sample(9)) for _, boost in terms} == {1.0}


def test_rare_tokens_weigh_more() -> None:
    rows = sample()
    rows[:300] = rows[0]
    scheme = TokenScheme(CLUSTERINGS, "euclidean", probes=1, steepness=0).weighed(rows)
    counts = Counter(name for row in scheme.document_tokens(rows) for name in row)
    terms = {name: boost for query in scheme.query_terms(rows[299:]) for name, boost in query}
    by_count = sorted(terms, key=lambda name: counts[name])
    boosts = [terms[name] for name in by_count]
    assert boosts == sorted(boosts, reverse=True)
    assert counts[by_count[-1]] >= 300
    assert boosts[0] > 10 * boosts[-1]


def test_documents_near_the_middle_of_their_cells_have_larger_factors() -> None:
    scheme = SCHEMES["factors"]
    tokens, factors = scheme.documents(sample())
    assert tokens == SCHEMES["residuals"].document_tokens(sample())
    own = np.square(RESIDUALS.nearest(sample(), 1)[1].astype(float)).mean(axis=(1, 2))
    assert np.allclose(factors, np.minimum(own.mean() / own, 8), rtol=1e-5)
    assert factors.dtype == np.float32


def test_without_spread_all_factors_are_one() -> None:
    assert set(SCHEMES["residuals"].documents(sample())[1].tolist()) == {1.0}


def test_rows_that_lie_on_their_centroids_have_no_spread() -> None:
    rows = np.repeat(np.eye(4, dtype=np.float32), 5, axis=0)
    family = Clusters(clusters=20).fit(rows)
    assert TokenScheme(family, "euclidean").spread_out(rows).spread is None


def test_a_vector_on_a_centroid_has_the_largest_factor() -> None:
    scheme = TokenScheme(SECTIONS, "euclidean").spread_out(sample())
    centroids = np.concatenate([SECTIONS.arrays()[f"centroids_{table}"][:1] for table in range(4)], axis=1)
    assert scheme.documents(centroids)[1].tolist() == [8.0]


def test_near_vectors_score_more_than_far_ones() -> None:
    rows = sample()
    found = np.array(scores(SCHEMES["ranks"], rows[:40] + 0.05 * sample(40, seed=3), rows))
    assert (found.argmax(axis=1) == np.arange(40)).mean() > 0.7


def test_the_length_of_a_vector_says_nothing_under_cosine() -> None:
    scheme = SCHEMES["cosine"]
    assert scheme.document_tokens(sample() * 8) == scheme.document_tokens(sample())
    assert scheme.query_terms(sample() * 8) == scheme.query_terms(sample())


def test_more_probes_may_be_asked_for() -> None:
    scheme = SCHEMES["clusterings"]
    assert len(scheme.query_terms(sample(1), probes=11)[0]) == 33
    assert len(scheme.query_terms(sample(1), probes=99)[0]) == 48


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_a_scheme_comes_back_from_its_parts(scheme: TokenScheme) -> None:
    arrays = {name: array.copy() for name, array in scheme.arrays().items()}
    again = TokenScheme.from_parts(json.loads(json.dumps(scheme.to_json())), arrays)
    assert again.to_json() == scheme.to_json()
    assert again.document_tokens(sample()) == scheme.document_tokens(sample())
    assert again.query_terms(sample()) == scheme.query_terms(sample())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ranks": 0}, "ranks is 0"),
        ({"ranks": 10}, "ranks is 10"),
        ({"probes": 1.5}, "probes is 1.5"),
        ({"candidates": None}, "candidates is None"),
        ({"steepness": -1}, "steepness is -1"),
        ({"steepness": "4"}, "steepness is '4'"),
        ({"spread": 0}, "spread is 0"),
        ({"spread": float("inf")}, "spread is inf"),
        ({"rank_boost": 0}, "rank_boost is 0"),
        ({"rank_boost": float("nan")}, "rank_boost is nan"),
        ({"metric": "dot"}, "not for the metric 'dot'"),
        ({"metric": ["cosine"]}, "not for the metric"),
        ({"family": "minhash"}, "'minhash' is not known"),
        ({"family": "hyperplane", "parameters": {"tables": 1, "bits": 2}}, "clusters or clusterings"),
        ({"parameters": {"tables": 4}}, "parts do not fit together"),
        ({"parameters": None}, "damaged|do not fit"),
        ({"unknown": 1}, "description of tokens is damaged"),
    ],
)
def test_a_damaged_description_is_told(change: Any, message: str) -> None:
    scheme = SCHEMES["ranks"]
    arrays = {} if "family" in change else scheme.arrays()
    with pytest.raises(OptionError, match=message):
        TokenScheme.from_parts({**scheme.to_json(), **change}, arrays)


@pytest.mark.parametrize("missing", ["family", "parameters", "metric"])
def test_a_description_that_lacks_a_part_is_told(missing: str) -> None:
    description = SCHEMES["ranks"].to_json()
    del description[missing]
    with pytest.raises(OptionError, match="description of tokens is damaged"):
        TokenScheme.from_parts(description, SCHEMES["ranks"].arrays())


@pytest.mark.parametrize(
    "rarity",
    [
        np.ones((3, 16)),
        np.ones(3, np.float32),
        np.full((4, 8), np.nan),
        -np.ones((4, 8)),
        np.ones((4, 8), int),
    ],
)
def test_rarity_that_fits_no_family_is_told(rarity: Any) -> None:
    scheme = SCHEMES["sections"]
    with pytest.raises(OptionError, match=r"rarity|NaN"):
        TokenScheme.from_parts(scheme.to_json(), {**scheme.arrays(), "rarity": rarity})


def test_a_family_must_be_fitted_and_have_centroids() -> None:
    for family in (Clusterings(tables=1, clusters=4), Hyperplane(tables=1, bits=3).fit(sample())):
        with pytest.raises(OptionError, match="fitted family clusters or clusterings"):
            TokenScheme(family, "euclidean")  # type: ignore[arg-type]


@pytest.mark.parametrize("vectors", [[[1.0, 2.0]], [["a"] * 12], [[np.nan] * 12], 3])
def test_what_is_no_such_vector_is_told(vectors: Any) -> None:
    for ask in (SCHEMES["cosine"].document_tokens, SCHEMES["cosine"].query_terms):
        with pytest.raises(LookalikeError):
            ask(vectors)


def test_a_vector_without_direction_has_no_tokens_under_cosine() -> None:
    with pytest.raises(VectorError, match="row 1 is all zero"):
        SCHEMES["cosine"].document_tokens(np.vstack((sample(1), np.zeros((1, 12), np.float32))))
