"""The compiled kernels of sketched rows and of an inverted file equal their references."""

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numba import njit

from lookalike.errors import OptionError
from lookalike.index.ivf.inverted_file import InvertedFile
from lookalike.index.sketches.encode import block_count, encode, runs
from lookalike.index.sketches.rotation import Rotation
from lookalike.index.sketches.sketched_rows import SketchedRows
from lookalike.kernels import reference_inverted_file
from lookalike.kernels.compiled import encode as compiled_encode
from lookalike.kernels.compiled import probe, scan_blocks, scan_intrinsics, scratch, select
from lookalike.kernels.plan import ELEMENTS
from lookalike.kernels.reference import METRICS

SEEDS = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=20)
@given(SEEDS, st.sampled_from([128, 256, 384]), st.floats(0, 2))
def test_a_block_is_estimated(seed: Any, signs: Any, spread: Any) -> None:
    random = np.random.default_rng(seed)
    rotated = (random.standard_normal(signs) * np.exp(spread * random.standard_normal(signs))).astype(
        np.float32
    )
    entries, step, shift = reference_inverted_file.tables(rotated)
    own = np.empty(4 * signs, dtype=np.uint8)
    own_step, lengths = probe.make_tables(rotated, own)
    assert own_step == pytest.approx(step, rel=1e-5)
    assert -lengths == pytest.approx(shift, rel=1e-5)
    assert np.abs(own.astype(int) - entries.reshape(-1)).max() <= 1  # a sum half way may round either way
    block = random.integers(0, 256, 2 * signs + 64).astype(np.uint8)
    factors = random.standard_normal((2, 16)).astype(np.float32)
    block.view(np.uint32)[signs // 2 :] = reference_inverted_file.factor_words(*factors)
    slow = reference_inverted_file.block_estimates(block, own.reshape(-1, 16), own_step, -lengths, 3.0)
    limit, visible = np.float32(np.median(slow)), int(random.integers(0, 2**16))
    estimates, places = np.zeros(16, dtype=np.float32), np.zeros(16, dtype=np.int32)
    count = _scan(block, own, signs // 128, own_step, -lengths, limit, visible, estimates, places)
    expected = [i for i in range(16) if slow[i] < limit and visible >> i & 1]
    near = np.isclose(slow, limit, rtol=1e-4, atol=1e-3)
    assert {i for i in (places[:count] - 100).tolist() if not near[i]} == {i for i in expected if not near[i]}
    np.testing.assert_allclose(estimates[:count], slow[places[:count] - 100], rtol=1e-4, atol=1e-2)


@njit
def _scan(
    block: Any,
    tables: Any,
    units: Any,
    step: Any,
    shift: Any,
    limit: Any,
    visible: Any,
    estimates: Any,
    places: Any,
) -> Any:
    return _scans.scan_block(
        block.ctypes.data,
        tables.ctypes.data,
        units,
        step,
        shift,
        np.float32(3),
        limit,
        visible,
        estimates.ctypes.data,
        places.ctypes.data,
        100,
    )


_parts: Any = scan_intrinsics
_scans: Any = scan_blocks


@settings(deadline=None, max_examples=40)
@given(SEEDS, st.integers(0, 300), st.integers(1, 300), st.integers(0, 20), st.booleans())
def test_the_least_are_selected(seed: Any, count: Any, want: Any, slack: Any, repeated: Any) -> None:
    random = np.random.default_rng(seed)
    values = np.full(count + 32, 7, dtype=np.float32)
    values[:count] = random.integers(0, 5, count) if repeated else random.standard_normal(count)
    given = values[:count].copy()
    places = np.arange(count + 32, dtype=np.int32)
    kept, limit = select.select(values, places, count, want, slack)
    assert kept >= min(want, count)
    assert sorted(values[:kept]) == sorted(given)[:kept]
    assert np.array_equal(given[places[:kept]], values[:kept])
    assert count <= want or (values[:kept] <= limit).all()
    if not repeated:
        assert kept <= max(want + slack, 0) or count <= want


@settings(deadline=None, max_examples=60)
@given(
    SEEDS,
    st.integers(1, 300),
    st.integers(1, 20),
    st.integers(0, 60),
    st.floats(0, 2),
    st.sampled_from([-1, 3]),
)
def test_estimates_near_the_kth_are_kept(
    seed: Any, count: Any, k: Any, more: Any, margin: Any, unit: Any
) -> None:
    random = np.random.default_rng(seed)
    values = np.full(count + 32, 7, dtype=np.float32)
    values[:count] = random.standard_normal(count) + random.integers(0, 3)
    given, places = values[:count].copy(), np.arange(count + 32, dtype=np.int32)
    least, most = k + more, 2 * (k + more)
    expected = reference_inverted_file.kept(given, k, least, most, margin, unit)
    size, limit = select.keep_near(
        values, places, count, k, least, most, np.float32(margin), np.float32(unit)
    )
    found = places[:size]
    assert np.array_equal(given[found], values[:size])
    assert set(expected.tolist()) <= set(found.tolist())
    # The k-th is known to be less than the one after it; and where numbers decide, some more are kept.
    further = reference_inverted_file.kept(given, k + 1, least, most, margin, unit)
    assert size <= max(len(further), least + (least >> 3), min(len(further), most) + (most >> 3))
    assert size == count or (values[:size] <= limit).all()


@settings(deadline=None, max_examples=60)
@given(
    SEEDS,
    st.integers(1, 400),
    st.integers(1, 50),
    st.integers(0, 50),
    st.floats(0, 2),
    st.floats(-1, 5),
    st.sampled_from([0.0, 1.0, 0.3]),
)
def test_the_nearest_buckets_are_chosen(
    seed: Any, buckets: Any, least: Any, more: Any, reach: Any, breadth: Any, unit: Any
) -> None:
    random = np.random.default_rng(seed)
    least, groups = min(least, buckets), -(-buckets // 16)
    most = min(least + more, buckets)
    nearness = np.full(16 * groups, np.inf, dtype=np.float32)
    nearness[:buckets] = random.standard_normal(buckets)
    step = probe.LOWEST_OF
    padded = np.full((-(-groups // step) * step, 16), np.inf, dtype=np.float32)
    padded[:groups] = nearness.reshape(groups, 16)
    lowest = padded.reshape(-1, step, 16).min(axis=1).reshape(-1)
    chosen = np.empty(16 * groups + 16, dtype=np.float32)
    numbers = np.empty(16 * groups + 16, dtype=np.int32)
    reach, breadth, unit = map(np.float32, (reach, breadth, unit))
    size, reached = probe.choose(
        nearness, lowest, groups, least, most, reach, breadth, unit, chosen, numbers, *sort_room()
    )
    expected = reference_inverted_file.chosen(nearness[:buckets], least, most, reach * unit)
    assert numbers[:size].tolist() == expected.tolist()
    broad = np.count_nonzero(nearness[:buckets] <= nearness.min() + breadth * unit)
    assert reached == (broad if breadth >= 0 else 0)


@settings(deadline=None, max_examples=20)
@given(SEEDS, st.sampled_from([1, 15, 100, 130]), st.sampled_from(list(METRICS)))
def test_queries_begun_together_are_as_if_alone(seed: Any, dimension: Any, metric: Any) -> None:
    random = np.random.default_rng(seed)
    inverted_file = parts_of(random, dimension, "float32", metric, 20, 300)
    queries = inverted_file.sketched.rows_as_hashed(np.arange(probe.TOGETHER)) + np.float32(0.01)
    together = _begun(inverted_file.plan, queries, len(queries))
    for number, query in enumerate(queries):
        alone = _begun(inverted_file.plan, query[np.newaxis].copy(), 1)
        for many, one in zip(together, alone, strict=True):
            assert np.array_equal(many[number], one[0])
    rotated, nearness, told = together
    exact = inverted_file.sketched.rotation.rotated(queries)
    lengths = np.linalg.norm(queries - inverted_file.sketched.rotation.mean, axis=1, keepdims=True)
    np.testing.assert_allclose(rotated / lengths, exact / lengths, atol=0.05)
    distances = -(queries @ inverted_file.sketched.centroids.T)
    if metric != "dot":
        distances = ((queries[:, np.newaxis] - inverted_file.sketched.centroids) ** 2).sum(axis=2)
    size = np.abs(distances).max() + (lengths**2).max()
    np.testing.assert_allclose(told[:, :1] + nearness[:, :20], distances, atol=0.05 * size)


@njit
def _begun(plan: Any, queries: Any, count: Any) -> Any:
    held = _allocated(_query_bytes(plan) + _bucket_bytes(plan))
    moved, rotated, tables, told, rest = _query_scratch(plan, held)
    nearness, lowest, _, _, _ = _bucket_scratch(plan, rest)
    _rotate(plan, queries.ctypes.data, count, moved, rotated, tables, told)
    _compare_centroids(plan, queries.ctypes.data, count, tables, nearness, lowest, told)
    return rotated, nearness, told[:-1]


_rotate: Any = probe.rotate
_compare_centroids: Any = probe.compare_centroids
_allocated: Any = scratch.allocated
_query_bytes: Any = probe.query_bytes
_bucket_bytes: Any = probe.bucket_bytes
_query_scratch: Any = probe.query_scratch
_bucket_scratch: Any = probe.bucket_scratch


@settings(deadline=None, max_examples=40)
@given(SEEDS, st.one_of(st.integers(0, 100), st.integers(500, 700)), st.booleans())
def test_pairs_are_sorted(seed: Any, count: Any, repeated: Any) -> None:
    random = np.random.default_rng(seed)
    values = np.zeros(count + 16, dtype=np.float32)
    values[:count] = random.integers(0, 9, count) if repeated else random.standard_normal(count)
    numbers = random.permutation(count + 16).astype(np.int64)
    expected = sorted(zip(values[:count].tolist(), numbers[:count].tolist(), strict=True))
    select.sort(values, numbers, count, *sort_room())
    assert list(zip(values[:count].tolist(), numbers[:count].tolist(), strict=True)) == expected


def sort_room() -> Any:
    """Return the arrays in which values are sorted."""
    return select.sort_scratch(scratch.allocated(select.SORT_BYTES))[:2]


def parts_of(random: Any, dimension: int, element: str, metric: Any, buckets: int, rows: int) -> InvertedFile:
    """Return an inverted file of random rows in random buckets, some of them empty."""
    low = 0 if element == "uint8" else -20
    vectors = (random.integers(low, 100, (rows, dimension)) + random.random((rows, 1))).astype(element)
    wide = vectors.astype(np.float32)
    if metric == "cosine":
        wide /= np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-9)
        if element == "float32":
            vectors = wide
    counts = random.multinomial(rows, random.dirichlet(np.ones(buckets)))
    offsets = np.append(0, np.cumsum(counts))
    centroids = wide[random.integers(0, rows, buckets)]  # not quite: signs of nothing are anything
    centroids += random.standard_normal(centroids.shape).astype(np.float32) * np.abs(wide).max() / 20
    ids, rotation = random.permutation(rows) + 5, Rotation.fitted(wide, 1)
    return InvertedFile(SketchedRows.encoded(metric, vectors, ids, rotation, centroids, offsets))


@settings(deadline=None, max_examples=50)
@given(SEEDS, st.lists(st.integers(0, 70), min_size=1, max_size=6).filter(any), st.floats(0, 1))
def test_rows_that_may_be_found_are_packed(seed: Any, sizes: Any, share: Any) -> None:
    random = np.random.default_rng(seed)
    offsets, rows = np.append(0, np.cumsum(sizes)), sum(sizes)
    vectors = random.standard_normal((rows, 2)).astype(np.float32)
    centroids = np.zeros((len(sizes), 2), dtype=np.float32)
    rotation = Rotation.fitted(vectors, 0)
    sketched = SketchedRows.encoded("euclidean", vectors, np.arange(rows), rotation, centroids, offsets)
    there = random.random(rows) < share
    there.flags.writeable = False
    assert np.array_equal(sketched.mask(there), reference_inverted_file.packed(there, offsets))
    with pytest.raises(OptionError, match="mask is of shape"):
        sketched.mask(there[1:])


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.sampled_from([8, 100, 130]), st.sampled_from(ELEMENTS), st.sampled_from(list(METRICS)))
def test_rows_are_encoded(seed: Any, dimension: Any, element: Any, metric: Any) -> None:
    random = np.random.default_rng(seed)
    sketched = parts_of(random, dimension, element, metric, 4, 50).sketched
    rotation, offsets = sketched.rotation, sketched.offsets
    rows = sketched.rows_as_hashed(np.arange(50))
    bucket_of = np.repeat(np.arange(4), np.diff(offsets))
    starts = np.cumsum(-(-np.diff(offsets) // 16)) - -(-np.diff(offsets) // 16)
    slots = 16 * starts[bucket_of] + np.arange(50) - offsets[bucket_of]
    rotated, centres = rotation.rotated(rows), rotation.rotated(sketched.centroids)
    made = []
    for encode_rows in (reference_inverted_file.encode_rows, compiled_encode.encode_rows):
        blocks = np.zeros((block_count(offsets), rotation.block_bytes), dtype=np.uint8)
        encode_rows(
            rows,
            rotated,
            sketched.centroids,
            centres,
            bucket_of,
            slots,
            rotation.mean,
            METRICS[metric],
            blocks,
            blocks.view(np.uint32),
        )
        made.append(blocks)
    signs = rotation.signs
    assert np.array_equal(made[0][:, : 2 * signs], made[1][:, : 2 * signs])
    words = [blocks.view(np.uint32)[:, signs // 2 :] for blocks in made]
    both: Any
    for both in (words, [own << 16 for own in words]):
        slow, fast = (own.view(np.float32) for own in both)
        np.testing.assert_allclose(fast, slow, rtol=1 / 128, atol=1e-4 * max(1.0, float(np.abs(slow).max())))
    assert np.array_equal(
        encode(metric, rotation, sketched.centroids, offsets, sketched.vectors, threads=2), sketched.blocks
    )


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-3e37, 3e37), st.floats(-1e19, 1e19)), min_size=1, max_size=32))
@example([(0.0, -0.0), (-0.0, 1.0), (3.0e38, 3.0e38), (-3.0e38, -1e-45), (1e-45, 0.0)])
def test_a_word_holds_a_constant_and_a_slope(pairs: Any) -> None:
    constants: Any
    slopes: Any
    constants, slopes = np.array(pairs, dtype=np.float32).T.copy()
    words = reference_inverted_file.factor_words(constants, slopes)
    least = float(np.finfo(np.float32).tiny)
    for given_values, kept in ((constants, words), (slopes, words << 16)):
        np.testing.assert_allclose(kept.view(np.float32), given_values, rtol=1 / 256, atol=1.01 * least)
    assert np.isfinite(words.view(np.float32)).all()
    assert np.abs(words.view(np.float32)).min() >= least
    compiled = [compiled_encode._word(*pair) for pair in zip(constants, slopes, strict=True)]
    assert np.array_equal(words, np.array(compiled, dtype=np.uint32))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 100), max_size=8), st.integers(1, 80))
def test_rows_are_encoded_in_runs_of_whole_blocks(sizes: Any, size: Any) -> None:
    offsets = np.append(0, np.cumsum(sizes)).astype(np.int64)
    rows, blocks = 0, 0
    for first, last, start, stop in runs(offsets, size):
        assert start == rows
        assert offsets[first] <= start < stop <= offsets[last]
        assert stop - start <= max(16, size)
        own = np.clip(offsets[first : last + 1], start, stop)
        rows, blocks = stop, blocks + block_count(own)
    assert (rows, blocks) == (offsets[-1], block_count(offsets))


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.sampled_from(ELEMENTS), st.sampled_from(list(METRICS)), st.integers(0, 150))
def test_the_nearest_candidates_are_those_of_the_reference(
    seed: Any, element: Any, metric: Any, count: Any
) -> None:
    random = np.random.default_rng(seed)
    sketched = parts_of(random, 20, element, metric, 6, 150).sketched
    queries = sketched.rows_as_hashed(np.arange(3)) + np.float32(0.01)
    if metric == "cosine":
        queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    candidates = [np.sort(random.permutation(150)[:count]) for _ in queries]
    offsets = np.arange(4) * count
    ids, distances = sketched.nearest(queries, offsets, np.concatenate(candidates), 5, 40)
    for query, own, found, exact in zip(queries, candidates, ids, distances, strict=True):
        slow_ids, slow = reference_inverted_file.nearest(sketched, query, own, 5, 40, METRICS[metric])
        # Rows whose estimates are about equal may be compared by one and not by the other.
        assert (found != slow_ids).sum() <= 2
        same = found == slow_ids
        np.testing.assert_allclose(exact[same], slow[same], rtol=1e-4, atol=1e-4)


def test_candidates_in_any_order_are_the_same() -> None:
    random = np.random.default_rng(3)
    sketched = parts_of(random, 30, "float32", "euclidean", 6, 600).sketched
    own = random.permutation(600)[:400]
    query, bounds = sketched.vectors[:1].copy(), np.array([0, 400])
    found, again = (sketched.nearest(query, bounds, rows, 5, 50) for rows in (own, np.sort(own)))
    assert np.array_equal(found[0], again[0])


def test_candidates_that_are_not_there_are_refused() -> None:
    sketched = parts_of(np.random.default_rng(4), 8, "float32", "euclidean", 2, 30).sketched
    query = sketched.vectors[:1].copy()
    for position in (-1, 30):
        with pytest.raises(OptionError, match="candidates are from 0 to 29"):
            sketched.nearest(query, np.array([0, 1]), np.array([position]), 1, 1)
    for bounds in ([0, 2], [0], [1, 0]):
        with pytest.raises(OptionError, match="offsets of candidates"):
            sketched.nearest(query, np.array(bounds), np.array([0]), 1, 1)


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.sampled_from(ELEMENTS), st.sampled_from(list(METRICS)), st.sampled_from([None, 50.0]))
@example(278, "uint8", "euclidean", 50.0)  # fewer than k rows within reach
@example(37, "float32", "euclidean", 50.0)  # a centroid at about the limit
def test_a_search_is_that_of_the_reference(seed: Any, element: Any, metric: Any, reach: Any) -> None:
    random = np.random.default_rng(seed)
    inverted_file = parts_of(random, 20, element, metric, 6, 150)
    queries = inverted_file.sketched.rows_as_hashed(np.arange(3)) + np.float32(0.01)
    if metric == "cosine":
        queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    if reach is not None:
        queries = queries[[_is_clear(inverted_file, query, reach) for query in queries]]
    probes, depth = (6, 40) if reach is None else (3, 75)  # up to twice as many: all
    ids, distances = inverted_file.search(queries, 5, probes, depth, reach=reach, margin=reach)
    slow_ids, slow = reference_inverted_file.search(
        inverted_file, queries, 5, probes, depth, METRICS[metric], reach, reach
    )
    # Rows whose estimates are about equal may be compared by one and not by the other.
    assert (ids != slow_ids).sum() <= 3
    same = ids == slow_ids
    np.testing.assert_allclose(distances[same], slow[same], rtol=1e-4, atol=1e-4)


def _is_clear(inverted_file: Any, query: Any, reach: float) -> bool:
    """Tell whether rounded centroids leave no doubt of which buckets are within reach, and of the order of others."""
    if inverted_file.sketched.metric == "dot":
        nearness, unit = -(inverted_file.sketched.centroids @ query), np.linalg.norm(query)
    else:
        nearness = ((inverted_file.sketched.centroids - query) ** 2).sum(axis=1)
        unit = np.sqrt(nearness.min())
    values = np.sort(np.append(nearness, nearness.min() + reach * unit))
    return bool(np.diff(values).min() > 0.01 * np.abs(values).max())
