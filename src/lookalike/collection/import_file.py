"""Vector files as blocks of rows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from lookalike.arguments import as_count
from lookalike.catalogue import FeatureRecord
from lookalike.collection.add_vectors import BLOCK_ROWS, RowBlock, checked, metric_of
from lookalike.collection.paths import as_path
from lookalike.collection.row_arguments import check_name
from lookalike.errors import OptionError, VectorFileError
from lookalike.vectorfiles import VectorFile, is_vector_file, open_vectors


@contextmanager
def open_import(
    file: str | os.PathLike[str],
    *,
    stored: FeatureRecord | None,
    feature: str,
    metric: str | None,
    library: str | None = None,
    dimension: int | None = None,
    **options: str | None,
) -> Iterator[tuple[VectorFile, dict[str, Any]]]:
    """Open a file of vectors for a feature; yield it and those of the `options` that are to be kept with the feature.

    A saved index of another library is known by its content, or is of the `library` that is named; it says itself how
    its vectors are compared.
    """
    for name, value in options.items():
        check_name(value, name)
    path = as_path(file, "file")
    check_name(library, "library")
    library = library or _library_of(path)
    if library is not None:
        with _open_saved(path, library, dimension, metric, **options) as index:
            metric_of(stored, name=feature, metric=index.metric)
            yield index, {}
        return
    if dimension is not None:
        raise OptionError(f"{path} tells its dimension; leave it out, or name the library that saved it")
    kind = metric_of(stored, name=feature, metric=metric)
    with open_vectors(path, metric=kind, **options) as vectors:  # type: ignore[arg-type]
        yield vectors, {name: value for name, value in options.items() if value is not None}


def _library_of(path: Path) -> str | None:
    if is_vector_file(path) or not path.is_file():
        return None
    from lookalike.vectorfiles.saved import library_of

    return library_of(path)


def _open_saved(
    path: Path,
    library: str,
    dimension: int | None,
    metric: str | None,
    *,
    names: str | None,
    **options: str | None,
) -> VectorFile:
    from lookalike.vectorfiles.saved import SavedIndex

    check_name(metric, "metric")
    for name, value in options.items():
        if value is not None:
            raise OptionError(f"{path} is a saved index, so {name} {value!r} means nothing; leave it out")
    size = None if dimension is None else as_count(dimension, "dimension", least=1)
    return SavedIndex(path, library, dimension=size, metric=metric, names=names)


def file_blocks(vectors: VectorFile, feature: FeatureRecord) -> Iterator[RowBlock]:
    """Yield a vector file as blocks of rows, each at the place `FILE#ROW`."""
    path = os.path.abspath(vectors.path)
    names = vectors.names()
    for first, block in vectors.blocks(BLOCK_ROWS):
        ids = None
        if names is not None:
            ids = list(islice(names, len(block)))
            if len(ids) != len(block):
                raise VectorFileError(f"{vectors.path} has fewer names than rows; name other datasets")
        yield RowBlock(
            first_row=first,
            vectors=checked(block, feature, str(vectors.path), first),
            ids=ids,
            places=[f"{path}#{first + row}" for row in range(len(block))],
        )
