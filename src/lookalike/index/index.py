"""The vector index: what stays alike under one face while rows come and go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import PathLike
from typing import Any

import numpy.typing as npt

from lookalike.arrays import Float32, Int64, Metric
from lookalike.hashing import Family
from lookalike.index.answers import Explanation, IndexStats


class Index:
    """Finds the nearest of many vectors.

    Metrics: "euclidean" (the distance, not squared), "cosine" (1 - cosine similarity, 0..2; rows are kept at
    length one) and "dot" (the negated inner product). Smaller is always closer, and equal distances are
    ordered by id.

    A small index compares every row exactly. A larger one looks into buckets, orders what it finds there by
    sketches and compares the best exactly. Rows added later are compared exactly until they are folded in.

    All methods may be called from several threads: a search sees one committed state.
    """

    @classmethod
    def build(
        cls,
        vectors: npt.ArrayLike,
        *,
        metric: str = "euclidean",
        ids: Sequence[int] | npt.NDArray[Any] | None = None,
        recall: float = 0.95,
        seed: int = 0,
        family: Family | None = None,
        scan_below: int | None = None,
    ) -> Index:
        """Build an index over `vectors` (n, d), n >= 0, in memory.

        Args:
            ids: n numbers, int64 from 0; 0..n-1 by default.
            recall: the recall@k to aim at, above 0 and up to 1; at 1 every row is compared.
            seed: of all that is random; the same vectors and seed give the same index.
            family: an unfitted hash family to use in place of the default.
            scan_below: with fewer rows than this every row is compared; a measured size by default.

        Raises:
            VectorError, DuplicateIdError, OptionError.
        """
        raise NotImplementedError

    @classmethod
    def build_from_blocks(
        cls,
        blocks: Iterable[tuple[Sequence[int] | npt.NDArray[Any], npt.ArrayLike]],
        path: str | PathLike[str],
        *,
        dimension: int,
        metric: str = "euclidean",
        recall: float = 0.95,
        seed: int = 0,
        family: Family | None = None,
        scan_below: int | None = None,
        generation: int = 0,
    ) -> Index:
        """Build an index in directory `path` from blocks of (ids, vectors), which are never all in memory.

        Returns the saved index, opened. An index that was at `path` is replaced at the end, in one step.

        Raises:
            VectorError, DuplicateIdError, OptionError, IndexFormatError (`path` holds something else).
        """
        raise NotImplementedError

    @classmethod
    def open(cls, path: str | PathLike[str], *, verify: bool = False) -> Index:
        """Open a saved index; its arrays are memory-mapped, so this is quick whatever its size.

        Every file's length is checked; with `verify` every checksum too.

        Raises:
            IndexFormatError: missing, damaged, or made by a newer version; the message names the file.
        """
        raise NotImplementedError

    def save(self, path: str | PathLike[str], *, generation: int | None = None) -> None:
        """Save to directory `path`, in one step: after a crash the old version or the new one is there.

        Saving again to the same `path` after small changes writes only these. `generation` replaces the
        index's own.
        """
        raise NotImplementedError

    def __len__(self) -> int:
        """Number of rows."""
        raise NotImplementedError

    def __contains__(self, id: object) -> bool:  # noqa: A002
        """Whether there is a row of that id."""
        raise NotImplementedError

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        raise NotImplementedError

    @property
    def metric(self) -> Metric:
        """How vectors are compared."""
        raise NotImplementedError

    @property
    def generation(self) -> int:
        """The label of the state that the rows came from, saved with them; 0 at first. May be set."""
        raise NotImplementedError

    @generation.setter
    def generation(self, generation: int) -> None:
        raise NotImplementedError

    def ids(self) -> Int64:
        """Return the ids of all rows, ascending."""
        raise NotImplementedError

    def vectors(self, ids: Sequence[int] | npt.NDArray[Any]) -> Float32:
        """Return the rows of these ids as they are kept (at length one under cosine), shape (n, d).

        Raises:
            UnknownIdError: an id is not in the index.
        """
        raise NotImplementedError

    def add(self, ids: Sequence[int] | npt.NDArray[Any], vectors: npt.ArrayLike) -> None:
        """Add rows, all or none.

        Raises:
            VectorError: a wrong shape or content.
            DuplicateIdError: an id twice, or in the index already.
        """
        raise NotImplementedError

    def remove(self, ids: Sequence[int] | npt.NDArray[Any]) -> None:
        """Remove rows, all or none.

        Raises:
            UnknownIdError: an id is not in the index.
        """
        raise NotImplementedError

    def search(
        self,
        queries: npt.ArrayLike,
        k: int,
        *,
        allow: npt.NDArray[Any] | Sequence[int] | None = None,
        max_distance: float | None = None,
        recall: float | None = None,
    ) -> tuple[Int64, Float32]:
        """Return the ids (q, k) int64 and distances (q, k) float32 of the nearest rows, nearest first.

        Where there are fewer than k rows to find, ids are padded with -1 and distances with infinity.

        Args:
            queries: (q, d), or one of shape (d,), which gives q = 1.
            allow: only rows with these ids are found; ids that are not in the index are passed over.
                A filter costs no recall.
            max_distance: rows farther than this are left out.
            recall: the recall to aim at for this search in place of the index's own; 1 compares every row.

        Raises:
            VectorError, OptionError, DuplicateIdError (in `allow`).
        """
        raise NotImplementedError

    def explain(self, query: npt.ArrayLike, id: int) -> Explanation:  # noqa: A002
        """Tell why row `id` is, or is not, among the candidates of `query` (d,).

        Raises:
            UnknownIdError: there is no such row.
        """
        raise NotImplementedError

    def stats(self) -> IndexStats:
        """Return counts, sizes and what the index knows of its recall."""
        raise NotImplementedError
