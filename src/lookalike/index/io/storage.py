"""The state of an index to and from its directory."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.arguments import as_count
from lookalike.arrays import DISCRETE, Int64, Rows, as_ids, as_rows
from lookalike.errors import IndexFormatError, InputError, LookalikeError, OptionError
from lookalike.index.approximate import Array
from lookalike.index.build import build_base
from lookalike.index.exact_rows import ExactRows
from lookalike.index.io import array_directory as disk
from lookalike.index.io.array_writer import Writer, writing
from lookalike.index.io.sinks import FileSinks
from lookalike.index.io.sources import ArrayRows, RowSource
from lookalike.index.ivf.search import InvertedFileSearch
from lookalike.index.lsh.search import LshSearch
from lookalike.index.options import Options
from lookalike.index.row_forms import prepared
from lookalike.index.sketches.sketched_rows import SketchedRows
from lookalike.index.snapshot import Base, Snapshot
from lookalike.index.view import SnapshotView

_CHANGING = ("tail_vectors", "tail_ids", "removed")
"""The arrays that are written on every save; the others are the base's."""


@dataclass(frozen=True)
class Home:
    """Where a base was saved last, so that saving there again need not write it again."""

    path: Path
    base: weakref.ref[Base]
    entries: dict[str, disk.Entry]

    def moved(self, before: Base, base: Base) -> Home:
        """Return the home of `base`, which has the arrays of `before`."""
        return replace(self, base=weakref.ref(base)) if self.base() is before else self


def save(path: Path, view: SnapshotView, home: Home | None) -> Home:
    """Write `view` to the directory `path`; arrays of the base that are there already are kept."""
    with writing(path) as writer:
        kept = _kept(path, view.snapshot.base, home)
        for name, entry in kept.items():
            writer.keep(name, entry)
        return _commit(path, writer, view, set(kept))


def build(
    path: Path, settings: Options, source: RowSource, ids: Int64, threads: int
) -> tuple[SnapshotView, Home]:
    """Build an index of `source` in the directory `path`."""
    with writing(path) as writer:
        return _built(path, writer, settings, source, ids, 0, threads)


def build_from_blocks(
    path: Path,
    settings: Options,
    blocks: Iterable[tuple[Sequence[int] | Array, npt.ArrayLike]],
    stamp: int,
    threads: int,
) -> tuple[SnapshotView, Home]:
    """Build an index of blocks of (ids, vectors) in `path`; they are asked for once, one after another."""
    dtype = np.dtype(settings.dtype)
    numbers = [np.empty(0, dtype=np.int64)]
    with writing(path) as writer:
        with writer.stream("given", dtype, (settings.dimension,)) as stream:
            row = 0
            for ids, vectors in _pairs(blocks):
                block = as_rows(
                    vectors, dtype, dimension=settings.dimension, metric=settings.metric, first_row=row
                )
                numbers.append(as_ids(ids, rows=len(block)))
                stream.append(prepared(block, settings.metric))
                row += len(block)
        given = ArrayRows.of(writer.map("given"), settings.metric, checked=True)
        all_ids = as_ids(np.concatenate(numbers))
        return _built(path, writer, settings, given, all_ids, stamp, threads, staged="given")


def _pairs(blocks: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield blocks that are pairs. Raises InputError at another."""
    if not isinstance(blocks, Iterable):
        raise InputError(f"blocks are of type {type(blocks).__name__}; give pairs of ids and vectors")
    for number, block in enumerate(blocks):
        if not isinstance(block, tuple | list) or len(block) != 2:
            raise InputError(
                f"blocks: number {number} is of type {type(block).__name__}; give a pair of ids and vectors"
            )
        yield block[0], block[1]


def _built(
    path: Path,
    writer: Writer,
    settings: Options,
    source: RowSource,
    ids: Int64,
    stamp: int,
    threads: int,
    staged: str | None = None,
) -> tuple[SnapshotView, Home]:
    """Build an index of `source`; `staged` is an array of the writer that is not kept."""
    state = Snapshot.of(build_base(source, ids, settings, FileSinks(writer), threads))
    if staged is not None:
        writer.drop(staged)
    placed = {"vectors"} if state.base.buckets is None else {"vectors", "blocks"}
    view = SnapshotView(settings, state, stamp)
    return view, _commit(path, writer, view, placed)


def load(path: Path, *, verify: bool) -> tuple[SnapshotView, Home]:
    """Return what the index in the directory `path` holds."""
    properties, arrays, entries = disk.read(path, verify=verify)
    view = restored(path, properties, arrays, verify=verify)
    kept = {name: entry for name, entry in entries.items() if name not in _CHANGING}
    return view, Home(path, weakref.ref(view.snapshot.base), kept)


def restored(
    path: Path, properties: Mapping[str, Any], arrays: Mapping[str, Array], *, verify: bool = False
) -> SnapshotView:
    """Return the view that `contents` was taken of; `path` is what messages call it.

    Raises:
        IndexFormatError: parts that do not fit together.
    """
    try:
        settings = Options.of(**properties["options"])
        stamp = as_count(properties["stamp"], "stamp", least=0)
        base = _base(path, settings, properties["buckets"], arrays, verify)
        tail_vectors, tail_ids, removed = (arrays[name] for name in _CHANGING)
    except (LookalikeError, KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, IndexFormatError):
            raise
        raise IndexFormatError(
            f"{path / disk.MANIFEST}: lacks or garbles {error}; rebuild the index"
        ) from error
    rows, dtype = len(base.ids), np.dtype(settings.dtype).newbyteorder("<").str
    _check(path, "tail_vectors", tail_vectors, dtype, (len(tail_ids), settings.dimension))
    _check(path, "tail_ids", tail_ids, "<i8", (len(tail_ids),))
    _check(path, "removed", removed, "<i8", (len(removed),))
    if len(removed) and (removed.min() < 0 or removed.max() >= rows or np.any(np.diff(removed) <= 0)):
        raise IndexFormatError(f"{path}: array removed names rows that are not there; rebuild the index")
    state = Snapshot.of(base).without(removed)
    state = replace(
        state,
        tail_vectors=tail_vectors,
        tail_ids=tail_ids,
        alive=np.concatenate((state.alive, np.ones(len(tail_ids), dtype=np.bool_))),
        count=state.count + len(tail_ids),
        tail_order=np.argsort(tail_ids),
    )
    if verify:
        _check_contents(path, state)
    return SnapshotView(settings, state, stamp)


def contents(view: SnapshotView) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return all that `view` holds: properties as JSON types, and arrays by name."""
    state, base = view.snapshot, view.snapshot.base
    buckets, arrays = _parts(base)
    tail = np.sort(state.tail_order)
    changing = (state.tail_vectors[tail], state.tail_ids[tail], np.flatnonzero(~state.alive[: len(base.ids)]))
    properties = {"options": view.options.to_json(), "stamp": view.stamp, "buckets": buckets}
    return properties, arrays | dict(zip(_CHANGING, changing, strict=True))


def _commit(path: Path, writer: Writer, view: SnapshotView, there: set[str]) -> Home:
    """Write what is not `there` already, and make the new version the current one."""
    properties, arrays = contents(view)
    for name, array in arrays.items():
        if name not in there:
            writer.write(name, array)
    entries = writer.commit(properties)
    kept = {name: entries[name] for name in arrays if name not in _CHANGING}
    return Home(path, weakref.ref(view.snapshot.base), kept)


def _parts(base: Base) -> tuple[dict[str, Any] | None, dict[str, Array]]:
    """Return what to save of a base: properties of its buckets, and arrays."""
    arrays: dict[str, Array] = {"vectors": base.vectors, "ids": base.ids, "order": base.order}
    buckets = base.buckets
    if buckets is None:
        return None, arrays
    properties, more = buckets.parts()
    return {"kind": buckets.kind, **properties}, arrays | buckets.arrays() | more


def _base(path: Path, settings: Options, properties: Any, arrays: Mapping[str, Array], verify: bool) -> Base:
    """Return the base that `_parts` was taken of."""
    vectors, ids, order = arrays["vectors"], arrays["ids"], arrays["order"]
    rows = len(ids)
    dtype = np.dtype(settings.dtype).newbyteorder("<").str
    _check(path, "vectors", vectors, dtype, (rows, settings.dimension))
    _check(path, "ids", ids, "<i8", (rows,))
    _check(path, "order", order, "<i8", (rows,))
    base = Base(vectors, ids, order)
    if properties is None:
        return base
    asked, metric = settings.buckets, settings.metric
    if properties["kind"] != (InvertedFileSearch if asked is None else LshSearch).kind:
        raise OptionError(f"kind {properties['kind']!r}")
    if asked is None:
        sketched = SketchedRows.restored(metric, vectors, ids, arrays)
        return replace(base, buckets=InvertedFileSearch.restored(sketched, properties))
    if metric in DISCRETE:
        buckets = LshSearch.restored(ExactRows(metric, vectors, ids), properties, arrays, verify=verify)
    else:
        sketched = SketchedRows.restored(metric, vectors, ids, arrays)
        buckets = LshSearch.restored(sketched, properties, arrays, verify=verify)
    if not asked.is_met_by(buckets.family):
        raise OptionError("a family of buckets that is not the one that was asked for")
    return replace(base, buckets=buckets)


def _kept(path: Path, base: Base, home: Home | None) -> dict[str, disk.Entry]:
    """Return the entries of `base` that the directory still holds."""
    if home is None or home.path != path or home.base() is not base:
        return {}
    try:
        _, entries = disk.read_manifest(path)
    except IndexFormatError:
        return {}
    # Another process may have replaced the index since; then the serials or checksums differ.
    return home.entries if all(entries.get(name) == entry for name, entry in home.entries.items()) else {}


def _check(path: Path, name: str, array: Rows, dtype: str, shape: tuple[int, ...]) -> None:
    if array.dtype != np.dtype(dtype) or array.shape != shape:
        raise IndexFormatError(
            f"{path / disk.MANIFEST}: array {name} is {array.dtype.str} {array.shape}, not {dtype} {shape}; "
            "rebuild the index"
        )


def _check_contents(path: Path, state: Snapshot) -> None:
    """Check that ids are different and in order, and that rows are numbers."""
    base = state.base
    if not np.array_equal(np.sort(base.order), np.arange(len(base.ids))) or np.any(
        np.diff(base.ids[base.order]) <= 0
    ):
        raise IndexFormatError(f"{path}: array order does not order the ids; rebuild the index")
    both = np.append(base.ids[state.alive[: len(base.ids)]], state.tail_ids)
    if len(np.unique(both)) != len(both):
        raise IndexFormatError(f"{path}: array tail_ids repeats ids; rebuild the index")
