"""The slots of a plan: what kernels are told of an index's rows, as one array of int64.

One array, because each argument of a call from Python costs a tenth of a microsecond or more. Slots that end in `_AT`
hold addresses; whoever fills them keeps the arrays alive. Numba takes the numbers of the slots for constants.
"""

from __future__ import annotations

GROUPS = 0
"""Groups of rows: the buckets of an inverted file."""
DIMENSION = 1
SIGNS = 2
"""Of a sketch."""
ELEMENT = 3
"""The number of the rows' type among `ELEMENTS`."""
METRIC = 4
"""A number of `reference.METRICS`."""
ROW_BYTES = 5
ROWS_AT = 6
"""(n, d), of the type that they are kept in."""
IDS_AT = 7
"""(n,) int64."""
OFFSETS_AT = 8
"""(groups + 1,) int64: the first row of each group."""
STARTS_AT = 9
"""(groups + 1,) int64: the first block of sketches of each group."""
BLOCKS_AT = 10
"""Sketches and factors, 16 rows a block."""
ROTATION_AT = 11
"""The rotation by columns, as byte blocks."""
MEAN_AT = 12
"""(d,) float32, what the rotation is about."""
CENTROIDS_AT = 13
"""(groups, d) float32."""
CENTROID_BLOCKS_AT = 14
"""Rotated centroids, as byte blocks; an inverted file has them."""

SKETCHED_SLOTS = 14
"""Slots that sketched rows fill; the next one is an inverted file's, and those after it one search's of it."""

PROBES = 15
RERANK = 16
BEYOND = 17
MOST_HIDDEN = 18
VISIBLE_AT = 19
"""(blocks,) uint16, the rows that may be found; 0 where all may be."""
HIDDEN_AT = 20
"""(q,) int64, to be filled; 0 where nothing is counted."""
REACHED_AT = 21
"""(q,) int64, to be filled with the buckets within `BREADTH` of each query's nearest; 0 where nobody asks."""
MOST_REACHED = 22
"""So many buckets are within `BREADTH` at most, where the answer of one query is `GOOD`."""
SEARCH_SLOTS = 8

REACH, MARGIN, MOST_DISTANT, FAR, LEAST_SQUARE, MOST_SQUARE, BREADTH = range(7)
"""The slots of a search's bounds, float64: see `lookalike.kernels.compiled.search`."""
LARGEST_DEPTH = 1 << 20
"""The search of an inverted file compares about so many rows with a query exactly, and not more."""
ELEMENTS = ("uint8", "int8", "float16", "float32")
"""The types of rows that kernels know."""

GOOD, DOUBTFUL = 0, 1
"""What the search of an inverted file says of an answer."""


def is_packed(dimension: int, signs: int) -> bool:
    """Whether a rotation's values have four bits in kernels: where there are fewer signs than dimensions.

    It is rounded by less than its signs are coarse, and no longer larger than a processor's own caches.
    """
    return signs < dimension


KEYS_AT = 0
"""Of a hash table, which has a row of slots of its own: (b,) uint64, ascending, a key a bucket."""
SPANS_AT = 1
"""(b + 1,) int64: the first member of each bucket."""
MEMBERS_AT = 2
"""(n,) int32 or int64, ids."""
BUCKETS = 3
MEMBER_BYTES = 4

TABLE_SLOTS = 5
