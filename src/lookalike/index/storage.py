"""The state of an index to and from its directory."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.errors import IndexFormatError, OptionError
from lookalike.index import format as disk
from lookalike.index.settings import Settings
from lookalike.index.state import Base, State

_BASE = ("vectors", "ids", "order")


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
    for name in _BASE:
        if name in kept:
            writer.keep(name, kept[name])
        else:
            writer.write(name, getattr(state.base, name))
    tail = np.sort(state.tail_order)
    writer.write("tail_vectors", state.tail_vectors[tail])
    writer.write("tail_ids", state.tail_ids[tail])
    writer.write("removed", np.flatnonzero(~state.alive[: len(state.base.ids)]))
    entries = writer.commit({"settings": settings.to_json(), "generation": generation})
    return Home(path, weakref.ref(state.base), {name: entries[name] for name in _BASE})


def load(path: Path, *, verify: bool) -> tuple[Settings, State, int, Home]:
    """Return settings, state, generation and home of the index in the directory `path`."""
    properties, arrays, entries = disk.read(path, verify=verify)
    try:
        settings = Settings.of(**properties["settings"])
        generation = int(properties["generation"])
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
    state = State.of(base).without(removed)
    state = replace(
        state,
        tail_vectors=tail_vectors,
        tail_ids=tail_ids,
        alive=np.concatenate((state.alive, np.ones(len(tail_ids), dtype=np.bool_))),
        count=state.count + len(tail_ids),
        tail_order=np.argsort(tail_ids),
    )
    return settings, state, generation, Home(path, weakref.ref(base), {name: entries[name] for name in _BASE})


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
