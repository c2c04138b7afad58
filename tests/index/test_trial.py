"""What is predicted of a family's buckets: recall and candidates by counting, and neighbours that a sample lacks."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.arrays import Metric
from lookalike.hashing import Hyperplane
from lookalike.index.exact_rows import distances_to
from lookalike.index.lsh.lift import Lift
from lookalike.index.lsh.neighbours import K, Pairs, near_pairs
from lookalike.index.lsh.trial import any_of, bucket_count, first_meetings, found_shares, probe_counts, tried
from lookalike.sets import as_sets


def pairs_of(counts: list[int], wanted: list[int]) -> Pairs:
    """Return pairs of which only the numbers of neighbours matter."""
    nothing = np.zeros((len(counts), 1), dtype=np.float32)
    firsts = np.append(0, np.cumsum(counts))
    return Pairs(nothing, nothing, firsts, np.array(wanted), nothing, 1)


@given(st.lists(st.booleans(), min_size=1, max_size=7))
def test_the_chance_to_be_in_any_so_many_tables_is_that_of_all_choices_of_them(meets: list[bool]) -> None:
    most = len(meets)
    chances = any_of(most)[sum(meets)]
    for tables in range(most + 1):
        chosen = list(combinations(meets, tables))
        assert chances[tables] == pytest.approx(sum(map(any, chosen)) / len(chosen))


@given(st.integers(1, 6), st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 999))
def test_shares_found_are_means_over_all_choices(tables: int, counts: list[int], seed: int) -> None:
    meets = np.random.default_rng(seed).random((sum(counts), tables)) < 0.4
    pairs = pairs_of(counts, counts)
    shares = found_shares(meets, pairs)
    for number in range(tables + 1):
        found = np.mean(
            [meets[:, list(chosen)].any(axis=1) for chosen in combinations(range(tables), number)], axis=0
        )
        expected = [part.mean() for part in np.split(found, pairs.firsts[1:-1])]
        assert shares[:, number] == pytest.approx(expected)


def test_of_rows_that_are_as_far_some_are_enough() -> None:
    meets = np.array([[True, False]] * 6 + [[False, False]] * 6)
    assert found_shares(meets, pairs_of([12], [3]))[0, 2] == 1.0
    assert found_shares(meets, pairs_of([12], [12]))[0, 2] == 0.5


def test_who_has_no_neighbours_misses_none() -> None:
    assert (found_shares(np.zeros((0, 3), dtype=bool), pairs_of([0], [0])) == 1).all()


@given(st.integers(1, 5), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_the_first_meeting_is_the_first_probe_of_that_key(tables: int, most: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    keys = random.integers(0, 12, (3, tables, most), dtype=np.uint64)
    own = random.integers(0, 12, (8, tables), dtype=np.uint64)
    owners = np.sort(random.integers(0, 3, 8))
    first = first_meetings(keys, own, owners)
    for row, table in np.ndindex(first.shape):
        probed = keys[owners[row], table].tolist()
        key = int(own[row, table])
        assert first[row, table] == (probed.index(key) if key in probed else most)


def test_numbers_of_probes_grow_up_to_the_most() -> None:
    counts = probe_counts(64)
    assert (counts[0], list(counts)) == (1, sorted(set(counts)))
    assert counts[-1] <= 64
    assert probe_counts(1) == (1,)


def test_candidates_are_those_that_tables_give() -> None:
    rows = np.random.default_rng(0).standard_normal((1000, 8)).astype(np.float32)
    pairs = near_pairs(rows, Lift("euclidean", 0.0), 1000, np.random.default_rng(1), 64)
    family = Hyperplane(tables=3, bits=5, seed=4).fit(rows)
    trial = tried(family, pairs, 4)
    keys, own = family.probe_keys(pairs.queries, 3), family.keys(pairs.others)
    meets = (own[:, np.newaxis, :, np.newaxis] == keys[np.newaxis]).any(axis=3)  # (rows, queries, tables)
    place = trial.probes.index(3)
    assert trial.candidates[place, 3] == pytest.approx(1000 * meets.any(axis=2).mean())
    assert trial.entries[place] == pytest.approx(1000 * meets.mean())
    near = (family.keys(pairs.neighbours)[:, :, np.newaxis] == keys[pairs.owners]).any(axis=2)
    assert trial.recall[place, 3] == pytest.approx(near.any(axis=1).mean())


@pytest.mark.parametrize("dimension", [4, 8])
def test_neighbours_that_a_sample_lacks_are_as_near_as_theirs_of_all_rows(dimension: int) -> None:
    random = np.random.default_rng(0)
    flat = random.random((20_000, dimension))
    rows = (flat @ random.standard_normal((dimension, 24))).astype(np.float32)  # of that dimension within 24
    distances = []
    for sample in (rows, rows[:2_000]):
        pairs = near_pairs(sample, Lift("euclidean", 0.0), len(rows), np.random.default_rng(1), 500)
        far = np.linalg.norm(pairs.neighbours - pairs.queries[pairs.owners], axis=1)
        distances.append(np.log(far.reshape(-1, K)).mean(axis=0))
    assert np.abs(distances[1] - distances[0])[2:] == pytest.approx(0, abs=0.06)


def test_a_sample_that_is_all_has_its_own_neighbours() -> None:
    rows = np.random.default_rng(0).standard_normal((300, 6)).astype(np.float32)
    pairs = near_pairs(rows, Lift("euclidean", 0.0), 300, np.random.default_rng(1), 20)
    for query, last in zip(pairs.queries, pairs.neighbours[pairs.firsts[1:] - 1], strict=True):
        order = np.sort(np.linalg.norm(rows - query, axis=1))
        assert np.linalg.norm(last - query) == pytest.approx(order[K], rel=1e-5)


def test_codes_and_sets_of_a_sample_are_moved_by_bits_and_elements() -> None:
    random = np.random.default_rng(0)
    centres = random.random((40, 256)) < 0.5
    codes = np.packbits(centres[np.arange(4000) % 40] ^ (random.random((4000, 256)) < 0.1), axis=1)
    words = [set(random.choice(60, 6, replace=False).tolist()) for _ in range(4000)]
    each: list[tuple[Metric, Any]] = [("hamming", codes), ("jaccard", as_sets(words))]
    for metric, rows in each:
        means = []
        for count in (len(rows), 400 * len(rows)):
            pairs = near_pairs(rows[:1000], Lift(metric, 0.0), count, np.random.default_rng(1), 100)
            own = [pairs.queries[owner : owner + 1] for owner in pairs.owners]
            far = [
                distances_to(query, row[np.newaxis], metric)[0]
                for query, row in zip(own, pairs.neighbours, strict=True)
            ]
            means.append(np.mean(far))
        assert 0 < means[1] < means[0]


def test_the_query_is_none_of_its_candidates() -> None:
    rows = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)
    pairs = near_pairs(rows, Lift("euclidean", 0.0), 50, np.random.default_rng(1), 1000)
    assert (len(pairs.queries), len(pairs.others)) == (25, 25)
    assert not (pairs.queries[:, np.newaxis] == pairs.others).all(axis=2).any()


@pytest.mark.parametrize("keys", [300, 20_000])
@pytest.mark.parametrize("uneven", [0.0, 1.0])
def test_buckets_of_all_rows_are_told_by_a_sample(keys: int, uneven: float) -> None:
    random = np.random.default_rng(keys)
    chances = 1 / np.arange(1, keys + 1) ** uneven
    drawn = random.choice(keys, (40_000, 2), p=chances / chances.sum()).astype(np.uint64)
    buckets = np.mean([len(np.unique(column)) for column in drawn.T])
    assert bucket_count(drawn[:4_000], len(drawn)) == pytest.approx(buckets, rel=0.6)


def test_buckets_of_few_rows_are_no_more_than_rows() -> None:
    for rows in range(1, 9):
        own = np.arange(rows, dtype=np.uint64)[:, np.newaxis]
        assert bucket_count(own, rows) == rows
        assert rows <= bucket_count(own, 5 * rows) <= 5 * rows
