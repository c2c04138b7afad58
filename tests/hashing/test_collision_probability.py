"""Vectors share keys as often as theory says, at distances from near to far, whatever direction they are apart in."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lookalike.hashing import CrossPolytope, Family, Hyperplane, PStable

TABLES, STANDARD_ERRORS = 4096, 3
D = 16
ANGLES = (5, 15, 30, 60, 90, 135)


def shared(family: Family, pair: npt.NDArray[np.float64]) -> float:
    """Return in what share of its tables both rows of `pair` (2, d) have one key."""
    keys = family.fit(pair.astype(np.float32)).keys(pair.astype(np.float32))
    return float(np.mean(keys[0] == keys[1]))


def check(measured: float, expected: float) -> None:
    error = math.sqrt(expected * (1 - expected) / TABLES)
    assert abs(measured - expected) < STANDARD_ERRORS * error, f"{measured} is not {expected} +- {error}"


def orthonormal(seed: int) -> npt.NDArray[np.float64]:
    turned: npt.NDArray[np.float64] = np.linalg.qr(np.random.default_rng(seed).standard_normal((D, 2)))[0].T
    return turned


@pytest.mark.parametrize("degrees", ANGLES)
@pytest.mark.parametrize("bits", [1, 4, 8])
def test_hyperplane(degrees: int, bits: int) -> None:
    angle, (first, second) = math.radians(degrees), orthonormal(degrees)
    family = Hyperplane(tables=TABLES, bits=bits, seed=20 + bits)
    pair = np.array([first, math.cos(angle) * first + math.sin(angle) * second])
    check(shared(family, pair), family.collision_probability(1 - math.cos(angle)))


@pytest.mark.parametrize("ratio", [0.05, 0.25, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("floors", [1, 3])
@pytest.mark.parametrize("distance", ["euclidean", "l1"])
def test_p_stable(distance: Any, floors: int, ratio: float) -> None:
    apart = np.random.default_rng(floors).standard_normal(D)
    apart *= 3 * ratio / np.linalg.norm(apart, ord=1 if distance == "l1" else 2)
    family = PStable(tables=TABLES, floors=floors, bucket_size=3.0, distance=distance, seed=40 + floors)
    check(shared(family, np.array([np.zeros(D), apart])), family.collision_probability(3 * ratio))


@pytest.mark.parametrize(
    "degrees", [5, 15, 30, 45, 60, 90]
)  # beyond, too few keys are shared for standard errors
@pytest.mark.parametrize("bits", [3, 5])
def test_cross_polytope(degrees: int, bits: int) -> None:
    """Its pseudo-random rotations are like Gaussian matrices for vectors that are spread over many coordinates."""
    angle = math.radians(degrees)
    first, second = np.linalg.qr(np.random.default_rng(degrees).standard_normal((512, 2)))[0].T
    family = CrossPolytope(tables=TABLES, bits=bits, seed=60 + bits)
    pair = np.array([first, math.cos(angle) * first + math.sin(angle) * second])
    measured = shared(family, pair)
    expected = family.collision_probability(1 - math.cos(angle))
    assert expected is not None
    check(measured, expected)
