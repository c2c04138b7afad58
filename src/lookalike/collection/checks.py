"""Keeps a mistyped command from making a collection, and one that stores nothing from leaving one behind."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lookalike.collection.add_vectors import plan_feature
from lookalike.collection.backends import CATALOGUE
from lookalike.collection.collection import Collection
from lookalike.collection.import_file import open_import
from lookalike.collection.lock import writer_lock
from lookalike.errors import LookalikeError


def check_vectors(
    file: str | os.PathLike[str],
    *,
    feature: str,
    metric: str | None,
    library: str | None = None,
    dimension: int | None = None,
    **options: str | None,
) -> None:
    """Raise what `Collection.import_file` raises before it writes, in a collection that has nothing yet."""
    with open_import(
        file, stored=None, feature=feature, metric=metric, library=library, dimension=dimension, **options
    ) as (vectors, given):
        plan_feature(None, name=feature, dimension=vectors.width, metric=vectors.metric, options=given)


@contextmanager
def collection_to_fill(folder: Path | str) -> Iterator[Collection]:
    """Open the collection in `folder`, or make one, which goes away again if the body stores nothing in it."""
    if isinstance(folder, str):  # a URL, where nothing lies about that an empty collection could be taken for
        with Collection.open_or_create(folder) as collection:
            yield collection
        return
    folder = folder.absolute()
    if os.path.exists(folder / CATALOGUE):
        with Collection.open(folder) as collection:
            yield collection
        return
    missing = [path for path in (folder / "indexes", folder, *folder.parents) if not os.path.exists(path)]
    with Collection.open_or_create(folder) as collection:
        try:
            yield collection
        finally:
            with suppress(LookalikeError, OSError):  # somebody else is writing to it, so it is needed
                _remove_if_empty(collection, missing)


def _remove_if_empty(collection: Collection, made: Sequence[Path]) -> None:
    """Remove a collection without sources, and the folders that were made for it, the innermost first."""
    folder = Path(collection.location)
    with writer_lock(folder, "add"):
        if len(collection):
            return
        collection.close()
        if folder / "indexes" in made:
            shutil.rmtree(folder / "indexes", ignore_errors=True)
        for ending in ("-wal", "-shm", ""):
            (folder / f"{CATALOGUE}{ending}").unlink(missing_ok=True)
    (folder / "writer.lock").unlink(missing_ok=True)
    for path in made:
        if path.exists():
            path.rmdir()
