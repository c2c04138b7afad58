"""Vector files as blocks of rows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from lookalike.arrays import Metric
from lookalike.catalogue import FeatureRecord
from lookalike.collection.add_vectors import BLOCK_ROWS, RowBlock, checked
from lookalike.collection.paths import as_path
from lookalike.collection.row_arguments import check_name
from lookalike.errors import VectorFileError
from lookalike.vectorfiles import VectorFile, open_vectors


@contextmanager
def open_import(
    file: str | os.PathLike[str], *, metric: Metric, **options: str | None
) -> Iterator[tuple[VectorFile, dict[str, Any]]]:
    """Open a vector file; yield it and those of the `options` that were given, to be kept with the feature."""
    for name, value in options.items():
        check_name(value, name)
    with open_vectors(as_path(file, "file"), metric=metric, **options) as vectors:  # type: ignore[arg-type]
        yield vectors, {name: value for name, value in options.items() if value is not None}


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
