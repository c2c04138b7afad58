"""What can be asked of a vector index."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from lookalike.arguments import LARGEST_COUNT, as_share, as_threads
from lookalike.arrays import Bool, Float32, Given, Int64, Metric, Rows
from lookalike.errors import InputError, LookalikeError
from lookalike.hashing import FamilySpec
from lookalike.index.base import Ids, IndexView
from lookalike.index.reports import Explanation, IndexStats
from lookalike.index.view import SnapshotView


class ViewReader(ABC):
    """The half of an index that changes nothing, by views. Each call is answered by one view."""

    @abstractmethod
    def view(self) -> IndexView:
        """Return what the index holds now; later changes leave it as it is."""

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.view())

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self.view().dimension

    @property
    def metric(self) -> Metric:
        """How vectors are compared."""
        return self.view().metric

    @property
    def stamp(self) -> int:
        """The number of the state that the rows came from, saved with them; 0 at first."""
        return self.view().stamp

    @property
    def trouble(self) -> LookalikeError | None:
        """Why every row is compared where buckets are asked for; None where they are not in a store."""
        return self.view().trouble

    def vectors(self, ids: Ids) -> Rows:
        """Return the rows of these ids as they are kept, shape (n, d).

        Raises:
            VectorError: not whole numbers from 0.
            UnknownIdError: an id is not in the index.
        """
        return self.view().vectors(ids)

    def contains(self, ids: Ids) -> Bool:
        """Return of each id whether there is a row of it, (n,).

        Raises:
            VectorError: not whole numbers from 0.
        """
        return self.view().contains(ids)

    def search(
        self,
        queries: Given,
        k: int,
        *,
        allow: npt.NDArray[Any] | Sequence[int] | None = None,
        max_distance: float | None = None,
        recall: float | None = None,
        n_jobs: int = 1,
    ) -> tuple[Int64, Float32]:
        """Return the ids (q, k) int64 and distances (q, k) float32 of the nearest rows, nearest first.

        Where there are fewer than k rows to find, ids are padded with -1 and distances with infinity.

        Args:
            queries: (q, d), or one of shape (d,), which gives q = 1; sets in any form that they are built from.
            k: from 1; above the number of rows, q * k is at most ten million.
            allow: the ids that may be found, or a mask: booleans of which number i says whether id i may be,
                and ids beyond its end may not. Ids that are not in the index are passed over. A filter costs no
                recall.
            max_distance: rows farther than this are left out.
            recall: the recall to aim at for this search in place of the index's own; 1 compares every row. It is a
                mean over queries like the rows, measured up to k = 1,000; beyond, more is looked at in proportion
                to k, which may fall short where rows lie in small groups. Learned buckets look farther for a query
                whose k-th neighbour is farther than hardly any row's, until what they find changes less than that.
            n_jobs: threads over the queries; -1 for all cores.

        Raises:
            VectorError: queries or `allow` of a wrong shape, type or content.
            OptionError: `k`, `max_distance`, `recall` or `n_jobs` has no such value.
            DuplicateIdError: an id is twice in `allow`.
        """
        return self.view().search(
            queries, k, allow=allow, max_distance=max_distance, recall=recall, n_jobs=n_jobs
        )

    def estimated_recall(
        self,
        queries: Given,
        k: int,
        *,
        allow: npt.NDArray[Any] | Sequence[int] | None = None,
        max_distance: float | None = None,
        recall: float | None = None,
        n_jobs: int = 1,
    ) -> Float32:
        """Return the recall that is estimated of each answer of such a search, (q,) float32 from 0 to 1.

        The recall that is asked of `search` is a mean over queries like the rows. An answer may fall short of it where
        a query is unlike them: the estimate tells. It follows from where the hits lie among the buckets that were
        probed: the more of them come from the last of these, the more lie in the others. It is 1 where every row is
        compared, and NaN for buckets of hash families and of stores, of which it is not known. Of ordinary queries it
        spreads about what was measured, the more the fewer hits there are; rows added since the last build, which are
        all compared, do not count.

        Arguments and errors are those of `search`, which is done again; the estimate takes several times as long.
        """
        return self.view().estimated_recall(
            queries, k, allow=allow, max_distance=max_distance, recall=recall, n_jobs=n_jobs
        )

    def distances(self, query: Given, ids: Ids) -> Float32:
        """Return the exact distance of `query` (d,) to the row of each id, (n,) float32; NaN where there is none.

        Raises:
            VectorError: not one vector of the index's dimension, or ids that are not whole numbers from 0.
        """
        return self.view().distances(query, ids)

    def explain(self, query: Given, id: int) -> Explanation:  # noqa: A002
        """Tell why row `id` is, or is not, among the candidates of `query` (d,).

        Raises:
            UnknownIdError: there is no such row.
            VectorError: not one vector of the index's dimension.
            OptionError: `id` is no whole number.
        """
        return self.view().explain(query, id)

    def stats(self) -> IndexStats:
        """Return counts, sizes and what the index knows of its recall."""
        return self.view().stats()


class IndexReader(ViewReader):
    """The half of an `Index` that changes nothing."""

    _view: SnapshotView  # the whole state: a writer makes another, and puts it here

    def view(self) -> SnapshotView:
        """Return what the index holds now, with the methods that read; later changes leave it as it is."""
        return self._view

    def __contains__(self, id: object) -> bool:  # noqa: A002
        """Whether there is a row of that id."""
        if not isinstance(id, int | np.integer) or not 0 <= id <= LARGEST_COUNT:
            return False
        return bool(self._view.snapshot.find(np.array([id], dtype=np.int64))[0] >= 0)

    @property
    def family(self) -> FamilySpec | None:
        """The hash family that was asked for; None for learned buckets."""
        return FamilySpec.of(self._view.options.family)

    def ids(self) -> Int64:
        """Return the ids of all rows, ascending."""
        return self._view.snapshot.ids()

    def pairs(
        self, max_distance: float, *, recall: float = 0.99, n_jobs: int = 1
    ) -> Iterator[tuple[Int64, Float32]]:
        """Yield all pairs of rows within `max_distance` of one another, each once, in blocks and in no order.

        A block is ids (p, 2), the smaller one first, and exact distances (p,). Over learned buckets, rows look beyond
        the borders of their buckets, as far as sampled rows tell that they must, and sketches leave out most pairs
        before they are compared. Over a hash family, or where every row is compared, each row is asked for.

        Args:
            max_distance: from 0; at 0, rows that are equal.
            recall: the share of the pairs that should be found; 1 compares every row with every other.
            n_jobs: threads; -1 for all cores.

        Raises:
            OptionError: an argument has no such value, or the metric is "dot", under which no row is near itself.
        """
        from lookalike.index.join.self_join import as_limit, self_join

        limit, share, threads = as_limit(max_distance), as_share(recall, "recall"), as_threads(n_jobs)

        view = self._view
        seed = view.options.seed
        return self_join(view, view.snapshot.ids(), limit, recall=share, seed=seed, threads=threads).pairs()

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        """Raise InputError: an index is not pickled or copied."""
        raise InputError("an index cannot be pickled or copied; save(path) it, and open it from there")
