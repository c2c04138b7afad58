"""Chooses the parameters of a family that are left out, by trying several on a sample of the rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from lookalike.arrays import DISCRETE, Rows
from lookalike.hashing import Family, FamilySpec
from lookalike.index.lsh.lift import Lift
from lookalike.index.lsh.neighbours import Pairs, near_pairs
from lookalike.index.lsh.trial import tried
from lookalike.index.lsh.usual import ENTRY_BYTES, MOST_TABLES, usual_family
from lookalike.index.lsh.usual_discrete import TABLES
from lookalike.index.options import LARGEST_SHARE

LENGTHS = {
    "hyperplane": ("bits", 63),
    "cross-polytope": ("bits", 63),
    "p-stable": ("floors", 31),
    "clusters": ("clusters", 2**24),
    "min-hash": ("hashes", 32),
    "bit-sampling": ("bits", 63),
}
"""The parameter that makes buckets smaller, and the most of it."""
BUCKET_BYTES = 16
"""What a bucket takes beside its entries: its key, and where it begins."""
HELD_BACK = 0.1
"""The recall that is aimed at lies above the one that is wanted by this share of what that leaves, as in a search."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What a table, a probe and an entry of a probed bucket take, in comparisons of a candidate.

    These are about what `calibration` measures, but for a table, which takes 60 to 500 within a process: candidates are
    dearer wherever buckets or rows are on a server. They are constants, so that the same rows give the same family.
    """

    table: float
    probe: float
    entry: float


VECTORS, DISCRETES = Costs(30.0, 3.0, 0.3), Costs(5.0, 2.0, 1.0)


@dataclass(frozen=True, slots=True)
class Effort:
    """What is tried, as shares of what is usual."""

    lengths: tuple[float, ...]
    widths: tuple[float, ...]
    """Of the slots of p-stable."""
    clusters: tuple[float, ...]
    probes: int
    """The most a table."""
    queries: int
    """Recall differs from query to query by some 0.15, so its mean is known to that over the root of these."""


BUILDING = Effort((0.8, 1.0, 1.25), (1.0,), (1.0,), 64, 256)
"""What a build has time for."""
THOROUGH = Effort((0.65, 0.8, 1.0, 1.2, 1.4), (0.65, 1.0, 1.5), (0.5, 1.0, 2.0), 128, 1_024)


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Parameters of a family, and what they are predicted to give."""

    spec: FamilySpec
    tables: int
    probes: int
    """Buckets a table that a query looks into."""
    recall: float
    """Recall@10, the mean over queries."""
    error: float
    """Its standard error."""
    candidates: float
    """Rows that a query is compared with."""
    share: float
    """The same, as a share of the rows."""
    entries: float
    """Rows that it meets, once for each table."""
    bytes: int
    """What the buckets take in memory."""
    cost: float
    """What a query takes, in comparisons of a candidate: by this the cheapest is chosen."""


def fitted_family(asked: FamilySpec, sample: Rows, lift: Lift, rows: int, recall: float, seed: int) -> Family:
    """Return the family that is asked for, fitted to `sample` (s, d) of `rows` rows, s >= 1, as they are compared.

    What is left out is tuned for `recall`; `lookalike.tune_family` tells more of how.
    """
    hashed, queries = lift.rows(sample), lift.queries(sample)
    usual = usual_family(asked, hashed, queries, rows, recall, seed)
    if len(sample) < 2 or not untold(asked):
        return usual
    pairs = near_pairs(sample, lift, rows, np.random.default_rng(seed), BUILDING.queries)
    tried = list(choices_of(asked, usual, pairs, most_tables(asked, sample), BUILDING))
    pool = confirmed(tried, (recall, (1 + recall) / 2), pairs, BUILDING)
    best = cheapest(pool, recall)
    return usual if best is None else best.spec.family({}).fit(hashed)


def untold(asked: FamilySpec) -> set[str]:
    """Return which of the parameters that a build tunes are left out; clusters are as many as is usual."""
    if asked.name not in LENGTHS or asked.name == "clusters":
        return set()
    width = {"bucket_size"} if asked.name == "p-stable" else set()
    return ({"tables", LENGTHS[asked.name][0]} | width) - asked.parameters.keys()


def most_tables(asked: FamilySpec, sample: Rows) -> int:
    """Return how many tables are tried: no more than the rows themselves take memory, and many for codes and sets."""
    if is_discrete(asked.family({})):
        return TABLES[-1]
    return max(1, min(MOST_TABLES, int(sample.shape[1])))


def is_discrete(family: Family) -> bool:
    """Whether `family` hashes codes or sets."""
    return any(metric in DISCRETE for metric in family.metrics)


def choices_of(asked: FamilySpec, usual: Family, pairs: Pairs, most: int, effort: Effort) -> Iterator[Choice]:
    """Yield what every length, width, number of tables and number of probes that is tried gives.

    Args:
        usual: where to begin.
        most: tables.
    """
    given = asked.parameters.get("tables")
    tables = [given] if given else list(range(1, most + 1))
    for spec in _tried_specs(asked, usual, tables[-1], effort):
        family = spec.family({}).fit(pairs.others)
        counts = tables if asked.name != "clusters" else [family.tables]
        yield from _found(family, pairs, counts, min(effort.probes, pairs.rows // family.tables))


def confirmed(
    tried: Sequence[Choice], recalls: Iterable[float], pairs: Pairs, effort: Effort
) -> list[Choice]:
    """Return what the cheapest for each of `recalls` give with just the functions that their parameters draw.

    `tried` tells what any functions of the kind find on average; a few that are drawn may find more or less, the more
    so where a few words make most of the keys.
    """
    best = (cheapest(tried, recall) for recall in recalls)
    specs = {str(one.spec): one.spec for one in best if one is not None}
    pool: list[Choice] = []
    for spec in specs.values():
        family = spec.family({}).fit(pairs.others)
        pool += _found(family, pairs, [family.tables], min(effort.probes, pairs.rows // family.tables))
    return pool


def _tried_specs(asked: FamilySpec, usual: Family, tables: int, effort: Effort) -> Iterable[FamilySpec]:
    """Return what is tried: all that is told, and for the rest shares of what is usual."""
    longer, longest = LENGTHS[asked.name]
    own: dict[str, Any] = usual.parameters()
    if asked.name == "clusters":
        shares: Sequence[tuple[float, float]] = [(1.0, share) for share in effort.clusters]
    else:
        own["tables"] = tables
        widths = effort.widths if "bucket_size" in untold(asked) else (1.0,)
        # A slot that is wider holds more, and takes more floors for the same.
        shares = [(width, width * length) for width, length in product(widths, effort.lengths)]
    found = {}
    for width, length in shares:
        changed = dict(own)
        if longer not in asked.parameters:
            changed[longer] = max(1, min(longest, round(length * own[longer])))
        if width != 1:
            changed["bucket_size"] = width * own["bucket_size"]
        found[tuple(changed.items())] = FamilySpec(asked.name, changed)
    return found.values()


def _found(family: Family, pairs: Pairs, tables: Iterable[int], most_probes: int) -> Iterator[Choice]:
    """Yield what the fitted `family` gives with so many of its tables."""
    trial, own, rows = tried(family, pairs, most_probes), family.parameters(), pairs.rows
    costs = DISCRETES if is_discrete(family) else VECTORS
    buckets = min(trial.buckets, 2.0 ** own["bits"]) if "bits" in own else trial.buckets
    for count in tables:
        spec = FamilySpec(family.name, own | {"tables": count} if "tables" in own else own)
        for place, probes in enumerate(trial.probes):
            candidates, entries = float(trial.candidates[place, count]), count * float(trial.entries[place])
            yield Choice(
                spec=spec,
                tables=count,
                probes=probes,
                recall=float(trial.recall[place, count]),
                error=float(trial.error[place, count]),
                candidates=candidates,
                share=candidates / rows,
                entries=entries,
                bytes=round(count * (ENTRY_BYTES * rows + BUCKET_BYTES * buckets)),
                cost=candidates + count * (costs.table + costs.probe * probes) + costs.entry * entries,
            )


def cheapest(choices: Iterable[Choice], recall: float) -> Choice | None:
    """Return the choice of the least cost that reaches `recall`, and leaves most rows alone; None where none does."""
    wanted = recall + (1 - recall) * HELD_BACK
    fitting = (one for one in choices if one.recall - one.error >= wanted and one.share <= LARGEST_SHARE)
    return min(fitting, key=lambda one: (one.cost, one.tables), default=None)
