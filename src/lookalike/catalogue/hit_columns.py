"""What hits tell of their sources."""

from __future__ import annotations

from typing import Any, NamedTuple

from lookalike.catalogue.metadata import decoded


class HitColumns(NamedTuple):
    """What hits tell of their sources, one entry a source in each list: twice as quick to read as whole sources.

    `pixels` is width x height, or 0; `metadata` are JSON text, see `metadata_of`; `paths` are those of all places of
    the source, in order.
    """

    ids: list[str]
    pixels: list[int]
    metadata: list[str]
    paths: list[tuple[str, ...]]

    def metadata_of(self, row: int) -> dict[str, Any]:
        """The metadata of the source `row`. Raises CollectionDamagedError when they are no JSON object."""
        return decoded(self.metadata[row], f"source {self.ids[row]!r}")
