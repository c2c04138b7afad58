"""What is kept of descriptors of shape and texture is as far apart as they are, within the bounds that they state."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.features.drawings import drawn

from lookalike.arrays import Array, Float64
from lookalike.features.descriptors.base import Descriptor
from lookalike.features.descriptors.centrist import Centrist, SpatialPyramidCentrist
from lookalike.features.descriptors.edge_histogram import EdgeHistogram
from lookalike.features.descriptors.gabor import DIRECTIONS, SCALES, Gabor
from lookalike.features.descriptors.local_binary_patterns import (
    LocalBinaryPatterns,
    RotationInvariantLocalBinaryPatterns,
    SpatialPyramidLocalBinaryPatterns,
)
from lookalike.features.descriptors.phog import Phog
from lookalike.features.descriptors.tamura import Tamura

EXACT: list[tuple[type[Descriptor], int]] = [
    (LocalBinaryPatterns, 256),
    (RotationInvariantLocalBinaryPatterns, 36),
    (Phog, 1),
]


def described(descriptor: Descriptor, count: int = 24) -> Array:
    return np.stack([descriptor.describe(np.asarray(drawn(seed))) for seed in range(count)])


def pairs(descriptor: Descriptor, rows: Array) -> tuple[Float64, Float64]:
    """Return all distances of rows, by definition and as an index measures them."""
    kept = descriptor.embed(rows)
    assert kept.shape == (len(rows), descriptor.dimension)
    if descriptor.metric == "hamming":
        bits = np.unpackbits(kept, axis=1)
        measured = np.stack([(bits != one).sum(axis=1) for one in bits]).astype(np.float64)
    else:
        measured = np.stack([np.linalg.norm(kept - one, axis=1) for one in kept.astype(np.float64)])
    return np.stack([descriptor.distances(row, rows) for row in rows]), measured


@pytest.mark.parametrize(("kind", "times"), EXACT)
def test_codes_are_exact(kind: type[Descriptor], times: int) -> None:
    descriptor = kind()
    defined, measured = pairs(descriptor, described(descriptor))
    np.testing.assert_allclose(measured, times * defined, rtol=1e-12)
    assert np.count_nonzero(measured) == measured.size - len(measured)


@given(st.lists(st.lists(st.integers(0, 7), min_size=80, max_size=80), min_size=2, max_size=2))
def test_edge_histograms_are_kept_in_hundredths(rows: list[list[int]]) -> None:
    defined, measured = pairs(EdgeHistogram(), np.array(rows, dtype=np.uint8))
    assert np.abs(measured / 100 - defined).max() <= 1.5


def test_edge_histograms_are_close_to_what_they_were() -> None:
    defined, measured = pairs(EdgeHistogram(), described(EdgeHistogram()))
    np.testing.assert_allclose(measured / 100, defined, rtol=0.2)
    assert np.corrcoef(measured.ravel(), defined.ravel())[0, 1] > 0.99


def test_the_standards_distance_of_edge_histograms() -> None:
    none, top = np.zeros((1, 80), dtype=np.uint8), np.zeros((1, 80), dtype=np.uint8)
    top[0, 0] = 7  # vertical edges of the top left part
    apart = 0.530128 - 0.010867
    # In its own term, in five times the mean of sixteen, and in those of its column, its row and its quadrant.
    expected = apart * (1 + 5 / 16 + 3 / 4)
    assert EdgeHistogram().distances(none[0], top)[0] == pytest.approx(expected, rel=1e-12)
    top = np.zeros((1, 80), dtype=np.uint8)
    top[0, 5 * 5] = 7  # of a part in the middle, too
    assert EdgeHistogram().distances(none[0], top)[0] == pytest.approx(expected + apart / 4, rel=1e-12)


@given(st.integers(0, 2**32), st.integers(0, 127), st.integers(1, 128))
def test_pyramids_of_patterns_are_off_by_three_a_number_at_most(seed: int, low: int, range_: int) -> None:
    random = np.random.default_rng(seed)
    numbers = random.integers(low, min(low + range_, 128), (2, 756)).astype(np.uint8)
    defined, measured = pairs(SpatialPyramidLocalBinaryPatterns(), numbers)
    assert np.abs(4 * measured - 756 * defined)[0, 1] <= 3 * np.count_nonzero(numbers[0] != numbers[1])


def test_pyramids_of_patterns_are_close_to_what_they_were() -> None:
    descriptor = SpatialPyramidLocalBinaryPatterns()
    defined, measured = pairs(descriptor, described(descriptor))
    np.testing.assert_allclose(4 * measured, 756 * defined, rtol=0.1)


def test_roots_bound_the_distance_of_shares() -> None:
    defined, d = pairs(Centrist(), described(Centrist()))
    assert (d**2 <= defined + 1e-6).all()
    assert (defined <= d * np.sqrt(4 - d**2) + 1e-6).all()


def test_a_sketch_keeps_the_distance_of_roots() -> None:
    descriptor = SpatialPyramidCentrist()
    rows = described(descriptor)
    roots = np.sqrt(rows / rows.max(axis=1, keepdims=True))
    squares = np.stack([np.square(roots - one).sum(axis=1) for one in roots])
    defined, measured = pairs(descriptor, rows)
    apart = ~np.eye(len(rows), dtype=bool)
    ratio = measured[apart] ** 2 / squares[apart]
    assert abs(ratio.mean() - 1) < 0.03
    assert ratio.std() < 0.06
    assert (squares <= 7936 * defined * (1 + 1e-9)).all()


def test_size_does_not_count_for_centrist() -> None:
    pixels = np.asarray(drawn(1))
    twice = np.tile(pixels, (2, 1, 1))
    found = np.stack([Centrist().describe(one) for one in (pixels, twice)])
    assert Centrist().distances(found[0], found)[1] < 0.05


def test_stripes_answer_to_the_filters_of_their_wave() -> None:
    wave = np.sin(np.arange(128) * 2 * np.pi * 0.2)  # cycles a pixel: the second scale
    across = np.broadcast_to(
        np.rint(127 + 100 * wave).astype(np.uint8)[:, np.newaxis, np.newaxis], (128, 128, 3)
    )
    upright = Gabor().describe(np.ascontiguousarray(across.transpose(1, 0, 2)))
    lying = Gabor().describe(np.ascontiguousarray(across))
    for numbers, direction in ((upright, 0), (lying, DIRECTIONS // 2)):
        means = numbers.reshape(SCALES, DIRECTIONS, 2)[..., 0]
        assert divmod(int(means.argmax()), DIRECTIONS) == (1, direction)


def test_texture_of_tamura() -> None:
    fine, coarse = (
        np.kron(np.indices((128 // side, 128 // side)).sum(axis=0) % 2, np.ones((side, side)))
        for side in (2, 16)
    )
    numbers = [
        Tamura().describe(np.repeat((100 + height * board).astype(np.uint8)[..., np.newaxis], 3, axis=2))
        for board, height in ((fine, 100), (coarse, 100), (coarse, 40))
    ]
    assert numbers[0][0] < numbers[1][0]  # coarseness
    assert numbers[2][1] == pytest.approx(0.4 * numbers[1][1], rel=1e-4)  # contrast
    assert numbers[1][1] == pytest.approx(50, rel=1e-4)
    ramp = np.broadcast_to((np.arange(128) * 2).astype(np.uint8)[:, np.newaxis], (128, 128))
    lying = Tamura().describe(np.repeat(ramp[..., np.newaxis], 3, axis=2))[2:]
    assert lying.tolist() == [0.0] * 16  # Prewitt's gradient is below the threshold
    steep = np.broadcast_to((np.arange(128) % 32 * 8).astype(np.uint8)[:, np.newaxis], (128, 128))
    lying = Tamura().describe(np.repeat(steep[..., np.newaxis], 3, axis=2))[2:]
    assert lying.argmax() == 8
    assert lying[8] == pytest.approx(1)
