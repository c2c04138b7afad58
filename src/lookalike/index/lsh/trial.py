"""What a family's buckets would find, told by a few queries, their true neighbours and a sample of the rows.

A family is tried with `most` tables, more than it may be given. In how many of them a pair meets within so many probes
tells, without bias, the chance that it meets in any `tables` of them: 1 - C(most - met, tables) / C(most, tables).
Pairs of queries and neighbours give the recall, pairs of queries and sampled rows the candidates; so one family
that is tried tells of any smaller number of tables, and of any number of probes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lookalike.arrays import Float64, Int64
from lookalike.hashing import Family
from lookalike.index.lsh.neighbours import Pairs, drawn_rows
from lookalike.index.lsh.tuning import GROWTH

MOST_PROBES = 256
CANDIDATE_QUERIES, CANDIDATE_ROWS = 64, 4_096
"""So many of the queries, and of the sample, are asked for candidates."""
COMPARED_KEYS = 1 << 24
"""Keys of neighbours are compared with probes a few queries at a time, so that there are about so many pairs."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What tables of one kind of key find."""

    probes: tuple[int, ...]
    """(p,), ascending, by a share each."""
    recall: Float64
    """(p, most + 1): of neighbours, by probes and tables."""
    error: Float64
    """(p, most + 1), its standard error."""
    candidates: Float64
    """(p, most + 1): rows a query, each counted once."""
    entries: Float64
    """(p,): rows a query and table."""


def probe_counts(most: int) -> tuple[int, ...]:
    """Return numbers of probes from 1 to `most`, each larger than the last by the share that is measured by."""
    counts, probes = [], 1
    while probes <= most:
        counts.append(probes)
        probes = max(probes + 1, math.ceil(probes * GROWTH))
    return tuple(counts)


def tried(family: Family, pairs: Pairs, most_probes: int) -> Trial:
    """Return what the tables of the fitted `family` find in up to `most_probes` probes each."""
    probes = probe_counts(min(MOST_PROBES, most_probes))
    keys = family.probe_keys(pairs.queries, probes[-1])
    probes = tuple(count for count in probes if count <= keys.shape[2])
    meets = _any_of(family.tables)
    near = _neighbours_met(keys, family.keys(pairs.neighbours), probes)  # (p, q, k)
    shares = meets[near].mean(axis=2)  # (p, q, tables + 1)
    asked = keys[drawn_rows(pairs.queries, CANDIDATE_QUERIES)]
    rows = pairs.sample[drawn_rows(pairs.sample, CANDIDATE_ROWS)]
    met = _sample_met(asked, family.keys(rows), probes)  # (p, tables + 1)
    return Trial(
        probes,
        shares.mean(axis=1),
        shares.std(axis=1) / math.sqrt(shares.shape[1]),
        pairs.rows * (met @ meets),
        pairs.rows * (met @ np.arange(family.tables + 1)) / family.tables,
    )


def _any_of(most: int) -> Float64:
    """Return the chance to be among some tables, by the number among `most` and their number, (most + 1, most + 1)."""
    met, tables = np.ogrid[: most + 1, : most + 1]
    choose = np.array([[math.comb(n, m) for m in range(most + 1)] for n in range(most + 1)], dtype=np.float64)
    chances: Float64 = 1 - choose[most - met, tables] / choose[most, tables]
    return chances


def _neighbours_met(keys: Int64, own: Int64, probes: tuple[int, ...]) -> Int64:
    """Return in how many tables each neighbour is in one of the first probes, (p, q, k)."""
    queries, tables, most = keys.shape
    own = own.reshape(queries, -1, tables)
    met = np.empty((len(probes), queries, own.shape[1]), dtype=np.int64)
    step = max(1, COMPARED_KEYS // max(1, own[0].size * most))
    for start in range(0, queries, step):
        part = slice(start, start + step)
        same = own[part, :, :, np.newaxis] == keys[part, np.newaxis]
        first = np.where(same.any(axis=3), same.argmax(axis=3), most)
        for place, count in enumerate(probes):
            met[place, part] = (first < count).sum(axis=2)
    return met


def _sample_met(keys: Int64, own: Int64, probes: tuple[int, ...]) -> Float64:
    """Return the shares of pairs that meet in 0, 1, ... of the tables within so many probes, (p, tables + 1)."""
    queries, tables, most = keys.shape
    met = np.zeros((len(probes), queries, len(own)), dtype=np.uint8)
    for table in range(tables):
        order = np.argsort(own[:, table], kind="stable")
        ordered = own[order, table]
        first = np.full((queries, len(own)), most, dtype=np.int16)
        starts = np.searchsorted(ordered, keys[:, table], side="left")
        ends = np.searchsorted(ordered, keys[:, table], side="right")
        query, rank = np.nonzero(ends > starts)
        lengths = (ends - starts)[query, rank]
        before = np.cumsum(lengths) - lengths
        rows = order[np.arange(lengths.sum()) + np.repeat(starts[query, rank] - before, lengths)]
        # The first of several probes that meet a row is put in last, and stays.
        first[np.repeat(query, lengths)[::-1], rows[::-1]] = np.repeat(rank, lengths)[::-1]
        for place, count in enumerate(probes):
            met[place] += first < count
    return np.stack([np.bincount(each.ravel(), minlength=tables + 1) for each in met]) / max(1, met[0].size)
