"""The state of an index to and from its directory."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.arrays import as_ids, as_vectors
from lookalike.errors import IndexFormatError, LookalikeError, OptionError
from lookalike.index import format as disk
from lookalike.index.bucketed import Bucketed
from lookalike.index.folding import with_buckets
from lookalike.index.settings import Settings
from lookalike.index.state import Base, State, prepared

_CHANGING = ("tail_vectors", "tail_ids", "removed")
"""The arrays that are written on every save; the others are the base's."""


@dataclass(frozen=True)
class Home:
    """Where a base was saved last, so that saving there again need not write it again."""

    path: Path
    base: weakref.ref[Base]
    entries: dict[str, disk.Entry]


def save(path: Path, settings: Settings, state: State, generation: int, home: Home | None) -> Home:
    """Write `state` to the directory `path`; arrays of the base that are there already are kept."""
    writer = disk.Writer(path)
    kept = _kept(path, state.base, home)
    properties, arrays = _parts(state.base)
    for name in kept:
        writer.keep(name, kept[name])
    _write(writer, {name: array for name, array in arrays.items() if name not in kept}, state)
    entries = writer.commit({"settings": settings.to_json(), "generation": generation, "buckets": properties})
    return Home(path, weakref.ref(state.base), {name: entries[name] for name in arrays})


def build(
    path: Path,
    settings: Settings,
    blocks: Iterable[tuple[Sequence[int] | disk.Array, npt.ArrayLike]],
    generation: int,
) -> None:
    """Write an index of blocks of (ids, vectors) to `path`, vectors block by block."""
    writer = disk.Writer(path)
    numbers = [np.empty(0, dtype=np.int64)]
    with writer.stream("vectors", np.float32, (settings.dimension,)) as stream:
        row = 0
        for ids, vectors in blocks:
            block = as_vectors(vectors, dimension=settings.dimension, metric=settings.metric, first_row=row)
            numbers.append(as_ids(ids, rows=len(block)))
            stream.append(prepared(block, settings.metric))
            row += len(block)
    base = with_buckets(Base.of(writer.map("vectors"), as_ids(np.concatenate(numbers))), settings)
    properties, arrays = _parts(base)
    del arrays["vectors"]
    _write(writer, arrays, State.of(base))
    writer.commit({"settings": settings.to_json(), "generation": generation, "buckets": properties})


def load(path: Path, *, verify: bool) -> tuple[Settings, State, int, Home]:
    """Return settings, state, generation and home of the index in the directory `path`."""
    properties, arrays, entries = disk.read(path, verify=verify)
    try:
        settings = Settings.of(**properties["settings"])
        generation = int(properties["generation"])
        buckets = properties["buckets"]
        base = Base(arrays["vectors"], arrays["ids"], arrays["order"])
        tail_vectors, tail_ids, removed = arrays["tail_vectors"], arrays["tail_ids"], arrays["removed"]
    except (KeyError, TypeError, ValueError, OptionError) as error:
        raise IndexFormatError(
            f"{path / disk.MANIFEST}: lacks or garbles {error}; rebuild the index"
        ) from error
    rows = len(base.ids)
    _check(path, "vectors", base.vectors, "<f4", (rows, settings.dimension))
    _check(path, "ids", base.ids, "<i8", (rows,))
    _check(path, "order", base.order, "<i8", (rows,))
    _check(path, "tail_vectors", tail_vectors, "<f4", (len(tail_ids), settings.dimension))
    _check(path, "tail_ids", tail_ids, "<i8", (len(tail_ids),))
    _check(path, "removed", removed, "<i8", (len(removed),))
    if len(removed) and (
        removed.min() < 0 or removed.max() >= rows or len(np.unique(removed)) != len(removed)
    ):
        raise IndexFormatError(f"{path}: array removed names rows that are not there; rebuild the index")
    if verify:
        _check_order(path, base)
    if buckets is not None:
        try:
            bucketed = Bucketed.restored(settings, rows, buckets, arrays, verify)
        except (LookalikeError, KeyError, TypeError, ValueError) as error:
            raise IndexFormatError(f"{path / disk.MANIFEST}: {error}; rebuild the index") from error
        base = replace(base, bucketed=bucketed)
    state = State.of(base).without(removed)
    state = replace(
        state,
        tail_vectors=tail_vectors,
        tail_ids=tail_ids,
        alive=np.concatenate((state.alive, np.ones(len(tail_ids), dtype=np.bool_))),
        count=state.count + len(tail_ids),
        tail_order=np.argsort(tail_ids),
    )
    kept = {name: entry for name, entry in entries.items() if name not in _CHANGING}
    return settings, state, generation, Home(path, weakref.ref(base), kept)


def _write(writer: disk.Writer, arrays: dict[str, disk.Array], state: State) -> None:
    """Write arrays of the base, and what has changed since the base was made."""
    for name, array in arrays.items():
        writer.write(name, array)
    tail = np.sort(state.tail_order)
    writer.write("tail_vectors", state.tail_vectors[tail])
    writer.write("tail_ids", state.tail_ids[tail])
    writer.write("removed", np.flatnonzero(~state.alive[: len(state.base.ids)]))


def _parts(base: Base) -> tuple[dict[str, Any] | None, dict[str, disk.Array]]:
    """Return what to save of a base: properties of its buckets, and arrays."""
    arrays: dict[str, disk.Array] = {"vectors": base.vectors, "ids": base.ids, "order": base.order}
    if base.bucketed is None:
        return None, arrays
    properties, more = base.bucketed.parts()
    return properties, arrays | more


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


def _check(path: Path, name: str, array: disk.Array, dtype: str, shape: tuple[int, ...]) -> None:
    if array.dtype != np.dtype(dtype) or array.shape != shape:
        raise IndexFormatError(
            f"{path / disk.MANIFEST}: array {name} is {array.dtype.str} {array.shape}, not {dtype} {shape}; "
            "rebuild the index"
        )


def _check_order(path: Path, base: Base) -> None:
    """Check that the ids are different and that `order` puts them in order."""
    rows: Any = np.arange(len(base.ids))
    if not np.array_equal(np.sort(base.order), rows) or np.any(np.diff(base.ids[base.order]) <= 0):
        raise IndexFormatError(f"{path}: array order does not order the ids; rebuild the index")
