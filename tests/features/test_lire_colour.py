"""Descriptors of colour are LIRE's, number by number, and so are their distances."""

from __future__ import annotations

import numpy as np
import pytest
from tests.features import lire

from lookalike.features.descriptors.auto_color_correlogram import AutoColorCorrelogram
from lookalike.features.descriptors.base import Descriptor
from lookalike.features.descriptors.cedd import Cedd
from lookalike.features.descriptors.color_histograms import (
    JointHistogram,
    OpponentHistogram,
    SimpleColorHistogram,
)
from lookalike.features.descriptors.color_layout import ColorLayout
from lookalike.features.descriptors.fcth import Fcth
from lookalike.features.descriptors.fuzzy_color_histogram import FuzzyColorHistogram
from lookalike.features.descriptors.jcd import Jcd
from lookalike.features.descriptors.sp_cedd import SpCedd

SAME = [  # with the names of LIRE's descriptor and distance, and how many times LIRE's numbers are kept
    (Cedd, "CEDD", "CEDD", 1),
    (Fcth, "FCTH", "FCTH", 1),
    (Jcd, "JCD", "JCD", 2),
    (SpCedd, "spatialpyramid.SPCEDD", "spatialpyramid.SPCEDD", 1),
    (ColorLayout, "ColorLayout/64", "ColorLayout", 1),
    (AutoColorCorrelogram, "AutoColorCorrelogram", "AutoColorCorrelogram", 1),
    (OpponentHistogram, "OpponentHistogram", "OpponentHistogram", 1),
    (SimpleColorHistogram, "SimpleColorHistogram", "SimpleColorHistogram", 1),
    (JointHistogram, "joint.JointHistogram", "joint.JointHistogram", 1),
    (FuzzyColorHistogram, "FuzzyColorHistogram", "FuzzyColorHistogram", 1),
]


@lire.needed
@pytest.mark.parametrize(("kind", "numbers", "distance", "times"), SAME)
def test_equals_lire(kind: type[Descriptor], numbers: str, distance: str, times: int) -> None:
    descriptor = kind()
    rows = lire.described(descriptor)
    assert rows.dtype == np.uint8
    differing = np.flatnonzero((rows != times * lire.descriptors(numbers)).any(axis=1))
    assert [lire.names()[row] for row in differing] == []
    expected = lire.distances(distance)
    assert np.allclose(lire.apart(descriptor, rows), expected, rtol=1e-6, atol=1e-6 * expected.max())
