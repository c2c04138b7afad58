"""What is added through a service, checked here and cut into requests that it takes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lookalike.arrays import DISCRETE, as_metric, as_vectors
from lookalike.catalogue.metadata import encoded
from lookalike.collection.add_vectors import BLOCK_ROWS, check_on_duplicate
from lookalike.collection.metadata_table import MetadataTable
from lookalike.collection.report import Event
from lookalike.collection.row_arguments import as_metadata, as_table, as_text_ids, block_of, check_name
from lookalike.collection.walk import Found
from lookalike.errors import OptionError, PictureError, PictureMissingError
from lookalike.images.decode import format_of

SENT_BYTES = 16 << 20
"""Of one request, about."""
SENT_PICTURES = 200
SENT_ROWS = 100_000
NUMBER_BYTES = 24
"""That a number takes as JSON, at most."""

Picture = tuple[str, bytes, Mapping[str, Any]]
"""Its path, its file and its metadata."""


def read(path: str | Path) -> bytes:
    """Return a picture's file. Raises PictureMissingError."""
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # a name with a NUL is no name
        raise PictureMissingError(str(path), getattr(error, "strerror", None) or str(error)) from None


@dataclass(frozen=True, slots=True)
class Pictures:
    """Picture files by their content, and what cannot be sent."""

    paths: Mapping[str, Sequence[str]]
    """By SHA-256: the places of exact copies."""
    skipped: Sequence[Event]

    @classmethod
    def of(cls, files: Sequence[Found]) -> Pictures:
        """Read `files` once, to know what they hold."""
        paths: dict[str, list[str]] = {}
        skipped = []
        for file in files:
            try:
                if file.problem is not None:
                    raise PictureMissingError(file.path, file.problem)
                data = read(file.path)
                format_of(data, file.path)
            except PictureError as error:
                skipped.append(Event("skipped", file.path, reason=error.reason))
            else:
                paths.setdefault(hashlib.sha256(data).hexdigest(), []).append(file.path)
        return cls(paths, skipped)

    def batches(self, table: MetadataTable | None) -> Iterator[list[Picture]]:
        """Yield the pictures in batches, copies once, with what `table` tells of all of them."""
        batch: list[Picture] = []
        size = 0
        for copies in self.paths.values():
            data, fields = read(copies[0]), {} if table is None else table.of(copies)
            encoded(fields, copies[0])
            if batch and (size + len(data) > SENT_BYTES or len(batch) == SENT_PICTURES):
                yield batch
                batch, size = [], 0
            batch.append((copies[0], data, fields))
            size += len(data)
        if batch:
            yield batch


def form_of(batch: Sequence[Picture]) -> dict[str, Any]:
    """Return pictures as a form, in the way that `httpx.Client.request` takes it."""
    return {
        "files": [("pictures", (os.path.basename(path), data)) for path, data, _ in batch],
        "data": {"metadata": json.dumps([fields for _, _, fields in batch])},
    }


def row_bodies(
    vectors: Any, *, ids: Any, feature: Any, metric: Any, metadata: Any, on_duplicate: Any
) -> Iterator[dict[str, Any]]:
    """Yield the requests that add vectors, once all has been checked that can be here.

    Raises:
        What `Collection.add_vectors` raises for what does not depend on the collection; OptionError for sets and codes.
    """
    check_name(feature, "feature")
    check_name(metric, "metric")
    check_on_duplicate(on_duplicate)
    kind = as_metric("euclidean" if metric is None else metric)
    if kind in DISCRETE:
        raise OptionError(
            f"metric is {kind}; sets and codes cannot be sent: add them where the collection is"
        )
    table = as_table(vectors, kind)
    count = table.shape[0]
    names = None if ids is None else as_text_ids(ids, count)
    fields = None if metadata is None else as_metadata(metadata, count)
    for row, one in enumerate(fields or ()):
        encoded(one, names[row] if names else f"row {row}")
    for start in range(0, count, BLOCK_ROWS):
        as_vectors(block_of(table, slice(start, start + BLOCK_ROWS)), metric=kind, first_row=start)
    for part in _parts(table.shape, names, fields):
        yield {
            "vectors": as_vectors(block_of(table, part), metric=kind, first_row=part.start).tolist(),
            "ids": None if names is None else names[part],
            "feature": feature,
            "metric": metric,
            "metadata": None if fields is None else fields[part],
            "on_duplicate": on_duplicate,
        }


def _parts(
    shape: tuple[int, int], names: Sequence[str] | None, fields: Sequence[Mapping[str, Any]] | None
) -> Iterator[slice]:
    start = size = 0
    for row in range(shape[0]):
        own = NUMBER_BYTES * shape[1]
        own += len(json.dumps(names[row])) if names else 0
        own += len(json.dumps(fields[row])) if fields else 0
        if row > start and (size + own > SENT_BYTES or row - start == SENT_ROWS):
            yield slice(start, row)
            start, size = row, 0
        size += own
    if start < shape[0]:
        yield slice(start, shape[0])
