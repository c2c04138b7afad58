"""What a bucket store's header tells of the family in its buckets, so that any process can open them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from lookalike.arrays import Int64, Rows, UInt64
from lookalike.buckets import BucketStore, Header
from lookalike.errors import BucketStoreError, LookalikeError
from lookalike.hashing import family_from_json
from lookalike.index.lsh.lift import Lift
from lookalike.index.lsh.probing import Probing
from lookalike.index.options import Options
from lookalike.index.snapshot import Snapshot, block_rows

FORMAT = 1
"""Of the properties."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredBuckets:
    """The options of an index, and the buckets of its rows in a store."""

    options: Options
    probing: Probing

    @classmethod
    def of(cls, store: BucketStore, header: Header) -> Self:
        """Return what `header` of `store` tells.

        Raises:
            BucketStoreError: it is of no index, of a newer version's, or damaged.
        """
        told = header.properties
        if "format" not in told or "family" not in told:
            raise BucketStoreError("the namespace holds buckets of something else; choose another namespace")
        if told["format"] != FORMAT:
            raise BucketStoreError(
                f"the buckets are of format {told['format']!r}; this version of Lookalike reads {FORMAT}"
            )
        try:
            options = Options.of(**told["options"])
            family, rows = family_from_json(told["family"]), int(told["rows"])
            probing = Probing(family, store, Lift(options.metric, 0.0), rows)
            probing = probing.with_properties(told, options.dimension)
        except (LookalikeError, KeyError, TypeError, ValueError) as error:
            raise BucketStoreError(
                f"the header of the buckets is damaged ({error}); fill them anew"
            ) from error
        if family.table_uuids() != header.tables:
            raise BucketStoreError("the buckets are of other tables than their family's; fill them anew")
        return cls(options, probing)

    def header(self, stamp: int) -> Header:
        """Return the header of which `of` makes the same again."""
        family = self.probing.family
        properties: dict[str, Any] = {
            "format": FORMAT,
            "options": self.options.to_json(),
            "family": family.to_json(),
            "rows": self.probing.rows,
            **self.probing.properties(),
        }
        return Header(stamp, family.table_uuids(), properties)

    def fill(self, rows: Snapshot, stamp: int) -> None:
        """Fill the store with the live rows of an index. Raises BucketStoreError."""
        self.probing.store.fill(self.header(stamp), self._hashed(rows))

    def keys(self, rows: Rows) -> UInt64:
        """Return the keys of rows (n, d), as they are kept, (n, tables)."""
        return self.probing.family.keys(self.probing.lift.rows(rows))

    def _hashed(self, rows: Snapshot) -> Iterator[tuple[Int64, UInt64]]:
        live, ids = rows.alive.nonzero()[0], rows.row_ids()
        for start in range(0, len(live), step := block_rows(self.options.dimension)):
            block = live[start : start + step]
            yield ids[block], self.keys(rows.gather(block))
