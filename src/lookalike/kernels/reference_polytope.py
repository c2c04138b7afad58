"""Nearest vertices of cross-polytopes and the keys that they make, in NumPy: the definitions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]


def nearest_vertices(coordinates: Float32, count: int) -> tuple[Int64, Float32]:
    """Return the `count` vertices nearest to each point (..., n), or all 2n, nearest first, and their costs.

    Vertex 2i is the i-th axis, 2i + 1 its negative. The cost is the squared difference between the largest coordinate
    and the vertex's; of equal ones the lower vertex is first.
    """
    along = np.stack((coordinates, -coordinates), axis=-1).reshape(*coordinates.shape[:-1], -1)
    costs = np.square(along.max(axis=-1, keepdims=True) - along)
    best = np.argsort(costs, axis=-1, kind="stable")[..., :count]
    return best, np.take_along_axis(costs, best, axis=-1)


def probed_keys(turned: Float32, looked: Int64, shifts: Int64, keys: UInt64) -> None:
    """Fill `keys` (n, tables, probes) with the keys of least cost, the sum over their functions, cheapest first.

    Args:
        turned: (n, tables * f, D), the coordinates of each vector for each function; f functions make a key.
        looked: (f,), the coordinates that each function of a key looks at: the first ones, a power of two.
        shifts: (f,), where each function's vertex stands in the key.
    """
    count = keys.shape[2]
    points = turned.reshape(*keys.shape[:2], len(looked), -1)
    for row, table in np.ndindex(*keys.shape[:2]):
        own, costs = np.zeros(1, dtype=np.uint64), np.zeros(1, dtype=np.float32)
        for function, axes in enumerate(looked.tolist()):
            vertices, more = nearest_vertices(points[row, table, function, :axes], count)
            sums = (costs[:, np.newaxis] + more).reshape(-1)
            best = np.argsort(sums, kind="stable")[:count]
            moved = vertices.astype(np.uint64) << np.uint64(shifts[function])
            own = (own[:, np.newaxis] | moved).reshape(-1)[best]
            costs = sums[best]
        keys[row, table] = own
