"""`LSHTransformer` and `HashTransformer` in pipelines, beside scikit-learn's own graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="pip install 'lookalike[sklearn]'")

from sklearn.cluster import DBSCAN, SpectralClustering
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier
from sklearn.manifold import TSNE, Isomap
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier, KNeighborsTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from lookalike.errors import OptionError
from lookalike.hashing import FamilySpec, Hyperplane, PStable
from lookalike.sklearn import HashTransformer, LSHTransformer

DIGITS, LABELS = load_digits(return_X_y=True)
# As numbers of 4 bits, many are equally far from one another.
ROWS = (DIGITS + np.random.default_rng(0).uniform(-0.1, 0.1, DIGITS.shape)).astype(np.float32)[:600]
LABELS = LABELS[:600]


@pytest.mark.parametrize("mode", ["distance", "connectivity"])
def test_the_graph_is_that_of_scikit_learn(mode: Any) -> None:
    ours = LSHTransformer(mode=mode, n_neighbors=8).fit(ROWS)
    theirs = KNeighborsTransformer(mode=mode, n_neighbors=8).fit(ROWS.astype(float))
    for queries in (ROWS, ROWS[:50] + np.float32(0.5)):
        graph, wanted = ours.transform(queries), theirs.transform(queries.astype(float))
        assert (graph.shape, graph.nnz, graph.dtype) == (wanted.shape, wanted.nnz, np.float64)
        assert abs(graph - wanted).max() < 1e-5


def test_a_row_of_the_graph_holds_itself_and_the_neighbours_by_distance() -> None:
    graph = LSHTransformer(n_neighbors=8).fit_transform(ROWS)
    assert (np.diff(graph.indptr) == 9).all()
    distances, rows = graph.data.reshape(-1, 9), graph.indices.reshape(-1, 9)
    assert (rows[:, 0] == np.arange(len(ROWS))).all()
    assert (distances[:, 0] == 0).all()
    assert (np.diff(distances, axis=1) >= 0).all()


def test_features_are_the_rows_that_were_fitted() -> None:
    transformer = LSHTransformer(n_neighbors=2).fit(ROWS[:5])
    assert list(transformer.get_feature_names_out()) == [f"lshtransformer{row}" for row in range(5)]


@pytest.mark.parametrize(
    "estimator",
    [
        DBSCAN(eps=20, min_samples=5, metric="precomputed"),
        SpectralClustering(
            n_clusters=10, affinity="precomputed_nearest_neighbors", n_neighbors=10, random_state=0
        ),
    ],
    ids=["dbscan", "spectral"],
)
def test_clusters_over_either_graph_are_the_same(estimator: Any) -> None:
    ours, theirs = LSHTransformer(n_neighbors=20), KNeighborsTransformer(n_neighbors=20)
    found = make_pipeline(ours, estimator).fit_predict(ROWS)
    wanted = make_pipeline(theirs, estimator).fit_predict(ROWS.astype(float))
    assert len(set(wanted)) > 5
    assert adjusted_rand_score(found, wanted) > 0.999


def test_copies_are_one_cluster_over_a_graph_made_symmetric_as_documented() -> None:
    copies = np.repeat(ROWS[:40], 3, axis=0)
    graph = LSHTransformer(n_neighbors=5).fit_transform(copies)
    graph.data[graph.data == 0] = np.finfo(graph.dtype).tiny
    labels = DBSCAN(eps=1e-3, min_samples=3, metric="precomputed").fit(graph.maximum(graph.T)).labels_
    assert labels.tolist() == np.repeat(np.arange(40), 3).tolist()


def test_isomap_over_either_graph_is_the_same() -> None:
    isomap = Isomap(n_neighbors=10, metric="precomputed")
    found = make_pipeline(LSHTransformer(n_neighbors=10), isomap).fit_transform(ROWS)
    wanted = make_pipeline(KNeighborsTransformer(n_neighbors=10), isomap).fit_transform(ROWS.astype(float))
    np.testing.assert_allclose(np.abs(found), np.abs(wanted), rtol=1e-3, atol=1e-2)


def test_tsne_over_the_graph_keeps_digits_together() -> None:
    tsne = TSNE(metric="precomputed", init="random", perplexity=10, max_iter=300, random_state=0)
    plane = make_pipeline(LSHTransformer(n_neighbors=31), tsne).fit_transform(ROWS)
    same = LABELS[KNeighborsTransformer(n_neighbors=1).fit_transform(plane).indices.reshape(-1, 2)]
    assert (same[:, 0] == same[:, 1]).mean() > 0.9


def test_a_classifier_over_the_graph_of_rows_that_were_not_fitted() -> None:
    classifier = KNeighborsClassifier(n_neighbors=5, metric="precomputed")
    model = make_pipeline(LSHTransformer(n_neighbors=5), classifier).fit(ROWS[:500], LABELS[:500])
    plain = KNeighborsClassifier(n_neighbors=5).fit(ROWS[:500], LABELS[:500])
    np.testing.assert_array_equal(model.predict(ROWS[500:]), plain.predict(ROWS[500:]))


def test_parameters_can_be_searched_for() -> None:
    model = make_pipeline(LSHTransformer(), KNeighborsClassifier(n_neighbors=3, metric="precomputed"))
    grid = {
        "lshtransformer__n_neighbors": [3, 6],
        "lshtransformer__family": [None, FamilySpec("hyperplane", {"tables": 4})],
    }
    found = GridSearchCV(model, grid, cv=2, error_score="raise").fit(ROWS[:200], LABELS[:200])
    assert found.best_score_ > 0.8


def test_an_unknown_mode_is_refused_by_fit() -> None:
    with pytest.raises(OptionError, match="mode is 'weights'"):
        LSHTransformer(mode="weights").fit(ROWS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "family", [Hyperplane(tables=6, bits=9, seed=3), PStable(tables=6, floors=2, bucket_size=20.0)]
)
def test_keys_are_those_of_the_family(family: Any) -> None:
    keys = HashTransformer(family).fit_transform(ROWS)
    assert (keys.dtype, keys.shape) == (np.uint64, (len(ROWS), 6))
    np.testing.assert_array_equal(keys, family.fit(ROWS).keys(ROWS))


def test_what_is_left_out_of_a_family_is_fitted_to_the_rows() -> None:
    transformer = HashTransformer(FamilySpec("p-stable", {"tables": 3})).fit(ROWS)
    parameters = transformer.family_.parameters()
    assert parameters["tables"] == 3
    assert 1 < parameters["bucket_size"] < 1000  # a few of the distances between neighbours, some 20


def test_the_seed_draws_other_functions() -> None:
    first, second = (HashTransformer(random_state=seed).fit_transform(ROWS) for seed in (0, 1))
    assert (first != second).mean() > 0.5


def test_tables_shared_follow_the_collision_probability() -> None:
    family = PStable(tables=400, floors=1, bucket_size=40.0, seed=1)
    model = make_pipeline(HashTransformer(family), OneHotEncoder(handle_unknown="ignore"))
    indicators = model.fit_transform(ROWS[:40])
    shared = (indicators @ indicators.T).toarray() / 400
    distances = np.linalg.norm(ROWS[:40, np.newaxis] - ROWS[:40], axis=2)
    chance = np.vectorize(family.collision_probability)(distances)
    assert np.abs(shared - chance).max() < 4.5 * np.sqrt(0.25 / 400)  # of 780 pairs
    assert abs((shared - chance).mean()) < 0.02


def test_a_linear_model_tells_digits_better_by_one_hot_keys_than_by_pixels() -> None:
    keys = HashTransformer(FamilySpec("p-stable", {"tables": 400, "floors": 2, "bucket_size": 80.0}))
    model = make_pipeline(keys, OneHotEncoder(handle_unknown="ignore"), RidgeClassifier())
    hashed, plain = (
        each.fit(ROWS[:400], LABELS[:400]).score(ROWS[400:], LABELS[400:])
        for each in (model, RidgeClassifier())
    )
    assert hashed > plain + 0.05


@pytest.mark.parametrize("family", ["min-hash", "bit-sampling"])
def test_families_of_sets_and_codes_are_refused(family: str) -> None:
    with pytest.raises(OptionError, match=f"{family} does not hash what is compared by euclidean"):
        HashTransformer(family).fit(ROWS)


def test_learned_buckets_have_no_keys() -> None:
    with pytest.raises(OptionError, match="learned buckets have no keys"):
        HashTransformer("learned").fit(ROWS)
