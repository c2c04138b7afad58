"""The fuzzy histogram of 24 colours that CEDD and FCTH share.

Chatzichristofis & Boutalis, "CEDD", ICVS 2008, after Konstantinidis, Gasteratos & Andreadis, "Image retrieval based on
fuzzy color histogram processing", Optics Communications 2005. Memberships are trapezia over hue, saturation and value;
a rule is as strong as the least of its three, and rules that lead to one colour add up.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from lookalike.arrays import Float64, Int64, UInt8
from lookalike.features.descriptors.pixels import hsv_truncated

COLOURS = 24
"""White, grey, black, then light, plain and dark red, orange, yellow, green, cyan, blue, magenta."""

_HUES = (
    *((0, 0, 5, 10), (5, 10, 35, 50), (35, 50, 70, 85), (70, 85, 150, 165)),
    *((150, 165, 195, 205), (195, 205, 265, 280), (265, 280, 315, 330), (315, 330, 360, 360)),
)
_SATURATIONS = ((0, 0, 10, 75), (10, 75, 255, 255))
_VALUES = ((0, 0, 10, 75), (10, 75, 180, 220), (180, 220, 255, 255))
_BRIGHTNESSES = ((0, 0, 68, 188), (68, 188, 255, 255))


def fuzzy_colours(pixels: UInt8) -> Float64:
    """Return the weights of the 24 colours for each of n pixels (n, 3): float64 (n, 24), none negative.

    They do not add up to one: a hue between two sets counts for both, each less than fully.
    """
    hue, saturation, value = hsv_truncated(pixels)
    sets, strengths = (table[hue] for table in _hue_sets())
    pale, full = _memberships(_SATURATIONS, 256)[saturation].T
    dark, middle, bright = _memberships(_VALUES, 256)[value].T

    def rules(first: Float64, second: Float64) -> Float64:
        both: Float64 = np.minimum(strengths, np.minimum(first, second)[:, None])
        return both

    white = rules(pale, bright).sum(axis=1)
    grey = rules(pale, middle).sum(axis=1)
    black = (rules(pale, dark) + rules(full, dark)).sum(axis=1)
    coloured = np.zeros((len(hue), len(_HUES) - 1))
    for place, strength in zip(sets.T, (rules(full, middle) + rules(full, bright)).T, strict=True):
        coloured[np.arange(len(hue)), place] += strength
    low_saturation, high_saturation = _memberships(_BRIGHTNESSES, 256)[saturation].T
    low_value, high_value = _memberships(_BRIGHTNESSES, 256)[value].T
    weights = np.empty((len(hue), COLOURS))
    weights[:, 0], weights[:, 1], weights[:, 2] = white, grey, black
    deep = np.minimum(low_saturation, low_value) + np.minimum(high_saturation, low_value)
    for tone, strength in enumerate(
        (np.minimum(low_saturation, high_value), np.minimum(high_saturation, high_value), deep)
    ):
        np.multiply(coloured, strength[:, None], out=weights[:, 3 + tone :: 3])
    return weights


@cache
def _hue_sets() -> tuple[Int64, Float64]:
    """Return the colours of the two sets that each hue may be in, and its memberships, (360, 2) both.

    Red is the first set and the last.
    """
    members = _memberships(_HUES, 360)
    sets = np.argsort(-members, axis=1, kind="stable")[:, :2]
    return sets % (len(_HUES) - 1), np.take_along_axis(members, sets, axis=1)


@cache
def _memberships(trapezia: tuple[tuple[int, int, int, int], ...], size: int) -> Float64:
    """Return the membership of each whole number below `size` in each trapezium: (size, trapezia)."""
    numbers = np.arange(size)
    columns = []
    for left, first, last, right in trapezia:
        rising = (numbers - left) / (first - left) if first > left else np.ones(size)
        falling = (right - numbers) / (right - last) if right > last else np.ones(size)
        inside = (numbers >= left) & (numbers <= right)
        columns.append(np.clip(np.minimum(rising, falling), 0, 1) * inside)
    return np.stack(columns, axis=1)


def nearest_levels(histogram: Float64, levels: Float64) -> UInt8:
    """Return, for each bin's share of the whole, the index of the nearest level, the lower of two as near.

    Args:
        histogram: (textures, colours), not all zero.
        levels: (textures, 8), shares.

    Returns:
        uint8 (textures * colours,), 0 to 7.
    """
    shares = histogram / histogram.sum()
    nearest: UInt8 = np.abs(shares[..., None] - levels[:, None]).argmin(axis=-1).astype(np.uint8)
    return nearest.ravel()
