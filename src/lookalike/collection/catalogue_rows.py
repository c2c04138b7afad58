"""One feature of a catalogue, as an index reads it that keeps no vectors of its own."""

from __future__ import annotations

from dataclasses import dataclass

from lookalike.arrays import Int64, Rows
from lookalike.catalogue import Catalogue
from lookalike.catalogue.records import Metadata


@dataclass(frozen=True, slots=True)
class CatalogueRows:
    """A `VectorReader` of one feature; of one state where `catalogue` is a snapshot."""

    catalogue: Catalogue
    feature: str
    count: int | None = None
    """Number of vectors, where that is known."""

    def __call__(self, ids: Int64) -> tuple[Int64, Rows]:
        """See `VectorReader`."""
        return self.catalogue.vectors(self.feature, ids)

    def ids(self) -> Int64:
        """See `VectorReader`."""
        return self.catalogue.numbers_with([self.feature])

    def __len__(self) -> int:
        """See `VectorReader`."""
        return self.catalogue.count(self.feature) if self.count is None else self.count

    def metadata(self, ids: Int64) -> list[Metadata]:
        """Return the metadata of each of the sources `ids`. Raises UnknownIdError."""
        rows = self.catalogue.hit_rows(ids.tolist())
        return [rows[number].metadata for number in ids.tolist()]

    def stamp(self) -> int:
        """Return the stamp of the catalogue's state."""
        return self.catalogue.stamp()

    def generation_of(self, stamp: int) -> int | None:
        """Return the generation of the state `stamp`; None where it is not this one's or an earlier one."""
        return self.catalogue.generation_of(stamp)
