"""The vector index: what stays alike under one face while rows come and go."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from lookalike.arguments import as_count, as_path, as_share, usable_cores
from lookalike.arrays import Given, Int64, Rows, as_ids, as_metric, as_rows, kept_dtype
from lookalike.errors import DuplicateIdError, InputError
from lookalike.hashing import Family, FamilySpec
from lookalike.index.base import Ids
from lookalike.index.build import build_base
from lookalike.index.compaction import folded, sinks_for
from lookalike.index.io import storage
from lookalike.index.io.sources import ArrayRows
from lookalike.index.options import Options
from lookalike.index.plan import is_fold_due
from lookalike.index.reader import IndexReader
from lookalike.index.row_forms import prepared
from lookalike.index.snapshot import Snapshot, Tail
from lookalike.index.threads import limited
from lookalike.index.view import Closed, SnapshotView


class Index(IndexReader):
    """Finds the nearest of many vectors.

    Metrics: "euclidean" (the distance, not squared), "cosine" (1 - cosine similarity, 0..2) and "dot" (the negated
    inner product). Smaller is always closer, and equal distances are ordered by id. Binary codes, uint8 of packed bits
    or booleans, are compared by "hamming" (how many bits differ), and sets, such as [["red", "shoe"], ["hat"]], by
    "jaccard" (1 - elements in both / elements in either); their buckets are of the family that hashes them.

    Rows of float32, float16, uint8 and int8 are kept in their type (float32 at length one under cosine); other
    numbers are cast to float32, which loses precision of float64 beyond 24 bits.

    A small index compares every row exactly. A larger one looks into buckets, orders what it finds there by
    sketches and compares the best exactly; it measures its own recall to know how far to look. Rows added later
    are compared exactly until they are folded in.

    All methods may be called from several threads. A search sees one committed state, and waits for no writer.
    """

    def __init__(self, view: SnapshotView, home: storage.Home | None = None) -> None:
        """Use `build`, `build_from_blocks` or `open` instead."""
        self._view = view
        self._home = home
        self._tail = Tail()
        self._writing = threading.RLock()

    @classmethod
    def build(
        cls,
        vectors: Any,
        *,
        metric: str = "euclidean",
        ids: Sequence[int] | npt.NDArray[Any] | None = None,
        recall: float = 0.95,
        seed: int = 0,
        n_jobs: int = -1,
        family: Family | FamilySpec | str | None = None,
        scan_below: int | None = None,
        path: str | PathLike[str] | None = None,
    ) -> Index:
        """Build an index over `vectors` (n, d), n >= 0.

        Args:
            vectors: an array, a memory map, an HDF5 dataset, or what else has shape, dtype and slices. It is read
                in blocks; rows that come from a large file are kept in files too, temporary ones unless `path`
                is given.
            ids: n numbers, int64 from 0; 0..n-1 by default.
            recall: the recall@k to aim at, above 0 and up to 1; at 1 every row is compared.
            seed: of all that is random; the same vectors and seed give the same index.
            n_jobs: threads; -1 for all cores. Products of matrices take no more than that either, where NumPy's
                BLAS can be told (OpenBLAS, MKL, BLIS, FlexiBLAS), which is told for the whole process while this
                runs; at -1 as many as it is set to.
            family: a hash family to use in place of learned buckets: "hyperplane", "cross-polytope", "p-stable" or
                "clusters" ("min-hash" for sets, "bit-sampling" for codes), whose parameters are then fitted to the
                vectors; a `FamilySpec`, with some of them; or an unfitted `Family`, with all.
            scan_below: with fewer rows than this every row is compared; by default 2,000 to 10,000, by the dimension.
            path: a directory to save the index to while it is built; what was there is replaced in one step.

        Raises:
            VectorError: vectors or ids of a wrong shape, type or content.
            DuplicateIdError: an id twice.
            OptionError: another argument has no such value.
            IndexFormatError: `path` holds something that is no index.
            IndexStorageError: the index cannot be written, as on a full disk.
        """
        source = ArrayRows.of(vectors, as_metric(metric))
        settings = Options.of(
            metric=metric,
            dimension=source.dimension,
            recall=recall,
            seed=seed,
            scan_below=scan_below,
            family=family,
            dtype=source.dtype.name,
        )
        numbers = np.arange(source.count) if ids is None else as_ids(ids, rows=source.count)
        with limited(n_jobs) as threads:
            if path is None:
                place = sinks_for(source, in_memory=source.in_memory)
                state = Snapshot.of(build_base(source, numbers, settings, place, threads))
                return cls(SnapshotView(settings, state, 0))
            return cls(*storage.build(as_path(path, "path"), settings, source, numbers, threads))

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
        n_jobs: int = -1,
        family: Family | FamilySpec | str | None = None,
        scan_below: int | None = None,
        stamp: int = 0,
    ) -> Index:
        """Build an index of float32 in directory `path` from blocks of (ids, vectors), which are never all in memory.

        Returns the saved index, opened. An index that was at `path` is replaced at the end, in one step.

        Raises:
            VectorError: vectors or ids of a wrong shape, type or content.
            DuplicateIdError: an id twice.
            OptionError: another argument has no such value.
            IndexFormatError: `path` holds something that is no index.
            IndexStorageError: the index cannot be written, as on a full disk.
        """
        settings = Options.of(
            metric=metric,
            dimension=dimension,
            recall=recall,
            seed=seed,
            scan_below=scan_below,
            family=family,
            dtype=kept_dtype(np.float32, as_metric(metric)).name,
        )
        stamp, folder = as_count(stamp, "stamp", least=0), as_path(path, "path")
        with limited(n_jobs) as threads:
            return cls(*storage.build_from_blocks(folder, settings, blocks, stamp, threads))

    @classmethod
    def open(cls, path: str | PathLike[str], *, verify: bool = False) -> Index:
        """Open a saved index; its arrays are memory-mapped, so this is quick whatever its size.

        Every file's length is checked; with `verify` every checksum too.

        Raises:
            IndexFormatError: missing, damaged, or made by a newer version; the message names the file.
        """
        return cls(*storage.load(as_path(path, "path"), verify=verify))

    def save(self, path: str | PathLike[str], *, stamp: int | None = None) -> None:
        """Save to directory `path`, in one step: after a crash the old version or the new one is there.

        Saving again to the same `path` after small changes writes only these. `stamp` replaces the index's own.

        Raises:
            IndexFormatError: `path` holds something that is no index.
            IndexStorageError: it cannot be written, as on a full disk; what was there stays.
            OptionError: no such stamp, or no path.
        """
        folder = as_path(path, "path")
        stamp = None if stamp is None else as_count(stamp, "stamp", least=0)
        with self._writing:
            if stamp is not None:
                self._view = replace(self._view, stamp=stamp)
            self._home = storage.save(folder, self._view, self._home)

    def publish(self) -> None:
        """Save to the directory that the index was opened from, built in or saved to last.

        Raises:
            InputError: there is no such directory.
            IndexFormatError: the directory holds something that is no index now.
            IndexStorageError: it cannot be written, as on a full disk; what was there stays.
        """
        with self._writing:
            if self._home is None:
                raise InputError("the index has no directory to be published in; save(path) gives it one")
            self.save(self._home.path)

    def close(self) -> None:
        """Let go of rows and files; afterwards all other calls raise InputError, and views live on."""
        with self._writing:
            self._view, self._tail = cast(SnapshotView, Closed()), Tail()

    def add(self, ids: Ids, vectors: Given) -> None:
        """Add rows, all or none; they are cast to the type that the index keeps.

        Raises:
            VectorError: a wrong shape or content, or numbers that the index's type cannot hold.
            DuplicateIdError: an id twice, or in the index already.
        """
        new, numbers = self._given(ids, vectors)
        with self._writing:
            state = self._view.snapshot
            there = numbers[state.find(numbers) >= 0]
            if len(there):
                raise DuplicateIdError(f"id {there[0]} is in the index already; remove it first")
            self._settle(self._tail.added(state, numbers, new))

    def remove(self, ids: Ids) -> None:
        """Remove rows, all or none.

        Raises:
            VectorError: not whole numbers from 0.
            DuplicateIdError: an id twice.
            UnknownIdError: an id is not in the index.
        """
        gone = as_ids(ids)
        with self._writing:
            self._settle(self._view.snapshot.without(self._view.rows(gone)))

    def update(self, removed: Ids, ids: Ids, vectors: Given, *, stamp: int) -> None:
        """Change rows and stamp in one step: all of it is done, or nothing.

        Rows are appended and compared exactly until they are a tenth of the index; then they are put into its
        buckets, which are learned anew where they do not suit them, while readers go on with what was there.
        Where half of the rows or more are new, building another index takes less time and memory.

        Args:
            removed: ids whose rows go; those that are not there are passed over.
            ids: (n,); rows that are there by these ids are replaced.
            vectors: (n, d).
            stamp: the number of the state that the rows then are of, from 0 to 2**63 - 1.

        Raises:
            VectorError: ids or vectors of a wrong shape, type or content.
            DuplicateIdError: an id twice in `removed`, or twice in `ids`.
            OptionError: no such stamp.
        """
        stamp = as_count(stamp, "stamp", least=0)
        gone = as_ids(removed, name="removed")
        new, numbers = self._given(ids, vectors)
        with self._writing:
            state = self._view.snapshot
            rows = state.find(np.concatenate((gone, numbers)))
            rows = np.unique(rows[rows >= 0])
            if len(rows):
                state = state.without(rows)
            if len(new):
                state = self._tail.added(state, numbers, new)
            self._settle(state, stamp)

    def tune(self, recall: float | None = None, *, n_jobs: int = -1) -> None:
        """Aim at `recall` (the present one by default) from now on, and measure the index's recall anew.

        Raises:
            OptionError: no such recall.
        """
        wanted = None if recall is None else as_share(recall, "recall")
        with limited(n_jobs) as threads, self._writing:
            view = self._view
            settings, state = replace(view.options, recall=wanted or view.options.recall), view.snapshot
            if state.base.buckets is not None:
                base = replace(state.base, buckets=state.base.buckets.tuned(settings.seed, threads))
                if self._home is not None:
                    self._home = self._home.moved(state.base, base)
                state = replace(state, base=base)
            elif is_fold_due(state, settings):
                state = folded(state, settings, threads)
                self._tail = Tail()
            self._view = SnapshotView(settings, state, view.stamp)

    def _given(self, ids: Ids, vectors: Given) -> tuple[Rows, Int64]:
        """Return rows as they are kept, and their ids."""
        options = self._view.options
        dtype = np.dtype(options.dtype)
        new = as_rows(vectors, dtype, dimension=options.dimension, metric=options.metric)
        return prepared(new, options.metric), as_ids(ids, rows=len(new))

    def _settle(self, state: Snapshot, stamp: int | None = None) -> None:
        """Make `state` the current one, folded where it has grown loose. For writers that hold the lock."""
        view = self._view
        if is_fold_due(state, view.options):
            state = folded(state, view.options, usable_cores())
            self._tail = Tail()
        self._view = SnapshotView(view.options, state, view.stamp if stamp is None else stamp)
