"""Proposes a family's parameters for a recall, from the distances within a sample, and predicts what they give."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.arguments import as_count, as_share
from lookalike.arrays import Float32, Metric, as_metric, as_vectors
from lookalike.errors import OptionError, VectorError
from lookalike.hashing import Family, FamilySpec
from lookalike.index.lsh.defaults import ENTRY_BYTES, MOST_TABLES, fitted_family, sample_rows
from lookalike.index.lsh.lift import Lift
from lookalike.index.lsh.neighbours import Pairs, near_pairs
from lookalike.index.lsh.trial import Trial, tried
from lookalike.index.options import LARGEST_SHARE
from lookalike.index.row_forms import comparable

LENGTHS = {"hyperplane": "bits", "cross-polytope": "bits", "p-stable": "floors"}
"""The parameter that makes buckets smaller."""
LONGER = (0.5, 0.65, 0.8, 1.0, 1.2, 1.4)
"""Lengths that are tried, as shares of the one that is usual."""
PROBE_COST, ENTRY_COST = 3.0, 0.3
"""What a probe, and an entry of a probed bucket, take, in comparisons of a candidate."""
TARGETS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
HELD_BACK = 0.1
"""The recall that is aimed at lies above the one that is wanted by this share of what that leaves, as in a search."""


@dataclass(frozen=True, slots=True)
class TunedFamily:
    """Parameters of a family, and what they are predicted to give."""

    spec: FamilySpec
    """To be given to `Index.build(family=...)` or `Collection.set_index`."""
    tables: int
    probes: int
    """Buckets a table that a query looks into."""
    recall: float
    """Recall@10, the mean over queries."""
    error: float
    """Its standard error."""
    candidates: float
    """Rows that a query is compared with, of all."""
    share: float
    """The same, as a share of the rows."""
    bytes: int
    """What the ids in all tables take, without keys."""
    cost: float
    """What a query takes, in comparisons of a candidate; comparing every row costs as many as there are rows."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What `tune_family` found.

    Attributes:
        choice: the least cost that is predicted to reach the recall; where nothing does, the highest recall.
        reached: whether it does, with less than a quarter of the rows as candidates.
        trade_off: the best choices for other recalls, ascending, as far as they can be reached.
    """

    choice: TunedFamily
    reached: bool
    trade_off: tuple[TunedFamily, ...]

    def __str__(self) -> str:
        """Return the trade-off as a table, a line a choice."""
        lines = [f"{'recall':>6}  {'tables':>6}  {'probes':>6}  {'candidates':>10}  {'of all':>7}  {'MB':>7}  parameters"]
        for each in self.trade_off:
            told = ", ".join(f"{name} {value}" for name, value in each.spec.parameters.items() if name not in ("tables", "seed"))
            mark = " *" if each == self.choice else ""
            lines.append(
                f"{each.recall:>6.3f}  {each.tables:>6}  {each.probes:>6}  {each.candidates:>10,.0f}  {each.share:>7.2%}  "
                f"{each.bytes / 1e6:>7.1f}  {told}{mark}"
            )
        return "\n".join(lines)


def tune_family(
    sample: npt.ArrayLike,
    family: Family | FamilySpec | str,
    *,
    rows: int | None = None,
    metric: Metric = "euclidean",
    recall: float = 0.9,
    memory: int | None = None,
    seed: int = 0,
) -> Tuning:
    """Propose tables, hashes a table, width and probes of `family` for a recall@10.

    The family is tried on the sample with several lengths of keys: on its rows as queries, on their true neighbours,
    and on any rows (`lookalike.index.lsh.trial`). Where the sample is but a part of the rows, its neighbours are moved
    to where those of all rows are expected (`lookalike.index.lsh.neighbours`).

    Args:
        sample: (s, d), s >= 2; some thousands tell enough.
        family: hyperplane, cross-polytope, p-stable or clusters; parameters that it names are kept.
        rows: of how many rows the sample is; by default it is all.
        metric: euclidean, cosine or dot.
        recall: the share of the ten nearest that is to be found, between 0 and 1.
        memory: the most bytes that the ids in all tables may take; by default what the vectors take.
        seed: of what is drawn.

    Raises:
        OptionError: an option that makes no sense, or a family that is not tuned so.
        VectorError: the sample is none.
    """
    kind, asked = as_metric(metric), FamilySpec.of(family)
    if asked is None or asked.name not in (*LENGTHS, "clusters"):
        raise OptionError(f"family is {family!r}; give one of {', '.join((*LENGTHS, 'clusters'))}")
    asked.check_metric(kind)
    wanted, seed = as_share(recall, "recall"), as_count(seed, "seed", least=0)
    vectors = as_vectors(sample, metric=kind, name="sample")
    if len(vectors) < 2:
        raise VectorError(f"the sample has {len(vectors)} rows; give two or more")
    count = len(vectors) if rows is None else as_count(rows, "rows", least=len(vectors))
    fitting = count * 4 * vectors.shape[1] if memory is None else as_count(memory, "memory", least=1)
    most = min(MOST_TABLES, fitting // (ENTRY_BYTES * count))
    if most < 1 or asked.parameters.get("tables", 1) * ENTRY_BYTES * count > max(fitting, ENTRY_BYTES * count):
        raise OptionError(f"memory is {fitting} bytes; a table of {count} rows takes {ENTRY_BYTES * count}; give more")
    random = np.random.default_rng(seed)
    drawn = random.choice(len(vectors), min(len(vectors), sample_rows(asked, count)), replace=False)
    lift = Lift(kind, float(np.linalg.norm(vectors, axis=1).max()) if kind == "dot" else 0.0)
    kept = comparable(vectors[np.sort(drawn)], kind)
    pairs = near_pairs(lift.rows(kept), lift.queries(kept), count, random)
    tried_ones = list(_choices(asked, pairs, lift.queries(kept), wanted, most, seed))
    best = [found for target in TARGETS if (found := _cheapest(tried_ones, target, count))]
    choice = _cheapest(tried_ones, wanted, count)
    shown = choice or max(tried_ones, key=lambda one: one.recall if one.share <= LARGEST_SHARE else -one.share)
    trade_off = sorted({(one.recall, one.cost): one for one in (*best, shown)}.items())
    return Tuning(shown, choice is not None, tuple(one for _, one in trade_off))


def _choices(
    asked: FamilySpec, pairs: Pairs, queries: Float32, recall: float, most: int, seed: int
) -> Iterator[TunedFamily]:
    """Yield what every length, number of tables and number of probes that is tried gives."""
    usual = fitted_family(asked, pairs.sample, queries, pairs.rows, recall, seed)
    if asked.name == "clusters":
        yield from _found(usual, tried(usual, pairs, pairs.rows), pairs.rows, (usual.tables,))
        return
    longer = LENGTHS[asked.name]
    own: dict[str, Any] = usual.parameters()
    longest = 31 if longer == "floors" else 63
    lengths = {max(1, min(longest, round(share * own[longer]))) for share in LONGER}
    given = asked.parameters.get("tables")
    for length in [own[longer]] if longer in asked.parameters else sorted(lengths):
        parameters = own | {longer: length, "tables": given or most}
        family = FamilySpec(asked.name, parameters).family({}).fit(pairs.sample)
        tables = (given,) if given else range(1, most + 1)
        yield from _found(family, tried(family, pairs, max(1, pairs.rows // family.tables)), pairs.rows, tables)


def _found(family: Family, trial: Trial, rows: int, tables: Any) -> Iterator[TunedFamily]:
    own = family.parameters()
    for count in tables:
        parameters = own | {"tables": count} if "tables" in own else own
        spec = FamilySpec(family.name, parameters)
        for place, probes in enumerate(trial.probes):
            candidates = float(trial.candidates[place, count])
            cost = candidates + count * (PROBE_COST * probes + ENTRY_COST * float(trial.entries[place]))
            yield TunedFamily(
                spec,
                count,
                probes,
                float(trial.recall[place, count]),
                float(trial.error[place, count]),
                candidates,
                candidates / rows,
                ENTRY_BYTES * rows * count,
                cost,
            )


def _cheapest(choices: list[TunedFamily], recall: float, rows: int) -> TunedFamily | None:
    """Return the choice of the least cost that reaches `recall`, and leaves most rows alone."""
    wanted = recall + (1 - recall) * HELD_BACK
    fitting = (one for one in choices if one.recall - one.error >= wanted and one.share <= LARGEST_SHARE)
    return min(fitting, key=lambda one: (one.cost, one.tables), default=None)
