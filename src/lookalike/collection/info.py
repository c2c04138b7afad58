"""What a collection is made of, as JSON has it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from lookalike.catalogue import Catalogue
from lookalike.collection.indexes import Indexes


def describe(folder: Path, catalogue: Catalogue, indexes: Indexes) -> dict[str, Any]:
    """Return counts, sizes, features, families and bucket statistics."""
    statistics = catalogue.statistics()
    index_bytes = sum(file.stat().st_size for file in (folder / "indexes").rglob("*") if file.is_file())
    return {
        "folder": str(folder),
        "created": catalogue.created_at,
        "generation": catalogue.generation(),
        "sources": statistics.sources,
        "pictures": statistics.pictures,
        "places": statistics.places,
        "catalogue_bytes": statistics.file_bytes,
        "index_bytes": index_bytes,
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
