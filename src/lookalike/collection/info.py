"""What a collection is made of, as JSON has it."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lookalike.catalogue import Catalogue
from lookalike.collection.indexes import Indexes


def describe(folder: Path, catalogue: Catalogue, indexes: Indexes) -> dict[str, Any]:
    """Return counts, sizes, features, families and bucket statistics."""
    statistics = catalogue.statistics()
    return {
        "folder": str(folder),
        "created": catalogue.created_at,
        "generation": catalogue.generation(),
        "sources": statistics.sources,
        "pictures": statistics.pictures,
        "places": statistics.places,
        "catalogue_bytes": statistics.file_bytes,
        "index_bytes": _bytes_in(folder / "indexes"),
        "features": {
            name: {
                "extractor": feature.extractor,
                "dimension": feature.dimension,
                "metric": feature.metric,
                "version": feature.version,
                "model": feature.model_hash or None,
                "vectors": statistics.vectors.get(name, 0),
                "index": {
                    key: value
                    for key, value in asdict(indexes.get(feature).stats()).items()
                    if value is not None and value != ()
                },
            }
            for name, feature in catalogue.features().items()
        },
        "metadata": {
            name: {"count": field.count, "types": list(field.kinds), "examples": list(field.examples)}
            for name, field in catalogue.metadata_fields().items()
        },
    }


def _bytes_in(folder: Path) -> int:
    """Return the size of the files in a folder, of which another process may take some away meanwhile."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += os.stat(os.path.join(parent, name)).st_size
    return total
