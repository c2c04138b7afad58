"""Proposes a family's parameters for a recall, and predicts what they give."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from lookalike.arguments import as_count, as_share
from lookalike.arrays import DISCRETE, Given, Metric, Rows, as_metric, as_vectors
from lookalike.errors import OptionError, VectorError
from lookalike.hashing import Family, FamilySpec
from lookalike.index.lsh.calibration import Rates, timed_rates
from lookalike.index.lsh.lift import Lift
from lookalike.index.lsh.neighbours import near_pairs
from lookalike.index.lsh.trade_off import TunedFamily, Tuning
from lookalike.index.lsh.tuner import LENGTHS, THOROUGH, Choice, cheapest, choices_of, confirmed, most_tables
from lookalike.index.lsh.usual import sample_rows, usual_family
from lookalike.index.options import LARGEST_SHARE
from lookalike.index.row_forms import prepared

TARGETS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
"""Recalls of the trade-off."""


def tune_family(
    sample: Given,
    family: Family | FamilySpec | str,
    *,
    rows: int | None = None,
    metric: Metric = "euclidean",
    recall: float = 0.9,
    memory: int | None = None,
    seed: int = 0,
) -> Tuning:
    """Propose tables, hashes a table, width and probes of `family` for a recall@10, and predict what they give.

    The family is tried with several lengths of keys and widths of slots on rows of the sample as queries, on their true
    neighbours, and on others. Where the sample is but a part of the rows, its neighbours are moved to where those of
    all rows are expected. How many buckets a search then looks into, an index measures for itself.

        >>> tuning = tune_family(vectors[:10_000], "p-stable", rows=1_000_000, recall=0.9)
        >>> print(tuning)
        >>> index = Index.build(vectors, family=tuning.choice.spec)

    Args:
        sample: (s, d), s >= 2, drawn at random; or codes, or sets. Some ten thousand tell enough; of more, so many
            are drawn.
        family: "hyperplane", "cross-polytope", "p-stable", "clusters"; "min-hash" for sets, "bit-sampling" for codes;
            or a `FamilySpec`, whose parameters are kept.
        rows: of how many rows the sample is; by default it is all.
        metric: by which neighbours are nearest.
        recall: the share of the ten nearest that is to be found.
        memory: the most bytes that the buckets may take. By default tables are no more than the rows' own memory has
            room for.
        seed: of what is drawn.

    Raises:
        OptionError: an option that makes no sense, a family that does not hash such rows, or memory for no table.
        VectorError: the sample is none, or has one row.
    """
    kind, asked = as_metric(metric), FamilySpec.of(family)
    if asked is None or asked.name not in LENGTHS:
        raise OptionError(f"family {family!r} is not tuned; give one of {', '.join(LENGTHS)}")
    asked.check_metric(kind)
    wanted, seed = as_share(recall, "recall"), as_count(seed, "seed", least=0)
    most_bytes = None if memory is None else as_count(memory, "memory", least=1)
    kept = _as_kept(sample, kind)
    count = len(kept) if rows is None else as_count(rows, "rows", least=len(kept))
    random = np.random.default_rng(seed)
    if len(kept) > (enough := sample_rows(asked, count)):
        kept = kept[np.sort(random.choice(len(kept), enough, replace=False))]
    lift = Lift(kind, float(np.linalg.norm(kept, axis=1).max()) if kind == "dot" else 0.0)
    usual = usual_family(asked, lift.rows(kept), lift.queries(kept), count, wanted, seed)
    pairs = near_pairs(kept, lift, count, random, THOROUGH.queries)
    tried = list(choices_of(asked, usual, pairs, most_tables(asked, kept), THOROUGH))
    choices = [one for one in tried if most_bytes is None or one.bytes <= most_bytes]
    if not choices:
        least = min(one.bytes for one in tried)
        raise OptionError(
            f"memory is {most_bytes:,} bytes; the buckets of {count:,} rows take {least:,} at least; give as many"
        )
    pool = confirmed(choices, (wanted, *TARGETS), pairs, THOROUGH) or choices
    best = cheapest(pool, wanted)
    choice = best or max(pool, key=_usable_recall)
    others = (cheapest(pool, target) for target in TARGETS)
    distinct = {choice: None} | {one: None for one in others if one is not None}
    rates = timed_rates(choice.spec.family({}).fit(lift.rows(kept)), kept, lift, choice.probes, seed)
    trade_off = {one: _told(one, rates) for one in sorted(distinct, key=lambda one: (one.recall, one.cost))}
    return Tuning(trade_off[choice], best is not None, wanted, count, tuple(trade_off.values()))


def _as_kept(sample: Given, metric: Metric) -> Rows:
    """Return the sample as rows are compared. Raises VectorError where it has fewer than two rows."""
    vectors = as_vectors(sample, metric=metric, name="sample")
    if len(vectors) < 2:
        raise VectorError(
            f"sample: {len(vectors)} are too few rows; give two or more, to see how far apart they are"
        )
    return vectors if metric in DISCRETE else prepared(vectors, metric)


def _usable_recall(choice: Choice) -> tuple[float, float]:
    """Return what is highest of the best choice where none reaches the recall."""
    return (choice.recall, -choice.cost) if choice.share <= LARGEST_SHARE else (-choice.share, -choice.cost)


def _told(choice: Choice, rates: Rates) -> TunedFamily:
    taken = rates.microseconds(choice.tables, choice.probes, choice.entries, choice.candidates)
    return TunedFamily(
        **{field.name: getattr(choice, field.name) for field in fields(choice)}, microseconds=taken
    )
