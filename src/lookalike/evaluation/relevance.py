"""What is relevant to which query: sources that share a label, or pairs that somebody judged."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Protocol

import numpy as np

from lookalike.arrays import Float32, Int64
from lookalike.errors import MetadataError

Label = Hashable
"""A value of a metadata field, the name of a folder."""


class Relevance(Protocol):
    """Who may be asked for, and what is relevant then."""

    @property
    def told(self) -> str:
        """What it is, for people, as in "75 labels of articleType"."""
        ...

    @property
    def queries(self) -> Int64:
        """Ascending numbers of the sources for which something is relevant."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about what is left out."""
        ...

    @property
    def is_complete(self) -> bool:
        """Whether what is not told to be relevant is not; else nobody has looked."""
        ...

    def grades(self, query: int) -> tuple[Int64, Float32]:
        """Return what is known for a query: other sources' numbers, ascending, and grades, 0 for not relevant."""
        ...


class Labels:
    """A source is relevant to another one that shares a label with it."""

    is_complete = True

    def __init__(self, name: str, labels: Mapping[int, Sequence[Label]], missing: int) -> None:
        """Take the labels of each source by its number, and how many sources have none.

        Raises:
            MetadataError: no source has a label, no two share one, or all share the same.
        """
        if not labels:
            raise MetadataError(f"no source has a value of {name}; nothing says what looks alike")
        members: dict[Label, list[int]] = {}
        for number in sorted(labels):
            for label in dict.fromkeys(labels[number]):
                members.setdefault(label, []).append(number)
        self._members = {label: np.array(numbers, dtype=np.int64) for label, numbers in members.items()}
        self._labels = labels
        shared = {label for label, numbers in members.items() if len(numbers) > 1}
        if not shared:
            raise MetadataError(
                f"no two sources share a value of {name}; what is to be told apart needs two members at least"
            )
        self.queries = np.array(
            [number for number in sorted(labels) if not shared.isdisjoint(labels[number])], dtype=np.int64
        )
        if not missing and any(len(numbers) == len(labels) for numbers in members.values()):
            raise MetadataError(f"all sources share a value of {name}; there is nothing to tell apart")
        self.told = f"{len(members):,} labels by {name}"
        self.notes = tuple(_left_out(name, missing, len(labels) - len(self.queries)))
        self._kept: tuple[tuple[Label, ...], Int64] = (), np.empty(0, dtype=np.int64)

    def grades(self, query: int) -> tuple[Int64, Float32]:
        """See `Relevance`."""
        labels = tuple(dict.fromkeys(self._labels[query]))
        if self._kept[0] != labels:  # queries of one label often follow one another
            lists = [self._members[label] for label in labels]
            self._kept = labels, lists[0] if len(lists) == 1 else np.unique(np.concatenate(lists))
        numbers = self._kept[1]
        others = np.delete(numbers, np.searchsorted(numbers, query))
        return others, np.ones(len(others), dtype=np.float32)


class Judgements:
    """Grades that somebody gave pairs of a query and a source; pairs without one count as not relevant."""

    is_complete = False

    def __init__(self, name: str, pairs: Mapping[int, Mapping[int, float]]) -> None:
        """Take the grades, by the query's number and the source's.

        Raises:
            MetadataError: no pair has a grade above 0.
        """
        self._pairs = pairs
        useful = sorted(
            query for query, judged in pairs.items() if any(grade > 0 for grade in judged.values())
        )
        if not useful:
            raise MetadataError(f"{name}: no pair has a grade above 0; nothing says what is to be found")
        self.queries = np.array(useful, dtype=np.int64)
        self.told = f"{sum(map(len, pairs.values())):,} judged pairs of {name}"
        without = len(pairs) - len(useful)
        note = _counted(without, "query has", "queries have", "no pair with a grade above 0: left out")
        self.notes = (note,) if without else ()

    def grades(self, query: int) -> tuple[Int64, Float32]:
        """See `Relevance`."""
        judged = sorted(self._pairs[query].items())
        return (
            np.array([number for number, _ in judged], dtype=np.int64),
            np.array([grade for _, grade in judged], dtype=np.float32),
        )


def graded(known: tuple[Int64, Float32], numbers: Int64, unknown: float = 0.0) -> Float32:
    """Return the grade of each of `numbers` (m,) by what is known for a query; `unknown` where that is nothing."""
    judged, grades = known
    if not len(judged):
        return np.full(len(numbers), unknown, dtype=np.float32)
    place = np.minimum(np.searchsorted(judged, numbers), len(judged) - 1)
    found: Float32 = np.where(judged[place] == numbers, grades[place], np.float32(unknown))
    return found


def _left_out(name: str, missing: int, alone: int) -> list[str]:
    notes = []
    if missing:
        notes.append(
            _counted(missing, "source has", "sources have", f"no value of {name}: no queries, never relevant")
        )
    if alone:
        notes.append(
            _counted(alone, "source shares", "sources share", f"no value of {name} with another: no queries")
        )
    return notes


def _counted(count: int, one: str, many: str, rest: str) -> str:
    return f"{count:,} {one if count == 1 else many} {rest}"
