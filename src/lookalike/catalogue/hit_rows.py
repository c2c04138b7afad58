"""What hits tell of their sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any, NamedTuple

from lookalike.catalogue.metadata import decoded
from lookalike.errors import CollectionDamagedError


class HitRow(NamedTuple):
    """What a hit tells of its source: `pixels` is width x height, or 0; `paths` are those of all places, in order."""

    id: str
    pixels: int
    metadata: dict[str, Any]
    is_flat: bool
    """Whether no value of the metadata has values in it."""
    paths: tuple[str, ...]

    def own_metadata(self) -> dict[str, Any]:
        """Return metadata that the caller may change, though other hits of the source are told the same."""
        return dict(self.metadata) if self.is_flat else deepcopy(self.metadata)


class HitRows:
    """What hits tell of their sources, by number; as read, and taken apart when one is looked at first.

    Most hits of a batch are counted and passed on, and looked at one by one.
    """

    def __init__(self, rows: dict[int, tuple[Any, ...]]) -> None:
        """`rows` are of number, id, width, height, metadata as JSON, and paths."""
        self._rows = rows
        self._told: dict[int, HitRow] = {}
        self._paths: dict[int, tuple[str, ...]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, number: int) -> bool:
        return number in self._rows

    def places(self, numbers: Iterable[int]) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Yield each of `numbers` that is a picture, which alone has a width, with its paths.

        Raises CollectionDamagedError.
        """
        for number in numbers:
            row = self._rows[number]
            if row[2]:
                yield number, self._paths_of(number, row)

    def __getitem__(self, number: int) -> HitRow:
        """What is told of a source. Raises CollectionDamagedError."""
        told = self._told.get(number)
        if told is not None:
            return told
        row = self._rows[number]
        _, id_, width, height, metadata, *_ = row
        sizes = width or 0, height or 0
        if not isinstance(id_, str) or not all(isinstance(size, int) for size in sizes):
            raise _damaged(number)
        known = decoded(metadata, f"source {id_!r}")
        is_flat = not any(isinstance(value, list | dict) for value in known.values())
        told = self._told[number] = HitRow(
            id_, sizes[0] * sizes[1], known, is_flat, self._paths_of(number, row)
        )
        return told

    def _paths_of(self, number: int, row: tuple[Any, ...]) -> tuple[str, ...]:
        paths = self._paths.get(number)
        if paths is None:
            paths = self._paths[number] = _paths(row)
        return paths

    def add(self, other: HitRows) -> None:
        """Take in the rows of another."""
        self._rows.update(other._rows)


def _paths(row: tuple[Any, ...]) -> tuple[str, ...]:
    paths = [path for path in row[5:] if path is not None]
    if not all(isinstance(path, str) for path in paths):
        raise _damaged(row[0])
    return tuple(sorted(paths))


def _damaged(number: int) -> CollectionDamagedError:
    return CollectionDamagedError(
        f"the row {number} of the table sources holds a value of the wrong type; run lookalike verify"
    )
