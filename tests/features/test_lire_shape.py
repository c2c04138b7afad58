"""Descriptors of shape and texture are LIRE's, number by number, and so are its distances where these are right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from tests.features import lire

from lookalike.arrays import Array, Float64
from lookalike.features.descriptors.base import Descriptor
from lookalike.features.descriptors.centrist import Centrist, SpatialPyramidCentrist
from lookalike.features.descriptors.distances import mean_l1, weighted_l1
from lookalike.features.descriptors.edge_histogram import LEVELS, EdgeHistogram
from lookalike.features.descriptors.local_binary_patterns import (
    LocalBinaryPatterns,
    RotationInvariantLocalBinaryPatterns,
    SpatialPyramidLocalBinaryPatterns,
)
from lookalike.features.descriptors.phog import Phog

PYRAMID = "centrist.SpatialPyramidCentrist"
SAME: dict[str, type[Descriptor]] = {
    "LocalBinaryPatterns": LocalBinaryPatterns,
    "RotationInvariantLocalBinaryPatterns": RotationInvariantLocalBinaryPatterns,
    "spatialpyramid.SPLBP": SpatialPyramidLocalBinaryPatterns,
    "EdgeHistogram": EdgeHistogram,
    "PHOG": Phog,
    "centrist.SimpleCentrist": Centrist,
    PYRAMID: SpatialPyramidCentrist,
}


def edge_histogram_of_lire(query: Array, rows: Array) -> Float64:
    """Return LIRE's distance, with its weights on the five bins of the top left part."""
    types = np.tile(np.arange(5), 16)
    shares = weighted_l1(LEVELS[types, query], LEVELS[types, rows], 1e-6)
    return shares + weighted_l1(query, rows, np.where(np.arange(80) < 5, 5.0, 1.0))


OTHERWISE: dict[str, Callable[[Array, Array], Float64]] = {
    "EdgeHistogram": edge_histogram_of_lire,
    "centrist.SimpleCentrist": mean_l1,  # of counts
}
"""Distances of LIRE that are not followed."""


@lire.needed
@pytest.mark.parametrize("name", SAME)
def test_numbers_are_those_of_lire(name: str) -> None:
    rows = lire.described(SAME[name]()).astype(np.float64)
    expected = lire.descriptors(name)
    if name == PYRAMID:
        rows, tolerance = rows / rows.max(axis=1, keepdims=True), 1e-11  # twelve digits were kept
    else:
        tolerance = 1 if name == "PHOG" else 0
    differing = np.flatnonzero((np.abs(rows - expected) > tolerance).any(axis=1))
    assert [lire.names()[row] for row in differing] == []


@lire.needed
def test_phog_differs_from_lire_by_the_largest_bins_alone() -> None:
    rows, expected = lire.described(Phog()), lire.descriptors("PHOG")
    off = rows != expected
    assert off.mean() < 0.005
    assert set(rows[off].tolist()) == {15}


@lire.needed
@pytest.mark.parametrize("name", SAME)
def test_distances_are_those_of_lire(name: str) -> None:
    descriptor = SAME[name]()
    of = OTHERWISE.get(name, descriptor.distances)
    rows = lire.descriptors(name)
    rows = rows.astype(np.int64) if name != PYRAMID else rows
    found = np.stack([of(row, rows) for row in rows])
    np.testing.assert_allclose(found, lire.distances(name), rtol=1e-9, atol=1e-12)
