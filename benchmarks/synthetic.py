"""Vectors of any number, made from a seed, that are clustered as real ones are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

BLOCK = 8192
"""Rows made at a time; each block has a seed of its own, so that any part can be made alone."""
CENTRES = 2000
INTRINSIC = 24
"""Dimensions of the subspace on which the rows lie, but for a little noise."""


def blocks(rows: int, dimension: int, *, seed: int = 0, kind: int = 0) -> Iterator[npt.NDArray[np.float32]]:
    """Yield float32 (up to 8192, dimension), `rows` in all: points about centres on a subspace of 24 dimensions.

    Centres are drawn by a power law, so that some clusters hold many times the rows of others.

    Args:
        kind: another number gives other rows of the same distribution, such as queries.
    """
    random = np.random.default_rng((seed, dimension))
    intrinsic = min(INTRINSIC, dimension)
    centres = 2 * random.standard_normal((CENTRES, intrinsic), dtype=np.float32)
    weights = 1 / np.arange(1, len(centres) + 1) ** 0.7
    spread = random.uniform(0.4, 1.2, len(centres)).astype(np.float32)
    basis = random.standard_normal((intrinsic, dimension), dtype=np.float32) / np.float32(intrinsic**0.5)
    for number, start in enumerate(range(0, rows, BLOCK)):
        random = np.random.default_rng((seed, dimension, kind, number))
        count = min(BLOCK, rows - start)
        which = random.choice(len(centres), count, p=weights / weights.sum())
        points = random.standard_normal((count, intrinsic), dtype=np.float32)
        points = centres[which] + points * spread[which, np.newaxis]
        noise = random.standard_normal((count, dimension), dtype=np.float32)
        yield points @ basis + np.float32(0.1) * noise


def vectors(rows: int, dimension: int, *, seed: int = 0, kind: int = 0) -> npt.NDArray[np.float32]:
    """Return what `blocks` yields as one array (rows, dimension)."""
    return np.concatenate(list(blocks(rows, dimension, seed=seed, kind=kind)))
