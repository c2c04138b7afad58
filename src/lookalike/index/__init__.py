"""The vector index: buckets, sketches, rerank, on-disk format."""

from lookalike.index.base import IndexView, VectorIndex
from lookalike.index.index import Index
from lookalike.index.reports import Explanation, IndexStats, RecallMeasurement, TableExplanation

__all__ = [
    "Explanation",
    "Index",
    "IndexStats",
    "IndexView",
    "RecallMeasurement",
    "TableExplanation",
    "VectorIndex",
]
