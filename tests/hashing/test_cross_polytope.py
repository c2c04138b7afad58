"""Cross-polytope hashing keeps its definition, its symmetries and its theory."""

import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.errors import OptionError
from lookalike.hashing import CrossPolytope, Hyperplane, cross_polytope, family_from_json
from lookalike.hashing.cross_polytope import agreement
from lookalike.index import Index
from lookalike.kernels.reference_polytope import nearest_vertices
from lookalike.kernels.reference_rotation import hadamard

SEEDS = st.integers(0, 2**32)
DIMENSIONS = st.integers(1, 70)
BITS = st.integers(1, 20)


def drawn(rows: Any, dimension: Any, seed: Any = 1) -> Any:
    return np.random.default_rng(seed).standard_normal((rows, dimension)).astype(np.float32)


def fitted(dimension: Any, bits: Any, seed: Any = 0, tables: Any = 3) -> Any:
    return CrossPolytope(tables=tables, bits=bits, seed=seed).fit(np.zeros((1, dimension), np.float32))


def looked_at(family: Any, vectors: Any) -> list[Any]:
    """Return the coordinates (n, tables, axes) that each function of a key looks at."""
    ((_, turned),) = family._turned(vectors)
    bits = family._function_bits(turned.shape[2])
    own = turned.reshape(len(vectors), family.tables, len(bits), -1)
    return [own[:, :, function, : 2 ** (taken - 1)] for function, taken in enumerate(bits)]


def at_distance(dimension: Any, distance: Any, seed: Any) -> Any:
    """Return two vectors of length one at that cosine distance, in random directions."""
    first, second = np.linalg.qr(np.random.default_rng(seed).standard_normal((dimension, 2)))[0].T
    return np.array(
        [first, (1 - distance) * first + math.sqrt(distance * (2 - distance)) * second], dtype=np.float32
    )


def signs_matrix(order: Any) -> Any:
    """Return the Hadamard matrix by its definition: -1 where row and column number share an odd count of bits."""
    return np.array(
        [[(-1) ** (i & j).bit_count() for j in range(order)] for i in range(order)], dtype=np.float64
    )


@pytest.mark.parametrize("order", [1, 2, 4, 8, 16, 32, 64, 128])
def test_hadamard_is_its_definition(order: Any) -> None:
    whole = np.random.default_rng(0).integers(-50, 50, (3, 5, order)).astype(np.float32)
    assert np.array_equal(hadamard(whole), whole @ signs_matrix(order))  # sums of whole numbers are exact
    vectors = drawn(40, order)
    assert np.allclose(hadamard(hadamard(vectors)), order * vectors, rtol=1e-4, atol=1e-4)
    alone = np.concatenate([hadamard(vectors[i : i + 1]) for i in range(40)])
    assert np.array_equal(hadamard(vectors), alone)


def test_keys_are_their_definition() -> None:
    vectors, family = drawn(30, 40), fitted(40, 17, seed=2)  # 7 + 7 + 3 bits: 64, 64 and 4 axes
    first, later = family.arrays()["first_signs"], family.arrays()["later_signs"]
    assert first.shape == (9, 40)
    assert later.shape == (2, 9, 64)
    matrix, keys = signs_matrix(64), family.keys(vectors)
    for row, table in itertools.product(range(30), range(3)):
        key = 0
        for function, axes in enumerate((64, 64, 4)):
            signs = 3 * table + function
            turned = np.pad(vectors[row] * first[signs], (0, 24)) @ matrix
            turned = (later[1, signs] * ((later[0, signs] * turned) @ matrix) @ matrix)[:axes]
            axis = np.abs(turned).argmax()
            key |= int(2 * axis + (turned[axis] < 0)) << 7 * function
        assert int(keys[row, table]) == key


@settings(deadline=None, max_examples=60)
@given(dimension=DIMENSIONS, bits=BITS, seed=SEEDS, exponent=st.integers(-100, 80))
def test_symmetries(dimension: Any, bits: Any, seed: Any, exponent: Any) -> None:
    family, vectors = fitted(dimension, bits, seed), drawn(8, dimension, seed)
    keys = family.keys(vectors)
    assert int(keys.max()) < 2**bits
    # By powers of two a scale is exact, so keys are too; by others only rounding could decide.
    assert np.array_equal(family.keys(np.ldexp(vectors, exponent)), keys)
    assert (family.keys(vectors * np.float32(0.3)) == keys).mean() > 0.9
    same = np.sign(vectors) * (np.abs(vectors) > 0.5)
    assert np.array_equal(family.keys(same * np.float32(0.3)), family.keys(same))
    # Of the opposite vector each function takes the opposite vertex, whose last bit differs; save where all axes
    # that it looks at are 0.
    width = cross_polytope._axes(dimension).bit_length()
    decided = np.all(
        [np.abs(coordinates).max(axis=2) > 0 for coordinates in looked_at(family, vectors)], axis=0
    )
    opposite = sum(1 << start for start in range(0, bits, width))
    assert np.array_equal(family.keys(-vectors)[decided], keys[decided] ^ np.uint64(opposite))
    assert dimension < 3 or decided.all()
    # A vector's key does not depend on its company.
    assert np.array_equal(np.concatenate([family.keys(vectors[i : i + 1]) for i in range(8)]), keys)


@settings(deadline=None, max_examples=60)
@given(dimension=DIMENSIONS, bits=BITS, seed=SEEDS, probes=st.integers(1, 300))
def test_probes_are_distinct_and_the_first_is_the_key(
    dimension: Any, bits: Any, seed: Any, probes: Any
) -> None:
    family, vectors = fitted(dimension, bits, seed), drawn(4, dimension, seed)
    vectors[2] = 0
    vectors[3] = np.eye(1, dimension, dtype=np.float32)[0]  # many coordinates are as large as the largest
    probed = family.probe_keys(vectors, probes)
    assert probed.shape == (4, 3, min(probes, 2**bits))
    assert np.array_equal(probed[:, :, 0], family.keys(vectors))
    assert int(probed.max()) < 2**bits
    assert all(len(set(row)) == probed.shape[2] for row in probed.reshape(12, -1).tolist())
    assert np.array_equal(
        family.probe_keys(vectors[:2], max(1, probes // 2))[0], probed[0, :, : max(1, probes // 2)]
    )


def test_probes_are_in_order_of_cost() -> None:
    family, vectors = fitted(20, 9, seed=4, tables=2), drawn(5, 20)  # 6 + 3 bits: 32 and 4 axes
    probed = family.probe_keys(vectors, 512)
    values = [np.stack((c, -c), axis=-1).reshape(5, 2, -1) for c in looked_at(family, vectors)]
    costs = [np.square(v.max(axis=2, keepdims=True) - v) for v in values]
    for row, table in itertools.product(range(5), range(2)):
        one, other = (cost[row, table].astype(np.float64) for cost in costs)
        total = (one[:, np.newaxis] + other).T.reshape(
            -1
        )  # at place: vertex of the first + 64 * of the second
        found = total[probed[row, table].astype(int)]
        assert np.allclose(found, np.sort(total), rtol=1e-5, atol=1e-3)
        few = family.probe_keys(vectors, 37)[row, table].astype(int)
        assert np.allclose(total[few], np.sort(total)[:37], rtol=1e-5, atol=1e-3)


def test_nearest_vertices_are_nearest() -> None:
    points = drawn(50, 6)
    vertices, costs = nearest_vertices(points, 12)
    along = np.stack((points, -points), axis=2).reshape(50, 12)
    distances = np.array(
        [[math.dist(p, (-1) ** v * np.eye(6)[v // 2]) for v in range(12)] for p in points.astype(np.float64)]
    )
    assert np.allclose(np.take_along_axis(distances, vertices, axis=1), np.sort(distances, axis=1))
    assert np.allclose(costs, np.square(along.max(axis=1, keepdims=True) - np.sort(along, axis=1)[:, ::-1]))
    assert np.array_equal(nearest_vertices(points, 5)[0], vertices[:, :5])


def test_zero_and_extreme_vectors_have_keys() -> None:
    family = fitted(33, 20)
    vectors = np.zeros((4, 33), dtype=np.float32)
    vectors[1], vectors[2, 3], vectors[3] = 3e38, 1e-45, -3e38
    with np.errstate(all="raise"):
        keys = family.keys(vectors)
    assert np.array_equal(keys[0], np.zeros(3))
    assert not np.array_equal(keys[1], keys[3])
    assert np.array_equal(family.probe_keys(vectors, 50)[:, :, 0], keys)
    assert family.keys(np.empty((0, 33), np.float32)).shape == (0, 3)
    assert family.probe_keys(np.empty((0, 33), np.float32), 2).shape == (0, 3, 2)


def test_blocks_do_not_show(monkeypatch: Any) -> None:
    family, vectors = fitted(50, 16), drawn(40, 50)
    keys, probed = family.keys(vectors), family.probe_keys(vectors, 20)
    monkeypatch.setattr(cross_polytope, "BLOCK_BYTES", 30_000)
    assert np.array_equal(family.keys(vectors), keys)
    assert np.array_equal(family.probe_keys(vectors, 20), probed)


@pytest.mark.parametrize("axes", [1, 2, 5, 32, 1024])
def test_agreement_where_it_has_a_closed_form(axes: Any) -> None:
    assert agreement(axes, 1.0) == pytest.approx(
        1 / (2 * axes), rel=1e-6
    )  # independent: any vertex of 2 axes
    assert agreement(axes, 0.0) == 1
    assert agreement(axes, 2.0) == 0
    chances = [agreement(axes, distance) for distance in (1e-6, 0.001, 0.1, 0.4, 0.9, 1.5, 1.99)]
    assert chances == sorted(chances, reverse=True)
    if axes == 1:
        for distance in (1e-6, 0.01, 0.3, 1.0, 1.7):
            assert agreement(1, distance) == pytest.approx(1 - math.acos(1 - distance) / math.pi, abs=1e-5)


@pytest.mark.parametrize("axes", [3, 100])
@pytest.mark.parametrize("distance", [0.05, 0.5, 1.2])
def test_agreement_of_gaussian_matrices(axes: Any, distance: Any) -> None:
    random, pairs = np.random.default_rng([axes, 7]), 60_000
    x, noise = random.standard_normal((2, pairs, axes), dtype=np.float32)
    y = (1 - distance) * x + np.float32(math.sqrt(distance * (2 - distance))) * noise
    measured = (nearest_vertices(x, 1)[0] == nearest_vertices(y, 1)[0]).mean()
    expected = agreement(axes, distance)
    assert abs(measured - expected) < 4 * math.sqrt(expected * (1 - expected) / pairs) + 1 / pairs


@pytest.mark.parametrize("distance", [0.02, 0.1, 0.3, 0.6])
@pytest.mark.parametrize("bits", [8, 11])
def test_collision_probability(distance: Any, bits: Any) -> None:
    # Ten pairs: that pseudo-random rotations are like Gaussian matrices holds for most pairs, not exactly for each.
    shares = []
    for seed in range(10):
        pair = at_distance(100, distance, seed)
        family = fitted(100, bits, seed, tables=1000)
        keys = family.keys(pair)
        shares.append(np.mean(keys[0] == keys[1]))
    expected = family.collision_probability(distance)
    chance = math.sqrt(expected * (1 - expected) / 10_000)
    assert abs(np.mean(shares) - expected) < 4 * chance + 0.05 * expected
    wrong = Hyperplane(tables=1, bits=bits).collision_probability(distance)
    assert abs(np.mean(shares) - wrong) > 4 * chance  # the tolerance tells the families apart
    assert CrossPolytope(tables=1, bits=bits).collision_probability(distance) is None


@pytest.mark.parametrize("bits", [1, 6, 20, 63])
def test_json_round_trip(bits: Any) -> None:
    family, vectors = fitted(45, bits), drawn(20, 45)
    again = family_from_json(json.loads(json.dumps(family.to_json())))
    assert isinstance(again, CrossPolytope)
    assert again.to_json() == family.to_json()
    assert again.dimension == 45
    assert np.array_equal(again.probe_keys(vectors, 2), family.probe_keys(vectors, 2))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("first_signs", lambda signs: signs[:, :-20]),
        ("first_signs", lambda signs: signs[0]),
        ("first_signs", lambda signs: signs[:, :0]),
        ("later_signs", lambda signs: signs[:1]),
        ("later_signs", lambda signs: signs.astype(np.float32)),
        ("later_signs", lambda signs: signs * np.int8(0)),
    ],
)
def test_damaged_signs_are_told(name: Any, change: Any) -> None:
    family = fitted(45, 9)
    arrays = {**family.arrays(), name: change(family.arrays()[name])}
    with pytest.raises(OptionError, match=r"cross-polytope: signs are .*make it again"):
        CrossPolytope(tables=3, bits=9)._restore(arrays)


def test_bad_use_is_told() -> None:
    with pytest.raises(OptionError, match="bits is 64; give a whole number from 1 to 63"):
        CrossPolytope(tables=1, bits=64)
    with pytest.raises(OptionError, match="tables is 0"):
        CrossPolytope(tables=0, bits=8)
    with pytest.raises(OptionError, match="cross-polytope is not fitted"):
        CrossPolytope(tables=1, bits=8).keys(drawn(2, 3))
    with pytest.raises(OptionError, match="dimension 45, not 44"):
        fitted(45, 9).probe_keys(drawn(2, 44), 3)


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "dot"])
def test_an_index_searches_by_it(tmp_path: Any, metric: Any) -> None:
    random = np.random.default_rng(0)
    centres = 2 * random.standard_normal((60, 24))
    rows = (centres[random.integers(0, 60, 2000)] + random.standard_normal((2000, 24))).astype(np.float32)
    queries = (centres[random.integers(0, 60, 60)] + random.standard_normal((60, 24))).astype(np.float32)
    family = CrossPolytope(tables=4, bits=6, seed=1)
    index = Index.build(rows, metric=metric, scan_below=1000, family=family, recall=0.8)
    assert (index.stats().path, index.stats().family, index.stats().tables) == (
        "buckets",
        "cross-polytope",
        4,
    )
    truth, _ = index.search(queries, 10, recall=1)
    found, _ = index.search(queries, 10)
    shares = [np.isin(wanted, row).mean() for row, wanted in zip(found, truth, strict=True)]
    assert 0.78 < np.mean(shares) < 1  # else it was no bucket search that was tested
    index.save(tmp_path / "index")
    again = Index.open(tmp_path / "index", verify=True)
    assert np.array_equal(again.search(queries, 10)[0], found)
