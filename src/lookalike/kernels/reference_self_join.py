"""The self-join of rows by their sketches, in NumPy: what `compiled.self_join` means."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]


def near_pairs(
    words: UInt64,
    limits: Int32,
    offsets: Int64,
    cells: Int32,
    asked: Int64,
    starts: Int64,
    probes: Int32,
    mutual: bool,
) -> tuple[Int64, Int64]:
    """Return the pairs of rows whose sketches differ in no more bits than both rows allow, (p,) and (p,).

    Each row that is asked is compared with the others of its own cell, and with those of the cells that it probes.

    Args:
        words: (w, n), of each row's sketch.
        limits: (n,), bits in which a sketch may differ.
        offsets: (m + 1,): cell i has the rows offsets[i] to offsets[i + 1].
        cells: (n,), of each row.
        asked: (q,), rows.
        starts: (q + 1,): row asked[i] probes the cells probes[starts[i] : starts[i + 1]], not its own.
        probes: cells.
        mutual: whether every row is asked, in order, and each pair is wanted once.
    """
    first: list[int] = []
    second: list[int] = []
    for place, row in enumerate(asked.tolist()):
        own = int(cells[row])
        for cell in (own, *probes[starts[place] : starts[place + 1]].tolist()):
            for other in range(int(offsets[cell]), int(offsets[cell + 1])):
                bits = int(np.bitwise_count(words[:, row] ^ words[:, other]).sum())
                if other == row or bits > min(limits[row], limits[other]):
                    continue
                if (
                    mutual
                    and other < row
                    and (cell == own or own in probes[starts[other] : starts[other + 1]])
                ):
                    continue
                first.append(row)
                second.append(other)
    return np.array(first, dtype=np.int64), np.array(second, dtype=np.int64)
