"""The vector index: buckets, sketches, rerank, on-disk format."""

from lookalike.index.base import IndexView, VectorIndex, VectorReader
from lookalike.index.bucket_index import BucketIndex
from lookalike.index.index import Index
from lookalike.index.reports import Explanation, IndexStats, RecallMeasurement, TableExplanation

__all__ = [
    "BucketIndex",
    "Explanation",
    "Index",
    "IndexStats",
    "IndexView",
    "RecallMeasurement",
    "TableExplanation",
    "VectorIndex",
    "VectorReader",
]
