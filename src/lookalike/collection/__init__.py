"""Collections: pictures and vectors with their catalogue and indexes."""

from lookalike.collection.collection import Collection
from lookalike.collection.explain import Explanation
from lookalike.collection.hits import Hit, Hits
from lookalike.collection.report import AddReport, Event, Listener

__all__ = ["AddReport", "Collection", "Event", "Explanation", "Hit", "Hits", "Listener"]
