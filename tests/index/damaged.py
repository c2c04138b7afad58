"""Manifests with fields that were altered, for tests."""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lookalike.index.io import array_directory as disk

Way = tuple[Any, ...]
GONE = object()
"""In place of a value: take the field away."""


def fields(value: Any, way: Way = ()) -> Iterator[Way]:
    """Yield the way to every field of a manifest's body."""
    if isinstance(value, dict):
        for key in value:
            yield (*way, key)
            yield from fields(value[key], (*way, key))
    elif isinstance(value, list) and way and way[-1] == "shape":
        for place in range(len(value)):
            yield (*way, place)


def altered(body: Any, way: Way, wrong: Any) -> Any:
    """Return a copy of `body` whose field at `way` is `wrong`, or, where that can be called, what it gives of it."""
    changed = copy.deepcopy(body)
    inner = changed
    for key in way[:-1]:
        inner = inner[key]
    if wrong is GONE:
        del inner[way[-1]]
    else:
        inner[way[-1]] = wrong(inner[way[-1]]) if callable(wrong) else wrong
    return changed


def forged(body: Any, version: int = disk.VERSION) -> bytes:
    """Return the manifest of `body`, whose checksum is right."""
    manifest = {"magic": disk.MAGIC, "version": version, "body": body}
    manifest["checksum"] = disk.checksum_of(body)
    return disk.text_of(manifest).encode()


def body_of(index: Path) -> Any:
    """Return the body of the manifest of the index in this directory."""
    return json.loads((index / disk.MANIFEST).read_bytes())["body"]


def files_of(index: Path) -> list[Path]:
    """Return the files of an index that hold something, were it nothing: all but the writers' lock."""
    return sorted(file for file in index.iterdir() if file.name != disk.LOCK)


@contextmanager
def kept(file: Path) -> Iterator[bytes]:
    """Give the content of `file`, and write it back afterwards."""
    whole = file.read_bytes()
    try:
        yield whole
    finally:
        file.write_bytes(whole)
