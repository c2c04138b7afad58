"""The estimated recall of hits, which takes longer than a search and so waits until it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

import numpy as np

from lookalike.arrays import Float32

LOW_RECALL = 0.5
"""Below it, an estimated recall is told in words: hardly ever of ordinary queries, whose estimates spread, too."""

Estimate = Callable[[], Float32]
"""Returns the recall that is estimated of each answer of a batch, (q,); NaN where it is not known."""


class LateRecalls:
    """The estimated recall of the answers of a batch, estimated for all when one is asked for; safe for threads."""

    __slots__ = ("_estimate", "_known")

    def __init__(self, estimate: Estimate) -> None:
        self._estimate: Estimate | None = estimate
        self._known: Float32 = np.empty(0, dtype=np.float32)

    def of(self, row: int) -> float | None:
        """Return that of one answer; None where it is not known."""
        estimate = self._estimate
        if estimate is not None:  # two threads that estimate at once get the same
            self._known = estimate()
            self._estimate = None  # and what it holds may go
        recall = float(self._known[row])
        return None if np.isnan(recall) else recall


class LateRecall:
    """The estimated recall of one answer."""

    __slots__ = ("_batch", "_row")

    def __init__(self, batch: LateRecalls, row: int) -> None:
        """Of the answer number `row` of a batch."""
        self._batch, self._row = batch, row

    @classmethod
    def known(cls, recall: float | None) -> LateRecall:
        """Return one that is known, or never will be."""
        value = np.array([np.nan if recall is None else recall])
        return cls(LateRecalls(value.copy), 0)

    def value(self) -> float | None:
        """Return it, from 0 to 1; None where it is not known."""
        return self._batch.of(self._row)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as the number, without the index that it comes from."""
        return LateRecall.known, (self.value(),)


NOT_KNOWN = LateRecall.known(None)


class LateNotes(Sequence[str]):
    """Notes, and a further one where the estimated recall is low, which is known once somebody looks."""

    __slots__ = ("_first", "_recall")

    def __init__(self, first: tuple[str, ...], recall: LateRecall) -> None:
        self._first, self._recall = first, recall

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        return self._all()[index]

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __eq__(self, other: object) -> bool:
        """Whether they are the same notes in the same order."""
        return isinstance(other, Sequence) and self._all() == tuple(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._all())

    def _all(self) -> tuple[str, ...]:
        recall = self._recall.value()
        if recall is None or recall >= LOW_RECALL:
            return self._first
        return (
            *self._first,
            f"about {recall:.0%} of what looks most alike was found, as estimated, since the query is unlike what the "
            "index was tuned for; ask for more hits, or filter, to find more of it",
        )
