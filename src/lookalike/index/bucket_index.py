"""Search beside a database of the user's own: only buckets are kept, in a store that many processes share."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from itertools import chain
from types import TracebackType
from typing import Any, NoReturn, Self

import numpy as np
import numpy.typing as npt

from lookalike.arguments import as_share
from lookalike.arrays import DISCRETE, Float32, Given, Int64, Metric, Rows, as_ids, as_metric, as_rows
from lookalike.buckets import open_bucket_store
from lookalike.buckets.opening import TIMEOUT
from lookalike.errors import BucketStoreError, InputError, OptionError, VectorError
from lookalike.hashing import Family, FamilySpec
from lookalike.index.base import Ids
from lookalike.index.fetch import Fetch, FetchedVectors, SqlVectors
from lookalike.index.reports import Explanation, IndexStats
from lookalike.index.shared_index import ATTEMPTS
from lookalike.index.snapshot import block_rows
from lookalike.index.store_index import StoreIndex
from lookalike.urls import shown_url

LARGEST_STAMP = 2**62


class BucketIndex:
    """Finds the nearest of vectors that stay where they are, by the buckets of a hash family in a store.

    The store keeps ids in buckets, and what they were made of: family, parameters, seed, UUIDs of the tables, and the
    recall measured. So any process opens them by URL and namespace; tables of several features, families or
    parameters live side by side in namespaces of their own. Candidates are compared exactly, by the vectors that
    `fetch` gives. All methods may be called from several threads.

    Example:
        >>> query = "SELECT id, vector FROM products WHERE id IN :ids"
        >>> with BucketIndex.open(
        ...     "redis://localhost", "shop/look", fetch=query, database="postgresql://localhost/shop"
        ... ) as index:
        ...     ids, distances = index.search(vector, 10)
    """

    def __init__(self, index: StoreIndex, fetch: Fetch) -> None:
        """Use `create` or `open` instead."""
        self._index = index
        self._fetch = fetch
        self._closed = False

    @classmethod
    def create(
        cls,
        url: str,
        namespace: str,
        *,
        fetch: Fetch | str,
        ids: Ids,
        vectors: Any = None,
        database: str | None = None,
        family: Family | FamilySpec | str = "clusters",
        metric: str = "euclidean",
        recall: float = 0.95,
        seed: int = 0,
        replace: bool = False,
        timeout: float = TIMEOUT,
    ) -> Self:
        """Fit a family to vectors, and put their ids into buckets.

        Args:
            url: of the store, such as redis://host, postgresql://host/db or sqlite:///path; see `open_bucket_store`.
            namespace: of the buckets, such as "shop/look".
            fetch: how vectors are read when they are compared: a callable that takes ids (n,) and returns those of
                them that are there, and their vectors; or an SQL query, as `SqlVectors` takes it.
            ids: n numbers of yours, int64 from 0.
            vectors: (n, d); by default they are fetched.
            database: the URL of the database of an SQL query.
            family: a hash family, by name, as a `FamilySpec` or as a `Family`; what is left out is fitted.
            metric: "euclidean", "cosine" or "dot"; "hamming" for codes, "jaccard" for sets.
            recall: the recall@k to aim at, above 0 and below 1.
            replace: whether buckets that are there may be replaced; readers see them until all is done.
            timeout: seconds that any call waits for the store at most.

        Raises:
            OptionError, VectorError, DuplicateIdError: an argument has no such value.
            BucketStoreError: there are buckets already, or the store cannot take them.
        """
        kind, wanted = as_metric(metric), as_share(recall, "recall")
        numbers, read = as_ids(ids), _as_fetch(fetch, database)
        if not len(numbers):
            raise VectorError("there are no ids; give those of some vectors, to which the family is fitted")
        if wanted == 1:
            raise OptionError("recall is 1, which compares every vector; give a share below 1")
        store, name = open_bucket_store(url, namespace, timeout=timeout), _name(url, namespace)
        try:
            if not replace and store.header() is not None:
                raise BucketStoreError(f"{name} has buckets already; open it, or give replace=True")
            reader = FetchedVectors(read, store)
            blocks = _blocks(reader, numbers, vectors, kind)
            first = next(blocks)
            built = StoreIndex.build(
                store,
                name,
                reader,
                chain([first], blocks),
                dimension=first[1].shape[1],
                metric=kind,
                family=family,
                recall=wanted,
                seed=seed,
                stamp=_stamp(),
            )
        except BaseException:
            store.close()
            raise
        return cls(built, read)

    @classmethod
    def open(
        cls,
        url: str,
        namespace: str,
        *,
        fetch: Fetch | str,
        database: str | None = None,
        family: Family | FamilySpec | str | None = None,
        timeout: float = TIMEOUT,
    ) -> Self:
        """Open the buckets of a namespace; what they were made of comes from the store.

        Args:
            family: what they should be of, where that matters: a family of that name, with the parameters given.
            url, namespace, fetch, database, timeout: see `create`.

        Raises:
            OptionError: an argument has no such value.
            BucketStoreError: there are no buckets, or those of something else, or of another family.
        """
        spec, read = FamilySpec.of(family), _as_fetch(fetch, database)
        store, name = open_bucket_store(url, namespace, timeout=timeout), _name(url, namespace)
        try:
            index = StoreIndex.open(store, name, FetchedVectors(read, store))
            if index is None:
                raise BucketStoreError(f"{name} has no buckets; create them")
            index.check_family(spec)
        except BaseException:
            store.close()
            raise
        return cls(index, read)

    @property
    def metric(self) -> Metric:
        """How vectors are compared."""
        return self._open().metric

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._open().dimension

    @property
    def family(self) -> Family:
        """The family as it was fitted, which tells parameters, seed and UUIDs of the tables."""
        return self._open().fitted

    def __len__(self) -> int:
        """Number of ids in the buckets."""
        return len(self._open())

    def add(self, ids: Ids, vectors: Given) -> None:
        """Put ids (n,) into the buckets of `vectors` (n, d), all or none; those that are there are moved.

        Raises:
            VectorError: a wrong shape or content; or, under "dot", a vector longer than those that the family was
                fitted to.
            DuplicateIdError: an id twice.
            BucketStoreError: the store cannot take them; nothing was done, or all.
        """
        index = self._open()
        dtype = np.dtype(DISCRETE.get(index.metric, np.float32))
        rows = as_rows(vectors, dtype, dimension=index.dimension, metric=index.metric)
        self._apply(np.empty(0, dtype=np.int64), as_ids(ids, rows=len(rows)), rows)

    def remove(self, ids: Ids) -> None:
        """Take ids out of the buckets, all or none; those that are not there are passed over.

        Raises:
            VectorError, DuplicateIdError: no ids, or one twice.
            BucketStoreError: the store cannot do it; nothing was done, or all.
        """
        index = self._open()
        nothing = np.empty((0, index.dimension), dtype=DISCRETE.get(index.metric, np.float32))
        self._apply(as_ids(ids), np.empty(0, dtype=np.int64), nothing)

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
        """Return the ids and distances (q, k) of the nearest vectors, nearest first, padded with -1 and infinity.

        Arguments are those of `Index.search`. A batch takes one round trip to the store, and one to the vectors; more
        where a filter, or a few queries, need to look farther. Few ids of `allow` are compared without the buckets.

        Raises:
            VectorError, OptionError, DuplicateIdError: as `Index.search` does; or `fetch` gave something else.
            BucketStoreError: the buckets cannot be read, or are gone.
            VectorReadError: the vectors cannot be read.
        """
        return self._open().search(
            queries, k, allow=allow, max_distance=max_distance, recall=recall, n_jobs=n_jobs
        )

    def explain(self, query: Given, id: int) -> Explanation:  # noqa: A002
        """Tell why `id` is, or is not, among the candidates of `query` (d,). Fetches every vector, for the rank.

        Raises:
            UnknownIdError: there is no such vector.
            VectorError, OptionError, VectorReadError.
        """
        return self._open().explain(query, id)

    def stats(self) -> IndexStats:
        """Return counts and sizes, parameters, and the recall measured. Raises BucketStoreError."""
        index = self._open()
        if not index.refresh():
            raise BucketStoreError(f"{index.name}: the buckets are gone; create them anew")
        return index.stats()

    def close(self) -> None:
        """Let go of connections; what is stored stays. Closing twice does no harm."""
        self._closed = True
        self._index.close()
        if isinstance(self._fetch, SqlVectors):
            self._fetch.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise InputError("an index over buckets cannot be pickled or copied; open it where it is needed")

    def _open(self) -> StoreIndex:
        if self._closed:
            raise InputError("the index is closed; open it again")
        return self._index

    def _apply(self, removed: Int64, ids: Int64, rows: Rows) -> None:
        index = self._open()
        for _ in range(ATTEMPTS):
            if index.apply(removed, ids, rows, stamp=_stamp()):
                return
            if not index.refresh():
                raise BucketStoreError(f"{index.name}: the buckets are gone; create them anew")
        raise BucketStoreError(f"{index.name}: others write faster than this can; try again later")


def _as_fetch(fetch: Any, database: Any) -> Fetch:
    if isinstance(fetch, str):
        return SqlVectors(fetch, database)
    if not callable(fetch):
        raise OptionError(
            f"fetch is of type {type(fetch).__name__}; give a callable, or an SQL query with its database"
        )
    if database is not None:
        raise OptionError("database is for an SQL query; leave it out where fetch is a callable")
    read: Fetch = fetch
    return read


def _name(url: str, namespace: str) -> str:
    return f"{shown_url(url)} ({namespace})"


def _stamp() -> int:
    return secrets.randbelow(LARGEST_STAMP)


def _blocks(reader: FetchedVectors, ids: Int64, vectors: Any, metric: Metric) -> Iterator[tuple[Int64, Rows]]:
    """Yield ids and vectors in blocks; those that are fetched in ascending order of id."""
    dtype = np.dtype(DISCRETE.get(metric, np.float32))
    if vectors is None:
        step = 1000
        for start in range(0, len(ids), step):
            numbers, rows = reader(np.sort(ids)[start : start + step])
            numbers = as_ids(numbers, name="ids that were fetched")
            order = np.argsort(numbers)
            yield numbers[order], as_rows(rows, dtype, metric=metric, name="vectors that were fetched")[order]
        return
    if metric in DISCRETE:
        vectors = as_rows(vectors, dtype, metric=metric)
    if len(vectors) != len(ids):
        raise VectorError(f"{len(ids)} ids were given for {len(vectors)} vectors; give one a vector")
    step = block_rows(max(1, vectors.shape[-1]))
    for start in range(0, len(ids), step):
        rows = as_rows(vectors[start : start + step], dtype, metric=metric, first_row=start)
        yield ids[start : start + step], rows
