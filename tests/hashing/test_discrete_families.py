"""The families of sets and of binary codes keep the contract, their formula and their theory."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lookalike.errors import OptionError, VectorError
from lookalike.hashing import BitSampling, Family, FamilySpec, MinHash, family_from_json
from lookalike.kernels.reference_discrete import mixed
from lookalike.sets import as_sets

TABLES = 4096


def some_sets(rows: int = 300, seed: int = 1) -> Any:
    random = np.random.default_rng(seed)
    return as_sets([random.choice(500, random.integers(3, 20), replace=False) for _ in range(rows)])


def some_codes(rows: int = 300, size: int = 6, seed: int = 1) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (rows, size), dtype=np.uint8)


CASES: list[tuple[Family, Callable[[], Any]]] = [
    (MinHash(tables=5, hashes=3, seed=5), some_sets),
    (BitSampling(tables=5, bits=9, seed=5), some_codes),
]


@pytest.mark.parametrize(("family", "rows_of"), CASES, ids=["min-hash", "bit-sampling"])
def test_a_fitted_family_survives_json(family: Family, rows_of: Callable[[], Any]) -> None:
    rows = rows_of()
    family = family_from_json(family.to_json()).fit(rows)
    again = family_from_json(json.loads(json.dumps(family.to_json())))
    assert again.to_json() == family.to_json()
    assert again.table_uuids() == family.table_uuids()
    assert np.array_equal(again.keys(rows), family.keys(rows))
    assert np.array_equal(again.probe_keys(rows, 6), family.probe_keys(rows, 6))


@pytest.mark.parametrize(("family", "rows_of"), CASES, ids=["min-hash", "bit-sampling"])
def test_probes_begin_with_the_own_bucket_and_repeat_none(family: Family, rows_of: Callable[[], Any]) -> None:
    rows = rows_of()
    family = family_from_json(family.to_json()).fit(rows)
    keys, probed = family.keys(rows), family.probe_keys(rows, 8)
    assert keys.shape == (300, 5) and keys.dtype == np.uint64
    assert probed.shape == (300, 5, 8)
    assert np.array_equal(probed[:, :, 0], keys)
    assert all(len(set(row)) == 8 for row in probed.reshape(-1, 8).tolist())
    assert family.probe_keys(rows, 10**6).shape[2] == 2 ** (3 if family.name == "min-hash" else 9)


@pytest.mark.parametrize(("family", "rows_of"), CASES, ids=["min-hash", "bit-sampling"])
def test_another_seed_makes_other_tables(family: Family, rows_of: Callable[[], Any]) -> None:
    family = family_from_json(family.to_json()).fit(rows_of())
    other = FamilySpec(family.name, {**family.parameters(), "seed": 6}).family({}).fit(rows_of())
    assert not set(other.table_uuids()) & set(family.table_uuids())
    assert not np.array_equal(other.keys(rows_of()), family.keys(rows_of()))


@pytest.mark.parametrize("hashes", [1, 2, 4])
@pytest.mark.parametrize(("shared", "own"), [(0, 10), (5, 20), (10, 10), (20, 5), (40, 1), (30, 0)])
def test_sets_collide_as_broder_says(shared: int, own: int, hashes: int) -> None:
    pair = [range(shared + own), [*range(shared), *range(1000, 1000 + own)]]
    similarity = shared / (shared + 2 * own)
    family = MinHash(tables=TABLES, hashes=hashes, seed=17).fit(as_sets(pair))
    keys, expected = family.keys(as_sets(pair)), family.collision_probability(1 - similarity)
    assert expected == pytest.approx(similarity**hashes)
    assert abs(np.mean(keys[0] == keys[1]) - expected) <= 3 * math.sqrt(expected * (1 - expected) / TABLES)


@pytest.mark.parametrize("bits", [1, 6, 20])
@pytest.mark.parametrize("distance", [0, 1, 4, 12, 31, 64])
def test_codes_collide_as_indyk_and_motwani_say(distance: int, bits: int) -> None:
    pair = np.zeros((2, 64), dtype=np.bool_)
    pair[1, np.random.default_rng(3).choice(64, distance, replace=False)] = True
    family = BitSampling(tables=TABLES, bits=bits, seed=11).fit(pair)
    keys, expected = family.keys(pair), family.collision_probability(distance) or 0.0
    assert expected == pytest.approx((1 - distance / 64) ** bits)
    assert abs(np.mean(keys[0] == keys[1]) - expected) <= 3 * math.sqrt(expected * (1 - expected) / TABLES)


def test_a_key_of_sets_is_made_of_their_least_hashes() -> None:
    rows = some_sets(20)
    family = MinHash(tables=3, hashes=2, seed=4).fit(rows)
    seeds = family.arrays()["seeds"]
    for row, keys in zip(rows, family.keys(rows), strict=True):
        elements = row[row != 2**32 - 1].astype(np.uint64)
        for table in range(3):
            least = [mixed(elements ^ seed).min() for seed in seeds[2 * table : 2 * table + 2]]
            first = mixed(np.array([least[0]]))
            assert keys[table] == mixed(first + least[1])[0]


def test_a_key_of_codes_is_the_bits_at_its_positions() -> None:
    bits = np.unpackbits(some_codes(30), axis=1)
    family = BitSampling(tables=2, bits=5, seed=4).fit(bits.astype(np.bool_))
    positions = family.arrays()["positions"].reshape(2, 5)
    expected = (bits[:, positions] << np.arange(5, dtype=np.uint64)).sum(axis=2)
    assert np.array_equal(family.keys(bits.astype(np.bool_)), expected)


def test_probes_of_sets_are_likeliest_first() -> None:
    random = np.random.default_rng(2)
    firsts, others = [], []
    for _ in range(1500):
        both = random.choice(10**6, 60, replace=False)
        firsts.append(both[:40])
        others.append(both[20:])
    family = MinHash(tables=8, hashes=3, seed=3).fit(as_sets(firsts))
    hit = family.probe_keys(as_sets(firsts), 8) == family.keys(as_sets(others))[:, :, np.newaxis]
    shares = hit.mean(axis=(0, 1))
    assert shares[0] == pytest.approx((1 / 3) ** 3, abs=0.005)
    assert (shares[1:] > 0).all()
    assert shares[0] > shares[1] > shares[4] > shares[7]


def test_empty_sets_share_buckets_with_one_another_alone() -> None:
    family = MinHash(tables=6, hashes=2).fit(as_sets([[1]]))
    empty, again, other = family.keys(as_sets([[], [], [7]]))
    assert np.array_equal(empty, again)
    assert not (empty == other).any()


def test_the_width_that_sets_are_kept_in_changes_no_key() -> None:
    rows = some_sets(20)
    family = MinHash(tables=6, hashes=2).fit(rows)
    assert np.array_equal(family.keys(as_sets(rows, width=64)), family.keys(rows))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MinHash(tables=0, hashes=1), "tables is 0"),
        (lambda: MinHash(tables=1, hashes=33), "hashes is 33"),
        (lambda: BitSampling(tables=1, bits=64), "bits is 64"),
        (lambda: MinHash(tables=1, hashes=1).keys(some_sets(1)), "not fitted"),
        (lambda: BitSampling(tables=1, bits=1).keys(some_codes(1)), "not fitted"),
    ],
)
def test_wrong_parameters_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make()


def test_codes_of_another_length_are_refused() -> None:
    family = BitSampling(tables=2, bits=3).fit(some_codes())
    with pytest.raises(VectorError, match=r"have 56 bits \(7 bytes\); this needs 48 \(6 bytes\)"):
        family.keys(some_codes(3, 7))


@pytest.mark.parametrize(("family", "rows_of"), CASES, ids=["min-hash", "bit-sampling"])
def test_parts_that_do_not_fit_are_refused(family: Family, rows_of: Callable[[], Any]) -> None:
    described = family_from_json(family.to_json()).fit(rows_of()).to_json()
    described["parameters"]["tables"] = 6
    with pytest.raises(OptionError, match="make it again"):
        family_from_json(described)
