"""The truth: sources, places, metadata, text and vectors, in SQL by SQLAlchemy Core."""

from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.records import FeatureRecord, NewSource, Place, Placed, Problem, Source
from lookalike.catalogue.where import Where
from lookalike.catalogue.writer import Writer

__all__ = [
    "Catalogue",
    "FeatureRecord",
    "NewSource",
    "Place",
    "Placed",
    "Problem",
    "Source",
    "Where",
    "Writer",
]
