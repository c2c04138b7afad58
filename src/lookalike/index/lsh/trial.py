"""What a family's buckets would find, told by a few queries, their true neighbours and a sample of the rows.

A family is tried with `most` tables, more than it may be given. In how many of them a pair meets within so many probes
tells, without bias, the chance that it meets in any `tables` of them: 1 - C(most - met, tables) / C(most, tables).
Pairs of queries and neighbours give the recall, pairs of queries and sampled rows the candidates; so one family
that is tried tells of any smaller number of tables, and of any number of probes.

Where rows are as far as the k-th nearest, any k of them are as good: then the tables are taken in several random
orders, and neighbours are counted that the first `tables` of each order meet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lookalike.arrays import Bool, Float64, Int64, UInt64
from lookalike.hashing import Family
from lookalike.index.lsh.neighbours import Pairs, drawn_rows
from lookalike.index.lsh.tuning import GROWTH

CANDIDATE_QUERIES, CANDIDATE_ROWS = 64, 4_096
"""So many of the queries, and of the sample, are asked for candidates."""
COMPARED_KEYS = 1 << 22
"""Keys of neighbours are compared with so many probes at a time."""
ORDERS = 4
"""Of tables, for neighbours that are tied."""


@dataclass(frozen=True, slots=True)
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
    buckets: float
    """Of a table that holds all rows."""


def probe_counts(most: int) -> tuple[int, ...]:
    """Return numbers of probes from 1 to `most`, each larger than the last by the share that is measured by."""
    counts, probes = [], 1
    while probes <= most:
        counts.append(probes)
        probes = max(probes + 1, math.ceil(probes * GROWTH))
    return tuple(counts)


def tried(family: Family, pairs: Pairs, most_probes: int) -> Trial:
    """Return what the tables of the fitted `family` find in up to `most_probes` probes each."""
    probes = probe_counts(max(1, most_probes))
    keys = family.probe_keys(pairs.queries, probes[-1])
    probes = tuple(count for count in probes if count <= keys.shape[2])
    first = first_meetings(keys, family.keys(pairs.neighbours), pairs.owners)
    shares = np.stack([found_shares(first < count, pairs) for count in probes])  # (p, q, tables + 1)
    own = family.keys(drawn_rows(pairs.others, CANDIDATE_ROWS))
    met = _sample_met(drawn_rows(keys, CANDIDATE_QUERIES), own, probes)  # (p, tables + 1)
    return Trial(
        probes,
        shares.mean(axis=1),
        shares.std(axis=1) / math.sqrt(shares.shape[1]),
        pairs.rows * (met @ any_of(family.tables)),
        pairs.rows * (met @ np.arange(family.tables + 1)) / family.tables,
        bucket_count(own, pairs.rows),
    )


def any_of(most: int) -> Float64:
    """Return the chance to be among some tables, by the number among `most` and their number, (most + 1, most + 1)."""
    choose = np.array([[math.comb(n, m) for m in range(most + 1)] for n in range(most + 1)], dtype=np.float64)
    met, tables = np.ogrid[: most + 1, : most + 1]
    chances: Float64 = 1 - choose[most - met, tables] / choose[most, tables]
    return chances


def found_shares(meets: Bool, pairs: Pairs) -> Float64:
    """Return what share of each query's neighbours any so many tables find, (q, tables + 1).

    Args:
        meets: (m, tables): whether a neighbour is met in a table.
    """
    tables, owners, queries = meets.shape[1], pairs.owners, len(pairs.queries)
    wanted = np.maximum(pairs.wanted, 1)[:, np.newaxis]
    if not pairs.are_tied:
        met = np.bincount(owners * (tables + 1) + meets.sum(axis=1), minlength=queries * (tables + 1))
        found = met.reshape(queries, -1) @ any_of(tables)
    else:
        found = np.zeros((queries, tables + 1))
        random = np.random.default_rng(0)
        for _ in range(ORDERS):
            ordered = meets[:, random.permutation(tables)]
            place = np.where(ordered.any(axis=1), ordered.argmax(axis=1), tables)
            met = np.bincount(owners * (tables + 1) + place, minlength=queries * (tables + 1))
            within = np.cumsum(met.reshape(queries, -1)[:, :-1], axis=1)
            found[:, 1:] += np.minimum(within, wanted) / ORDERS
    shares: Float64 = np.where(pairs.wanted[:, np.newaxis] > 0, found / wanted, 1.0)
    return shares


def first_meetings(keys: UInt64, own: UInt64, owners: Int64) -> Int64:
    """Return which of its query's probes `keys` (q, tables, most) first meets each of `own` (m, tables); or most."""
    most = keys.shape[2]
    first = np.empty(own.shape, dtype=np.int64)
    step = max(1, COMPARED_KEYS // (own.shape[1] * most))
    for start in range(0, len(own), step):
        part = slice(start, start + step)
        same = own[part, :, np.newaxis] == keys[owners[part]]
        first[part] = np.where(same.any(axis=2), same.argmax(axis=2), most)
    return first


def _sample_met(keys: UInt64, own: UInt64, probes: tuple[int, ...]) -> Float64:
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
    counts = np.stack([np.bincount(each.ravel(), minlength=tables + 1) for each in met])
    shares: Float64 = counts / max(1, met[0].size)
    return shares


def bucket_count(own: UInt64, rows: int) -> float:
    """Return how many buckets `rows` rows make in a table.

    With each doubling of the rows the logarithm of their number grows by a share of what the doubling before gave: the
    share by which it grew less over the last doubling of the sample.
    """
    counts = [float(np.mean([len(np.unique(column)) for column in own[::step].T])) for step in (4, 2, 1)]
    before, last = math.log(counts[1] / counts[0]), math.log(counts[2] / counts[1])
    share = min(1.0, last / before) if before > 0 else 0.0
    doublings = math.log2(rows / len(own))
    steps = doublings if share == 1 else share * (1 - share**doublings) / (1 - share)
    buckets: float = min(rows, counts[2] * math.exp(last * steps))
    return buckets
