"""Sketches estimate squared distances without bias and within their bound."""

from typing import Any

import numpy as np
import pytest

from lookalike.hashing.sketch import Sketcher
from lookalike.kernels import reference


def estimates(sketcher: Any, rows: Any, centre_of: Any, queries: Any) -> Any:
    codes, factors = sketcher.encode(rows, centre_of)
    planes, scales = sketcher.prepare(queries)
    squares = (
        np.square(queries[:, np.newaxis] - sketcher.centres).sum(axis=2, dtype=np.float64).astype(np.float32)
    )
    offsets = np.arange(len(queries) + 1) * len(rows)
    numbers = np.tile(np.arange(len(rows)), len(queries))
    found = reference.sketch_estimates(offsets, numbers, codes, factors, centre_of, squares, planes, scales)
    estimated, variances = (part.reshape(len(queries), len(rows)).astype(np.float64) for part in found)
    return estimated, np.sqrt(variances)


@pytest.mark.parametrize("dimension", [5, 64, 70])
def test_unbiased_and_bounded(dimension: Any) -> None:
    random = np.random.default_rng(dimension)
    centres = 3 * random.standard_normal((4, dimension)).astype(np.float32)
    centre_of = random.integers(0, 4, 12).astype(np.int32)
    rows = centres[centre_of] + random.standard_normal((12, dimension)).astype(np.float32)
    queries = 2 * random.standard_normal((6, dimension)).astype(np.float32)
    truth = np.square(queries[:, np.newaxis].astype(np.float64) - rows).sum(axis=2)
    drawn = []
    for seed in range(40):
        sketcher = Sketcher.drawn(centres, rows.mean(axis=0), seed)
        found, errors = estimates(sketcher, rows, centre_of, queries)
        drawn.append((found - truth) / errors)
    scores = np.array(drawn)
    # Of one pair, over rotations: no bias; over all, as spread as stated and seldom far out.
    assert np.abs(scores.mean(axis=0)).max() < 4.5 / np.sqrt(40)
    assert abs(scores.mean()) < 0.08
    assert 0.8 < scores.std() < 1.1
    assert np.mean(np.abs(scores) > 1.9) < 0.1
    assert np.mean(np.abs(scores) > 4) < 0.002


def test_a_row_on_its_centre_is_exact() -> None:
    centre = np.arange(8, dtype=np.float32)[np.newaxis]
    sketcher = Sketcher.drawn(centre, np.zeros(8, dtype=np.float32), 0)
    queries = np.ones((2, 8), dtype=np.float32)
    found, errors = estimates(sketcher, centre, np.zeros(1, dtype=np.int32), queries)
    assert np.allclose(found, np.square(queries - centre).sum(axis=1)[:, np.newaxis])
    assert not errors.any()


def test_restored_sketcher_is_the_same() -> None:
    rows = np.random.default_rng(0).standard_normal((5, 9)).astype(np.float32)
    zeros = np.zeros(5, dtype=np.int32)
    sketcher = Sketcher.drawn(rows[:1], rows.mean(axis=0), 3)
    again = Sketcher.restored(sketcher.arrays())
    codes, factors = sketcher.encode(rows, zeros)
    again_codes, again_factors = again.encode(rows, zeros)
    assert np.array_equal(codes, again_codes)
    assert np.array_equal(factors, again_factors)
