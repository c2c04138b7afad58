"""Buckets of a hash family that the user chose: its candidates, ordered by sketches, compared exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, cast

import numpy as np

from lookalike.arguments import as_count
from lookalike.arrays import Float32, Int64
from lookalike.buckets import BucketStats, Candidates, Header, Marks, MemoryBuckets
from lookalike.errors import IndexFormatError, OptionError
from lookalike.hashing import Family, family_from_parts
from lookalike.index.approximate import Answer, ApproximateSearch, Array, Estimates, RowMask
from lookalike.index.drawn_queries import drawn_queries
from lookalike.index.exact_rows import ExactRows
from lookalike.index.lsh.lift import Lift
from lookalike.index.lsh.probing import Probing
from lookalike.index.lsh.tuning import RERANKED, RERANKED_SHARE, SAMPLED_QUERIES, measured
from lookalike.index.reports import RecallMeasurement, TableExplanation
from lookalike.index.scan import scan
from lookalike.index.sketches.sketched_rows import SketchedRows


@dataclass(frozen=True, eq=False)
class LshSearch(ApproximateSearch):
    """The buckets of a family, whose ids are positions of rows, and sketches of the rows about their mean."""

    kind = "hashed"

    probing: Probing
    """Over buckets in memory."""
    sketched: SketchedRows | ExactRows
    """In one group about the mean."""
    fitted: int
    """The rows that the functions were fitted to."""
    changed: int = 0
    """Rows that came or went since the recall was measured."""

    @property
    def family(self) -> Family:
        """The functions."""
        return self.probing.family

    def search(
        self,
        queries: Float32,
        k: int,
        recall: float,
        visible: RowMask | None,
        max_distance: float,
        threads: int,
        estimates: Estimates | None = None,
    ) -> Answer | None:
        """See `ApproximateSearch`; nothing is estimated."""
        share = 1.0 if visible is None else visible.share
        allow = None if visible is None else np.flatnonzero(visible.rows)
        return self.probing.search(self, queries, k, recall, share, allow, threads)

    def candidates(self, queries: Float32, probes: int, k: int, allow: Int64 | None) -> Candidates | Marks:
        """See `Compared`; ids are positions. They are marked where store and sketches know how, which is quicker."""
        keys, limit, store = self.probing.keys(queries, probes), self.probing.limit(k), self.probing.store
        if isinstance(store, MemoryBuckets) and isinstance(self.sketched, SketchedRows):
            marks = store.marks(keys, limit=limit, allow=allow)
            if marks is not None and marks.size <= len(self.sketched):
                return marks
        found = store.candidates(keys, limit=limit, allow=allow)
        if len(found.ids) and (found.ids.min() < 0 or found.ids.max() >= len(self.sketched)):
            raise IndexFormatError("buckets name rows that are not there; verify the index, and rebuild it")
        return found

    def answered(self, queries: Float32, found: Candidates | Marks, k: int, threads: int = 1) -> Answer:
        """See `Compared`."""
        rerank = max(RERANKED, RERANKED_SHARE * k)
        if isinstance(found, Marks) and isinstance(self.sketched, SketchedRows):
            return self.sketched.nearest_marked(queries, found.words, k, rerank, threads=threads)
        found = cast(Candidates, found)
        return self.sketched.nearest(queries, found.offsets, found.ids, k, rerank, threads=threads)

    def scanned(self, queries: Float32, k: int, allow: Int64 | None) -> Answer:
        """See `Compared`."""
        rows = self.sketched
        return scan(queries, rows.vectors, rows.ids, k, rows.metric, allow)

    def tuned(self, seed: int, threads: int) -> Self:
        """See `ApproximateSearch`. Queries are rows of the index; each leaves itself out."""
        drawn = drawn_queries(self.sketched.vectors, SAMPLED_QUERIES, np.random.default_rng(seed))
        probing = replace(self.probing, measured=measured(self, drawn, threads))
        return replace(self, probing=probing, changed=0)

    def measurement(self, k: int, recall: float) -> RecallMeasurement | None:
        """See `ApproximateSearch`."""
        return self.probing.measurement(k, recall)

    def measurements(self) -> tuple[RecallMeasurement, ...]:
        """See `ApproximateSearch`."""
        return self.probing.measured

    def tables(
        self, query: Float32, row: int, vector: Float32, k: int, recall: float
    ) -> tuple[TableExplanation, ...]:
        """See `ApproximateSearch`."""
        return self.probing.tables(query, vector, k, recall)

    def buckets(self) -> tuple[str, Mapping[str, Any], BucketStats]:
        """See `ApproximateSearch`."""
        return self.family.name, self.family.parameters(), self.probing.store.stats()

    def parts(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """See `ApproximateSearch`."""
        arrays: dict[str, Array] = {f"family.{name}": array for name, array in self.family.arrays().items()}
        if isinstance(self.probing.store, MemoryBuckets):  # others keep what they have
            arrays |= {f"buckets.{name}": array for name, array in self.probing.store.arrays().items()}
        properties = {
            "family": self.family.name,
            "parameters": self.family.parameters(),
            "fitted": self.fitted,
            "changed": self.changed,
        }
        return properties | self.probing.properties(), arrays

    @classmethod
    def restored(
        cls,
        sketched: SketchedRows | ExactRows,
        properties: Mapping[str, Any],
        arrays: Mapping[str, Array],
        *,
        verify: bool,
    ) -> Self:
        """Return what `parts` was taken of; with `verify`, which rows are in the buckets is checked too.

        Raises:
            OptionError, BucketStoreError, KeyError, TypeError, ValueError: parts that do not fit together.
        """
        family = family_from_parts(properties["family"], properties["parameters"], _under("family.", arrays))
        kept = _under("buckets.", arrays)
        store = MemoryBuckets.restored(header_of(family), kept)
        rows, dimension = sketched.vectors.shape
        if store.stats().ids != rows:
            raise OptionError("a family's buckets and the rows do not fit together")
        probing = Probing(family, store, Lift(sketched.metric, 0.0), rows)
        for table in range(family.tables) if verify else ():
            if not np.array_equal(np.sort(kept[f"members_{table}"]), np.arange(rows)):
                raise OptionError(f"the buckets of table {table} do not hold each row once")
        fitted = as_count(
            properties.get("fitted", rows), "fitted", least=0
        )  # which earlier versions did not tell
        changed = as_count(properties.get("changed", 0), "changed", least=0)
        return cls(probing.with_properties(properties, dimension), sketched, fitted, changed)


def header_of(family: Family) -> Header:
    """Return the header of buckets that are saved with their index, and so are always of its state."""
    return Header(stamp=0, tables=family.table_uuids(), properties={})


def _under(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
