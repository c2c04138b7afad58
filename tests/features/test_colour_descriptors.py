"""Colour descriptors: what they say of simple pictures, and how far embeddings are from what they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.stats import spearmanr

from lookalike.arrays import Array, Float64, UInt8
from lookalike.features.descriptors import distances
from lookalike.features.descriptors.auto_color_correlogram import AutoColorCorrelogram
from lookalike.features.descriptors.base import Descriptor
from lookalike.features.descriptors.cedd import Cedd
from lookalike.features.descriptors.color_layout import ColorLayout
from lookalike.features.descriptors.fcth import Fcth
from lookalike.features.descriptors.fuzzy_color_histogram import FuzzyColorHistogram
from lookalike.features.descriptors.jensen_shannon import level_coordinates
from lookalike.features.descriptors.palette import COLOURS, SURPLUS_PRICE, Palette, assignment_distances
from lookalike.features.descriptors.pixels import hsv_float
from lookalike.features.descriptors.scalable_color import ScalableColor
from lookalike.features.descriptors.sp_cedd import SpCedd


def noise(height: int, width: int, seed: int = 0) -> UInt8:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def flat(*colour: int, side: int = 64) -> UInt8:
    return np.full((side, side, 3), colour, dtype=np.uint8)


def embedded(descriptor: Descriptor, rows: Array) -> Float64:
    """Return what the index measures from the first of some rows to all of them."""
    kept: Array = descriptor.embed(rows)
    apart: Float64
    if descriptor.metric == "hamming":
        apart = np.bitwise_count(kept[0] ^ kept).sum(axis=1, dtype=np.float64)
    elif descriptor.metric == "cosine":
        units = kept / np.sqrt(np.square(kept.astype(np.float64)).sum(axis=1, keepdims=True))
        apart = 1 - units @ units[0]
    else:
        apart = np.sqrt(np.square(kept.astype(np.float64) - kept[0]).sum(axis=1))
    return apart


def sparse_rows(numbers: int, largest: int, seed: int = 0) -> Array:
    """Return rows that differ more and more from the first."""
    random = np.random.default_rng(seed)
    first = random.integers(1, largest + 1, numbers) * (random.random(numbers) < 0.4)
    other = random.integers(1, largest + 1, (60, numbers)) * (random.random((60, numbers)) < 0.4)
    return np.where(random.random((60, numbers)) < np.linspace(0, 1, 60)[:, None], other, first)


def test_correlogram_counts_pairs_of_one_colour() -> None:
    pixels = noise(9, 7) // 128 * 255  # few colours
    found = AutoColorCorrelogram().describe(pixels).reshape(64, 4)
    hue, saturation, value = (channel.astype(int) for channel in hsv_float(pixels))
    colours = hue // 45 * 8 + saturation // 64 * 2 + value // 128
    for colour in np.unique(colours):
        places = np.argwhere(colours == colour)
        apart = np.abs(places[:, None] - places).max(axis=-1)
        expected = [16 * (apart == d).sum() // (len(places) * 8 * d) for d in (1, 2, 3, 4)]
        assert found[colour].tolist() == expected


def test_scalable_color_sees_light_pixels() -> None:
    descriptor = ScalableColor()
    rows = np.stack(
        [descriptor.describe(flat(*colour)) for colour in [(250, 0, 0), (0, 250, 0), (0, 0, 250)]]
    )
    assert (descriptor.distances(rows[0], rows)[1:] > 20).all()
    assert rows[:, 0].tolist() == [15, 15, 15]  # all in one bin


def test_palette_finds_the_colours_and_their_shares() -> None:
    pixels = flat(255, 255, 255, side=100)
    pixels[:, :30] = (255, 0, 0)
    pixels[:20, 30:] = (0, 0, 255)
    table = Palette().describe(pixels).reshape(COLOURS, 4)
    assert table.tolist()[:3] == [[100, 0, 0, 56], [53, 80, 67, 30], [32, 79, -108, 14]]
    assert not table[3:].any()


def test_palettes_are_matched_in_the_best_order() -> None:
    first = np.array([[50, 0, 0, 60], [90, 0, 0, 40], *[[0, 0, 0, 0]] * 3], dtype=np.int8)
    other = np.array([[90, 3, 4, 70], [50, 0, 0, 30], *[[0, 0, 0, 0]] * 3], dtype=np.int8)
    # 40 of the light colour at 5 apart and 30 over, and 30 over of the dark one
    assert assignment_distances(first.ravel(), other.reshape(1, -1))[0] == pytest.approx(
        (40 * 5 + 25 * 60) / 100
    )
    shuffled = first[[3, 1, 4, 0, 2]]
    assert assignment_distances(first.ravel(), shuffled.reshape(1, -1))[0] == 0


def test_assignments_are_optimal() -> None:
    random = np.random.default_rng(2)
    tables = np.concatenate(
        [
            random.integers(-100, 101, (20, COLOURS, 3)),
            random.multinomial(100, [0.2] * COLOURS, 20)[..., None],
        ],
        axis=2,
    )
    first = tables[0].astype(float)
    for other, found in zip(
        tables.astype(float), Palette().distances(tables[0].ravel(), tables.reshape(20, -1)), strict=True
    ):
        shares = first[:, None, 3], other[:, 3]
        apart = np.linalg.norm(first[:, None, :3] - other[:, :3], axis=-1)
        prices = np.minimum(*shares) * apart + SURPLUS_PRICE * np.abs(np.subtract(*shares))
        assert found == pytest.approx(prices[linear_sum_assignment(prices)].sum() / 100)


@pytest.mark.parametrize("seed", range(5))
def test_shares_of_a_palette_add_up(seed: int) -> None:
    table = Palette().describe(noise(30, 20, seed) // (40 + 30 * seed) * (40 + 30 * seed)).reshape(COLOURS, 4)
    assert table[:, 3].sum() == 100
    assert (np.diff(table[:, 3].astype(int)) <= 0).all()


@pytest.mark.parametrize("descriptor", [Cedd(), Fcth()])
def test_tanimoto_from_the_cosine(descriptor: Descriptor) -> None:
    rows = sparse_rows(descriptor.dimension // 2, 7)
    cosine = embedded(descriptor, rows)
    true = descriptor.distances(rows[0], rows)
    np.testing.assert_allclose(200 * cosine / (1 + cosine), true, atol=1.5)
    assert spearmanr(cosine, true).statistic > 0.999


def test_tanimoto_vectors_have_a_direction_even_where_nothing_is_counted() -> None:
    rows = np.zeros((2, 144), dtype=np.uint8)
    rows[1, 3] = 7
    assert np.isfinite(embedded(Cedd(), rows)).all()


@pytest.mark.parametrize(("largest", "coordinates", "least"), [(15, 2, 0.78), (127, 3, 0.79), (255, 3, 0.74)])
def test_coordinates_of_levels(largest: int, coordinates: int, least: float) -> None:
    points = level_coordinates(largest, coordinates).astype(np.float64)
    levels = np.arange(largest + 1)
    true = np.stack([distances.jensen_shannon(levels[[level]], levels[:, None]) for level in levels])
    squares = np.square(points[:, None] - points).sum(axis=-1)
    few, many = np.triu_indices(largest + 1, 1)
    ratio = squares[few, many] / true[few, many]
    assert ratio.min() > least
    assert ratio.max() < 1.001
    assert abs(np.median(ratio) - 1) < 0.06
    assert not points[0].any()


def test_projection_of_a_pyramid() -> None:
    rows = sparse_rows(3024, 7)
    cosine = embedded(SpCedd(), rows)
    true = SpCedd().distances(rows[0], rows)
    assert np.abs(cosine - true / (200 - true)).max() < 0.13  # four times the standard error
    assert spearmanr(cosine, true).statistic > 0.99


def test_exact_embeddings() -> None:
    for descriptor in (ScalableColor(), FuzzyColorHistogram()):
        rows = np.stack([descriptor.describe(noise(20, 20, seed) // (1 + seed % 5)) for seed in range(12)])
        true = descriptor.distances(rows[0], rows)
        factor = 1 if descriptor.metric == "hamming" else np.sqrt(125)
        np.testing.assert_allclose(embedded(descriptor, rows), factor * true, rtol=1e-6)


def _similar_pictures(count: int) -> list[UInt8]:
    """Return pictures of a few areas of colour, of which many have some in common."""
    random = np.random.default_rng(4)
    colours = random.integers(0, 256, (12, 3), dtype=np.uint8)
    pictures: list[UInt8] = []
    for _ in range(count):
        pixels = np.empty((48, 48, 3), dtype=np.uint8)
        pixels[:] = colours[random.integers(12)]
        for _ in range(4):
            y, x = random.integers(0, 40, 2)
            pixels[y : y + random.integers(8, 40), x : x + random.integers(8, 40)] = colours[
                random.integers(12)
            ]
        pictures.append(pixels)
    return pictures


def test_color_layout_between_its_bounds() -> None:
    descriptor = ColorLayout()
    rows = np.stack([descriptor.describe(pixels) for pixels in _similar_pictures(60)])
    ratio = embedded(descriptor, rows)[1:] / descriptor.distances(rows[0], rows)[1:]
    assert ratio.min() > (1 + 2 / 1.35**2) ** -0.5
    assert ratio.max() < 1.35


def test_placed_palettes_rank_as_their_assignments_do() -> None:
    descriptor = Palette()
    rows = np.stack([descriptor.describe(pixels) for pixels in _similar_pictures(60)])
    assert spearmanr(embedded(descriptor, rows), descriptor.distances(rows[0], rows)).statistic > 0.8
