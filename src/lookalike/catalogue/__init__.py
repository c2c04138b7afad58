"""The truth: sources, places, metadata, text and vectors, in SQL."""

from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.hit_rows import HitRows
from lookalike.catalogue.records import FeatureRecord, Location, NewSource, Problem, Source, StoredLocation
from lookalike.catalogue.where import Where

__all__ = [
    "Catalogue",
    "FeatureRecord",
    "HitRows",
    "Location",
    "NewSource",
    "Problem",
    "Source",
    "StoredLocation",
    "Where",
]
