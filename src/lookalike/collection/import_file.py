"""Vector files as blocks of rows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.arguments import as_count
from lookalike.arrays import Rows
from lookalike.catalogue import Catalogue, FeatureRecord
from lookalike.collection.add_vectors import BLOCK_ROWS, RowBlock, checked, metric_of
from lookalike.collection.paths import as_path
from lookalike.collection.report import Event
from lookalike.collection.row_arguments import check_name
from lookalike.errors import OptionError, VectorError, VectorFileError
from lookalike.sets import stacked_rows
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


def file_blocks(
    vectors: VectorFile, feature: FeatureRecord, catalogue: Catalogue, *, skip_bad: bool = False
) -> Iterator[RowBlock]:
    """Yield a vector file as blocks of rows, each at the place `FILE#ROW`.

    A name that is the path of a stored picture, from the working folder or from that of the file, stands for its id.

    Args:
        skip_bad: leave out rows that cannot be compared, such as those with NaN, and tell of them.

    Raises:
        VectorFileError: the file is damaged.
        VectorError: a row cannot be compared, or with `skip_bad` none can.
    """
    path = os.path.abspath(vectors.path)
    names = vectors.names()
    skipped: list[Event] = []
    taken = 0
    for first, block, kept, bad in _sound(vectors, feature, skip_bad=skip_bad):
        ids: list[str] | None = None
        joined: frozenset[str] = frozenset()
        if names is not None:
            read = list(islice(names, len(kept) + len(bad)))
            if len(read) != len(kept) + len(bad):
                raise VectorFileError(f"{vectors.path} has fewer names than rows; name other datasets")
            ids, joined = _joined([read[row - first] for row in kept], catalogue, os.path.dirname(path))
        skipped += [Event("skipped", f"{path}#{row}", reason=reason) for row, reason in bad]
        if not kept:
            continue
        taken += len(kept)
        yield RowBlock(
            first_row=kept[0],
            vectors=block,
            ids=ids,
            places=[f"{path}#{row}" for row in kept],
            skipped=tuple(skipped),
            joined=joined,
        )
        skipped.clear()
    if not skipped:
        return
    if not taken:
        raise VectorError(f"no row of {vectors.path} can be compared; {skipped[0].reason}")
    yield RowBlock(vectors.rows, np.empty((0, vectors.width), np.float32), places=(), skipped=tuple(skipped))


def _sound(
    vectors: VectorFile, feature: FeatureRecord, *, skip_bad: bool
) -> Iterator[tuple[int, Rows, list[int], list[tuple[int, str]]]]:
    """Yield blocks as (number of the first row, rows, their numbers, bad rows and why)."""
    name = str(vectors.path)
    if not skip_bad:
        for first, block in vectors.blocks(BLOCK_ROWS):
            yield first, checked(block, feature, name, first), list(range(first, first + len(block))), []
        return
    for first in range(0, vectors.rows, BLOCK_ROWS):
        raw = vectors.raw(first, min(first + BLOCK_ROWS, vectors.rows))
        kept, bad = [], []
        try:
            block = checked(raw, feature, name, first)
            kept = list(range(first, first + len(raw)))
        except VectorError:
            good = []
            for row in range(first, first + len(raw)):
                try:
                    good.append(checked(raw[row - first : row - first + 1], feature, name, row))
                    kept.append(row)
                except VectorError as error:
                    bad.append((row, str(error).removeprefix(f"{name}: ")))
            block = stacked_rows([one[0] for one in good]) if good else raw[:0]
        yield first, block, kept, bad


def _joined(names: list[str], catalogue: Catalogue, folder: str) -> tuple[list[str], frozenset[str]]:
    """Return names as ids, and those ids that were found by the path of a stored picture."""
    known = catalogue.numbers(names)
    paths = {}
    for name in names:
        if name and name not in known and "\0" not in name:
            paths[name] = (os.path.abspath(name), os.path.normpath(os.path.join(folder, name)))
    places = {
        place.path: place.number for place in catalogue.places({one for two in paths.values() for one in two})
    }
    numbers = {
        name: next(places[one] for one in two if one in places)
        for name, two in paths.items()
        if any(one in places for one in two)
    }
    wanted = sorted(set(numbers.values()))
    ids = dict(zip(wanted, (source.id for source in catalogue.sources(wanted)), strict=True))
    by_name = {name: ids[number] for name, number in numbers.items()}
    return [by_name.get(name, name) for name in names], frozenset(by_name.values())
