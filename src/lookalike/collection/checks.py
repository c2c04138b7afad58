"""What can be told to be wrong before there is a collection, so that a mistyped command makes none."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from lookalike.collection.extraction import plan_features
from lookalike.collection.rows import plan_feature
from lookalike.collection.vectorimport import open_import
from lookalike.collection.walk import MetadataTable, find_pictures


def check_pictures(paths: Sequence[Path], *, features: Iterable[str] | None, metadata: Path | None) -> None:
    """Raise what `Collection.add` raises before it writes, in a collection that has nothing yet."""
    next(find_pictures(paths), None)
    if metadata is not None:
        MetadataTable.read(metadata, paths)
    plan_features({}, features)


def check_vectors(
    file: str | os.PathLike[str], *, feature: str, metric: str | None, **options: str | None
) -> None:
    """Raise what `Collection.import_file` raises before it writes, in a collection that has nothing yet."""
    with open_import(file, **options) as (vectors, given):
        plan_feature(None, name=feature, dimension=vectors.dimension, metric=metric, options=given)
