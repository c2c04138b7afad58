"""What a collection is made of, as JSON has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from lookalike.catalogue import Catalogue, FeatureRecord
from lookalike.collection.index_homes import IndexHome
from lookalike.collection.stored_index import EngineIndexed, family_of
from lookalike.hashing import FamilySpec
from lookalike.hashing.spec import LEARNED
from lookalike.index import IndexView

TOKENS = "tokens"
"""How a feature is searched in a search engine."""


def describe(
    location: str,
    homes: IndexHome,
    catalogue: Catalogue,
    features: Mapping[str, FeatureRecord],
    indexes: Mapping[str, IndexView],
) -> dict[str, Any]:
    """Return counts, sizes, features, families and bucket statistics."""
    statistics = catalogue.statistics()
    return {
        "location": location,
        "created": catalogue.created_at,
        "generation": catalogue.generation(),
        "sources": statistics.sources,
        "pictures": statistics.pictures,
        "places": statistics.places,
        "catalogue_bytes": statistics.file_bytes,
        "index_bytes": homes.bytes_used(),
        "features": {
            name: {
                "extractor": feature.extractor,
                "dimension": feature.dimension,
                "metric": feature.metric,
                "version": feature.version,
                "model": feature.model_hash or None,
                "vectors": statistics.vectors.get(name, 0),
                "index": describe_index(feature, indexes[name]),
            }
            for name, feature in features.items()
        },
        "metadata": {
            name: {"count": field.count, "types": list(field.kinds), "examples": list(field.examples)}
            for name, field in catalogue.metadata_fields().items()
        },
    }


def describe_index(feature: FeatureRecord, index: IndexView) -> dict[str, Any]:
    """Return which kind of index was chosen for a feature, and what it says of itself."""
    told = {key: value for key, value in asdict(index.stats()).items() if value not in (None, (), {})}
    if index.trouble is not None:
        told["trouble"] = str(index.trouble)
    if EngineIndexed.of(feature.index) is not None:
        return {"chosen": TOKENS, **told}
    family = FamilySpec.for_metric(family_of(feature.index), feature.metric)
    return {"chosen": LEARNED if family is None else family.name, **told}
