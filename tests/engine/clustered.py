"""Random rows around thirty centres."""

from __future__ import annotations

from typing import Any

import numpy as np


def rows_of(count: int, seed: int = 1, dimension: int = 10) -> Any:
    """Float32 rows (count, dimension); those of another seed lie around the same centres."""
    random = np.random.default_rng(seed)
    centres = 2 * np.random.default_rng(9).standard_normal((30, dimension))
    return (centres[random.integers(0, 30, count)] + random.standard_normal((count, dimension))).astype(
        np.float32
    )
