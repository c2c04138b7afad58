"""The step of folding that both kinds of buckets take: rows that stay and rows that are added, with their sketches."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Int64
from lookalike.index.io.mapping import release
from lookalike.index.io.sinks import Sinks
from lookalike.index.sketches.encode import READ_BYTES, block_count, encode, repack, runs, slots
from lookalike.index.sketches.sketched_rows import SketchedRows
from lookalike.index.snapshot import Snapshot


def placed_anew(
    state: Snapshot, sketched: SketchedRows, added: Int64, labels: Int64, place: Sinks, threads: int
) -> SketchedRows:
    """Return the rows of `state` that stay and those that are added, group by group, with their sketches.

    Sketches of rows that stay are copied; a run of rows is in memory at a time.

    Args:
        sketched: the rows of the base of `state`.
        added: (m,) rows of `state`, ascending, which are in its tail.
        labels: (m,), the group of each of them.
    """
    centroids, rotation, old = sketched.centroids, sketched.rotation, len(sketched)
    kept = np.flatnonzero(state.alive[:old])
    all_labels = np.concatenate((groups(sketched)[kept], labels.astype(np.int32)))
    order = np.argsort(all_labels, kind="stable")
    rows, all_labels = np.concatenate((kept, added))[order], all_labels[order]
    offsets = np.append(0, np.cumsum(np.bincount(all_labels, minlength=len(centroids))))
    old_slots = slots(sketched.offsets)
    vectors = place.array("vectors", sketched.vectors.dtype, (len(rows), sketched.dimension))
    sketches = place.array("blocks", np.uint8, (block_count(offsets), rotation.block_bytes))
    done = 0
    for first, last, start, stop in runs(offsets, READ_BYTES // (4 * sketched.dimension)):
        here, block = rows[start:stop], state.gather(rows[start:stop])
        vectors.put_run(start, block)
        own = np.clip(offsets[first : last + 1], start, stop) - start
        to, new = slots(own), here >= old
        counts = np.bincount(all_labels[start:stop][new] - first, minlength=last - first)
        new_offsets = np.append(0, np.cumsum(counts))
        part = np.zeros((block_count(own), rotation.block_bytes), dtype=np.uint8)
        repack(sketched.blocks, old_slots[here[~new]], part, to[~new])
        fresh = encode(sketched.metric, rotation, centroids[first:last], new_offsets, block[new], threads)
        repack(fresh, slots(new_offsets), part, to[new])
        sketches.put_run(done, part)
        done += len(part)
        release(sketched.vectors)
        release(sketched.blocks)
    ids = state.row_ids()[rows]
    return SketchedRows(
        sketched.metric, vectors.finish(), ids, rotation, centroids, offsets, sketches.finish()
    )


def groups(sketched: SketchedRows) -> npt.NDArray[np.int32]:
    """Return the group of each row, (n,)."""
    return np.repeat(np.arange(len(sketched.centroids), dtype=np.int32), np.diff(sketched.offsets))
