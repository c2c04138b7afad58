"""The self-join over learned buckets: cells and sketches choose pairs, exact distances settle them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from lookalike.arrays import Float32, Int64
from lookalike.index.join.cells import Cells
from lookalike.kernels.reference_self_join import Int32, UInt64

SAMPLED_ROWS = 4096
CANDIDATES_A_ROW, PAIRS_A_ROW = 1000, 100
"""Of a sampled row, no more pairs than this are compared, and say how far rows have to look: a crowd would speak for
all."""
LEAST_PAIRS = 200
"""With fewer pairs of sampled rows, nothing is known of others, and none is missed."""
SPARE = 4
"""Of the pairs that may be missed, all but one in so many are kept for what chance drew, and for the sketches."""
COMPLETE = 0.5
"""Of the distance, the reach that misses no pair."""
PIECE_ROWS = 1 << 16
"""Rows that one call asks for."""
LEAST_ROOM = 1 << 20

Pairs = tuple[Int64, Int64, Float32]
"""Places (p,) and (p,), and exact distances (p,)."""
Compare = Callable[[Int64, Int64], Pairs]
"""Gives those of the pairs of places that are near enough, and their exact distances."""


def pairs_in_cells(
    cells: Cells,
    compare: Compare,
    radius: float,
    recall: float,
    random: np.random.Generator,
    threads: int,
) -> Iterator[Pairs]:
    """Yield the pairs of near rows, each once, in blocks.

    Args:
        compare: leaves the pairs that are within a distance.
        radius: the Euclidean distance that is the same.
        recall: the share of all pairs that is found, as sampled rows tell.
    """
    words, limits = cells.sketches(radius)
    known = words, limits, cells.offsets, cells.labels
    reach = radius * _reach(cells, known, compare, radius, recall, random)
    asked = np.arange(len(cells))
    starts, probes = cells.probes(asked, reach)
    for first, second in _near(known, asked, starts, probes, True, threads):
        yield compare(first, second)


Known = tuple[UInt64, Int32, Int64, Int32]
"""What `near_pairs` takes of all rows."""


def _reach(
    cells: Cells,
    known: Known,
    compare: Compare,
    radius: float,
    recall: float,
    random: np.random.Generator,
) -> float:
    """Return the share of the distance within which rows have to look beyond the planes between cells."""
    if len(cells) <= SAMPLED_ROWS:
        return COMPLETE
    asked = np.sort(random.permutation(len(cells))[:SAMPLED_ROWS])
    starts, probes = cells.probes(asked, radius)
    needed: list[Float32] = []
    for first, second in _near(known, asked, starts, probes, False, 1):
        few = _some_of_each(first, CANDIDATES_A_ROW, random)
        first, second, _ = compare(first[few], second[few])
        few = _some_of_each(first, PAIRS_A_ROW, random)
        needed.append(cells.planes(first[few], second[few]))
    planes = np.sort(np.concatenate(needed)) if needed else np.empty(0, dtype=np.float32)
    if len(planes) < LEAST_PAIRS:
        return COMPLETE
    most = planes[min(len(planes) - 1, math.ceil(len(planes) * (1 - (1 - recall) / SPARE)))]
    return float(np.clip(most / radius, 0, COMPLETE)) if radius else COMPLETE


def _some_of_each(rows: Int64, most: int, random: np.random.Generator) -> Int64:
    """Return places in `rows` (p,), no more than `most` of each row, drawn by chance, by row."""
    mixed = random.permutation(len(rows))
    order = mixed[np.argsort(rows[mixed], kind="stable")]
    ranked = rows[order]
    few: Int64 = order[np.arange(len(order)) - np.searchsorted(ranked, ranked) < most]
    return few


def _near(
    known: Known, asked: Int64, starts: Int64, probes: Int32, mutual: bool, threads: int
) -> Iterator[tuple[Int64, Int64]]:
    """Yield what `near_pairs` finds, in blocks."""
    from lookalike.kernels.compiled.self_join import near_pairs

    room = max(LEAST_ROOM, len(known[1]))
    rooms = [tuple(np.empty(room, dtype=np.int32) for _ in range(2)) for _ in range(threads)]
    waiting = [(start, min(len(asked), start + PIECE_ROWS)) for start in range(0, len(asked), PIECE_ROWS)]

    def run(piece: tuple[int, int], kept: tuple[Int32, Int32]) -> tuple[int, Int64, Int64]:
        begin, found = near_pairs(*known, asked, starts, probes, mutual, *piece, *kept)
        first, second = (part[:found].astype(np.int64) for part in kept)
        return begin, first, second

    with ThreadPoolExecutor(threads) as pool:
        while waiting:
            pieces, waiting = waiting[:threads], waiting[threads:]
            for (_, end), (begin, first, second) in zip(pieces, pool.map(run, pieces, rooms), strict=True):
                if len(first):
                    yield first, second
                if begin < end:
                    waiting.append((begin, end))
