"""An inverted file finds what an exact search finds, among the rows that it may."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inverted_files import clustered, inverted_file_of  # type: ignore[import-not-found]

from lookalike.errors import OptionError
from lookalike.index.ivf.inverted_file import InvertedFile
from lookalike.index.sketches.rotation import Rotation, default_signs
from lookalike.index.sketches.sketched_rows import SketchedRows
from lookalike.kernels.plan import ELEMENTS
from lookalike.kernels.reference import METRICS
from lookalike.kernels.reference_inverted_file import comparisons

SEEDS = st.integers(0, 2**32 - 1)


def exact(inverted_file: InvertedFile, queries: Any, rows: Any = None) -> Any:
    """Return the distances (q, n) to all rows by id, inf for those that are not among `rows` (n,), by position."""
    distances = np.full((len(queries), len(inverted_file.sketched.ids)), np.inf, dtype=np.float32)
    for query, found in zip(queries, distances, strict=True):
        found[inverted_file.sketched.ids] = comparisons(
            query, inverted_file.sketched.vectors, METRICS[inverted_file.sketched.metric]
        )
        if rows is not None:
            found[inverted_file.sketched.ids[~rows]] = np.inf
    return distances


def asked(inverted_file: InvertedFile, random: Any, count: int) -> Any:
    """Return queries near rows."""
    queries = inverted_file.sketched.rows_as_hashed(
        random.integers(0, len(inverted_file.sketched.ids), count)
    )
    queries += random.standard_normal(queries.shape).astype(np.float32) * queries.std() / 4
    if inverted_file.sketched.metric == "cosine":
        queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    return queries


@settings(deadline=None, max_examples=40)
@given(
    SEEDS,
    st.integers(1, 70),
    st.sampled_from(ELEMENTS),
    st.sampled_from(list(METRICS)),
    st.integers(1, 12),
    st.sampled_from([None, 0.0, 0.1, 0.7]),
)
def test_looking_everywhere_is_exact(
    seed: Any, dimension: Any, element: Any, metric: Any, k: Any, share: Any
) -> None:
    random = np.random.default_rng(seed)
    rows = int(random.integers(1, 200))
    vectors = (random.integers(0 if element == "uint8" else -60, 60, (rows, dimension)) + 1).astype(element)
    vectors[~vectors.any(axis=1), 0] = 1
    inverted_file = inverted_file_of(vectors, metric, min(rows, 5), 1)
    queries = asked(inverted_file, random, 4)
    allowed = None if share is None else random.random(rows) < share
    mask = None if allowed is None else inverted_file.sketched.mask(allowed)
    ids, distances = inverted_file.search(queries, k, 5, rows, visible=mask)
    truth = exact(inverted_file, queries, allowed)
    expected = np.sort(truth, axis=1)[:, :k]
    expected = np.pad(expected, ((0, 0), (0, k - expected.shape[1])), constant_values=np.inf)
    scale = max(1.0, float(np.abs(truth[np.isfinite(truth)]).max(initial=0)))
    np.testing.assert_allclose(distances, expected, rtol=2e-5, atol=2e-5 * scale)
    assert np.array_equal(ids >= 0, np.isfinite(expected))
    for query, (found, distance) in enumerate(zip(ids, distances, strict=True)):
        there = found >= 0
        assert len(set(found[there].tolist())) == there.sum()
        np.testing.assert_allclose(distance[there], truth[query, found[there]], rtol=2e-5, atol=2e-5 * scale)


@pytest.mark.parametrize("metric", METRICS)
def test_batches_threads_and_single_queries_agree(metric: Any) -> None:
    random = np.random.default_rng(3)
    inverted_file = inverted_file_of(clustered(random, 3000, 40), metric, 30)
    queries = asked(inverted_file, random, 70)
    ids, distances = inverted_file.search(queries, 7, 4, 40)
    for threads in (2, 3):
        again = inverted_file.search(queries, 7, 4, 40, threads=threads)
        assert np.array_equal(ids, again[0])
        assert np.array_equal(distances, again[1])
    alone = [inverted_file.search(queries[i : i + 1], 7, 4, 40) for i in range(70)]
    assert np.array_equal(ids, np.concatenate([part[0] for part in alone]))
    assert np.array_equal(distances, np.concatenate([part[1] for part in alone]))


def test_a_row_is_at_distance_0_of_itself_and_equal_rows_are_ordered_by_id() -> None:
    random = np.random.default_rng(5)
    vectors = np.repeat(clustered(random, 300, 30), 3, axis=0)
    for metric in ("euclidean", "cosine"):
        inverted_file = inverted_file_of(vectors, metric, 10)
        ids, distances = inverted_file.search(inverted_file.sketched.rows_as_hashed(np.arange(20)), 3, 3, 30)
        assert distances.max() < 1e-9
        first = inverted_file.sketched.ids[:20] // 3 * 3
        assert np.array_equal(ids, first[:, np.newaxis] + np.arange(3))


def test_rows_too_far_are_left_out() -> None:
    random = np.random.default_rng(6)
    inverted_file = inverted_file_of(clustered(random, 500, 20), "euclidean", 8)
    queries = asked(inverted_file, random, 10)
    ids, distances = inverted_file.search(queries, 10, 8, 500)
    limit = float(np.median(distances))
    some_ids, some = inverted_file.search(queries, 10, 8, 500, max_distance=limit)
    assert np.array_equal(some, np.where(distances <= limit, distances, np.inf))
    assert np.array_equal(some_ids, np.where(distances <= limit, ids, -1))


@pytest.mark.parametrize("share", [0.01, 0.1])
@pytest.mark.parametrize("near", [True, False])
def test_a_filter_keeps_the_recall(share: Any, near: Any) -> None:
    random = np.random.default_rng(7)
    inverted_file = inverted_file_of(clustered(random, 20_000, 32, 200), "euclidean", 140)
    queries = asked(inverted_file, random, 50)
    if near:
        allowed = random.random(20_000) < share
    else:  # of the rows, those that lie on one side, where few queries are
        side = inverted_file.sketched.vectors[:, 0]
        allowed = side > np.quantile(side, 1 - share)
    every = exact(inverted_file, queries)
    free, _ = inverted_file.search(queries, 10, 12, 80)
    bound, _ = inverted_file.search(
        queries, 10, 12, 80, visible=inverted_file.sketched.mask(allowed), beyond=12
    )

    def recall(found: Any, truth: Any) -> float:
        wanted = np.argsort(truth, axis=1)[:, :10]
        return float(np.mean([np.isin(w, f).mean() for w, f in zip(wanted, found, strict=True)]))

    assert allowed[np.argsort(inverted_file.sketched.ids)[bound[bound >= 0]]].all()
    assert recall(bound, exact(inverted_file, queries, allowed)) >= recall(free, every) - 0.01


def test_arrays_that_do_not_fit_are_refused() -> None:
    inverted_file = inverted_file_of(clustered(np.random.default_rng(8), 200, 20), "euclidean", 5)
    p = inverted_file.sketched
    right: dict[str, Any] = {
        "metric": "euclidean",
        "vectors": p.vectors,
        "ids": p.ids,
        "rotation": p.rotation,
        "centroids": p.centroids,
        "offsets": p.offsets,
        "blocks": p.blocks,
    }
    SketchedRows(**right)
    down = p.offsets.copy()
    down[1], down[2] = down[2] + 1, down[1]
    wrong = {
        "centroids": [p.centroids[:, :-1], p.centroids[:-1], p.centroids.astype(np.float64)],
        "offsets": [p.offsets[:-1], p.offsets + 1, down, p.offsets.astype(np.int32)],
        "vectors": [p.vectors[:-1], p.vectors.astype(np.float64), p.vectors[:, :-1], p.vectors[0]],
        "ids": [p.ids[1:], p.ids.astype(np.int32)],
        "blocks": [p.blocks[:-1], p.blocks[:, :-1], p.blocks.view(np.int8)],
    }
    for name, values in wrong.items():
        for value in values:
            with pytest.raises(OptionError, match="do not fit"):
                SketchedRows(**{**right, name: value})
    with pytest.raises(OptionError, match="dimensions"):
        inverted_file.search(np.zeros((1, 19), dtype=np.float32), 1, 1, 1)
    with pytest.raises(OptionError, match="mask"):
        inverted_file.search(
            np.zeros((1, 20), dtype=np.float32), 1, 1, 1, visible=np.zeros(1, dtype=np.uint16)
        )


def test_arrays_that_kernels_cannot_fill_are_refused() -> None:
    inverted_file = inverted_file_of(clustered(np.random.default_rng(0), 200, 20, 4), "euclidean", 4)
    mask = inverted_file.sketched.mask(np.arange(200) < 50)
    queries = inverted_file.sketched.rows_as_hashed(np.arange(3))
    for wrong in (mask.astype(np.int32), np.repeat(mask, 2)[::2]):
        with pytest.raises(OptionError, match="mask"):
            inverted_file.search(queries, 1, 1, 1, visible=wrong)
    for wrong in (np.zeros(2, np.int64), np.zeros(3, np.int32), np.zeros(6, np.int64)[::2]):
        with pytest.raises(OptionError, match="hidden"):
            inverted_file.search(queries, 1, 1, 1, visible=mask, hidden=wrong)


@settings(deadline=None, max_examples=30)
@given(SEEDS)
def test_damaged_bytes_are_searched_safely(seed: Any) -> None:
    random = np.random.default_rng(seed)
    p = inverted_file_of(clustered(random, 300, 20), "euclidean", 6).sketched
    blocks = random.integers(0, 256, p.blocks.shape, dtype=np.uint8)
    centroids = random.integers(0, 256, p.centroids.nbytes, dtype=np.uint8).view(np.float32).reshape(6, 20)
    with np.errstate(all="ignore"):
        damaged = InvertedFile(
            SketchedRows("euclidean", p.vectors, p.ids, p.rotation, centroids, p.offsets, blocks)
        )
    every, bounds = np.tile(np.arange(300), 20), np.arange(21) * 300
    for ids, distances in (
        damaged.search(p.vectors[:20], 5, 3, 10),
        damaged.sketched.nearest(p.vectors[:20], bounds, every, 5, 10),
    ):
        assert ids.min() >= -1
        assert ids.max() < 300
        assert np.isinf(distances[ids < 0]).all()


@pytest.mark.parametrize(("dimension", "signs"), [(3, None), (128, None), (130, None), (300, 128)])
def test_a_rotation_keeps_lengths(dimension: Any, signs: Any) -> None:
    random = np.random.default_rng(9)
    sample = random.standard_normal((600, 20)) @ random.standard_normal((20, dimension)) + 3
    rotation = Rotation.fitted(sample.astype(np.float32), 1, signs)
    assert rotation.signs == (signs or default_signs(dimension))
    rotated = rotation.rotated(sample.astype(np.float32))
    lengths = np.linalg.norm(sample - rotation.mean, axis=1)
    np.testing.assert_allclose(np.linalg.norm(rotated, axis=1), lengths, rtol=1e-3)
    again = Rotation.restored(rotation.arrays())
    assert np.array_equal(again.rotated(sample.astype(np.float32)), rotated)
    with pytest.raises(OptionError, match="rotation"):
        Rotation(rotation.mean[:-1], rotation.matrix)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("count", [1, 6])
def test_hidden_rows_that_are_nearer_are_counted(metric: Any, count: Any) -> None:
    random = np.random.default_rng(8)
    inverted_file = inverted_file_of(clustered(random, 4000, 128), metric, 20)
    queries = asked(inverted_file, random, count)
    allowed = random.random(4000) < 0.7
    allowed[np.argsort(exact(inverted_file, queries[:1])[0][inverted_file.sketched.ids])[:300]] = False
    hidden = np.empty(count, np.int64)
    for most in (10, 100, 1000):
        _, found = inverted_file.search(
            queries,
            5,
            20,
            4000,
            visible=inverted_file.sketched.mask(allowed),
            most_hidden=most,
            hidden=hidden,
        )
        assert hidden[0] > min(most, 60)  # 300 are, but estimates of rows about as far are not sure
        by_chance = (exact(inverted_file, queries, ~allowed) <= found[:, -1:]).sum(axis=1)[1:]
        assert (hidden[1:] <= by_chance + 12).all()
        assert (hidden[1:] > 0).any() or count == 1


def test_where_all_that_is_visible_was_seen_nothing_is_hidden() -> None:
    random = np.random.default_rng(9)
    inverted_file = inverted_file_of(clustered(random, 2000, 16), "euclidean", 20)
    allowed = np.arange(2000) % 500 == 0
    hidden = np.empty(3, np.int64)
    queries = asked(inverted_file, random, 3)
    inverted_file.search(
        queries, 5, 3, 40, visible=inverted_file.sketched.mask(allowed), most_hidden=50, hidden=hidden
    )
    assert (hidden == 0).all()


def recall_of_own_rows(rows: Any, metric: Any) -> float:
    """Return the mean recall@10 of one setting for some rows of an inverted file."""
    inverted_file = inverted_file_of(rows, metric, 80)
    positions = np.flatnonzero(inverted_file.sketched.ids >= 5000)[:100]
    queries = inverted_file.sketched.rows_as_hashed(positions)
    ids, _ = inverted_file.search(queries, 10, 4, 40)
    truth = np.argsort(exact(inverted_file, queries), axis=1)[:, :10]
    return float(np.mean([np.isin(w, f).mean() for w, f in zip(truth, ids, strict=True)]))


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize(("long", "offset"), [(1, 0), (10, 0), (0, 300)])
def test_odd_rows_cost_the_others_no_recall(metric: Any, long: int, offset: float) -> None:
    rows = clustered(np.random.default_rng(10), 6000, 32, 100)
    odd = rows + np.float32(offset)
    odd[:long] *= 1e4
    usual = recall_of_own_rows(rows, "euclidean" if offset else metric)
    assert recall_of_own_rows(odd, metric) >= usual - 0.03


def test_a_rotation_is_learned_from_usual_rows() -> None:
    rows = clustered(np.random.default_rng(11), 2000, 200)
    odd = rows.copy()
    odd[:20] *= 1e4
    usual = Rotation.fitted(rows[20:], 0)
    learned = Rotation.fitted(odd, 0)
    assert np.array_equal(learned.mean, usual.mean)
    assert np.array_equal(learned.matrix, usual.matrix)
