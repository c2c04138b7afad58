"""Collections: pictures and vectors with their catalogue and indexes."""

from lookalike.collection.collection import Collection
from lookalike.collection.explain import Explanation
from lookalike.collection.hits import Hit, Hits
from lookalike.collection.query import (
    MixQuery,
    PictureQuery,
    RowQuery,
    SourceQuery,
    TextQuery,
    VectorQuery,
    Weighted,
)
from lookalike.collection.report import AddReport, Event, Listener
from lookalike.collection.request import SearchRequest
from lookalike.collection.then import Then

__all__ = [
    "AddReport",
    "Collection",
    "Event",
    "Explanation",
    "Hit",
    "Hits",
    "Listener",
    "MixQuery",
    "PictureQuery",
    "RowQuery",
    "SearchRequest",
    "SourceQuery",
    "TextQuery",
    "Then",
    "VectorQuery",
    "Weighted",
]
