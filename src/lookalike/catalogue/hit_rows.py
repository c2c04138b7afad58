"""What hits tell of their sources."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from lookalike.catalogue.metadata import decoded
from lookalike.errors import CollectionDamagedError


class HitRow(NamedTuple):
    """What a hit tells of its source: `pixels` is width x height, or 0; `paths` are those of all places, in order."""

    id: str
    pixels: int
    metadata: dict[str, Any]
    paths: tuple[str, ...]


class HitRows:
    """What hits tell of their sources, by number; as read, and taken apart when one is looked at.

    Most hits of a batch are counted and passed on, and looked at one by one.
    """

    def __init__(self, rows: dict[int, tuple[Any, ...]]) -> None:
        """`rows` are of number, id, width, height, metadata as JSON, and paths."""
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, number: int) -> bool:
        return number in self._rows

    def pictures(self, numbers: Iterable[int]) -> list[int]:
        """Return those of `numbers` that are pictures, which alone have a width; none is taken apart for it."""
        return [number for number in numbers if self._rows[number][2]]

    def __getitem__(self, number: int) -> HitRow:
        """What is told of a source. Raises CollectionDamagedError."""
        _, id_, width, height, metadata, *paths = self._rows[number]
        sizes = width or 0, height or 0
        if (
            not isinstance(id_, str)
            or not all(isinstance(size, int) for size in sizes)
            or not all(isinstance(path, str) for path in paths if path is not None)
        ):
            raise CollectionDamagedError(
                f"the row {number} of the table sources holds a value of the wrong type; run lookalike verify"
            )
        placed = tuple(sorted(path for path in paths if path is not None))
        return HitRow(id_, sizes[0] * sizes[1], decoded(metadata, f"source {id_!r}"), placed)

    def add(self, other: HitRows) -> None:
        """Take in the rows of another."""
        self._rows.update(other._rows)
