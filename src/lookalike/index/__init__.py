"""The vector index: buckets, sketches, rerank, on-disk format."""

from lookalike.index.base import IndexView, VectorIndex, VectorReader
from lookalike.index.bucket_index import BucketIndex
from lookalike.index.index import Index
from lookalike.index.lsh.trade_off import TunedFamily, Tuning
from lookalike.index.reports import Explanation, IndexStats, RecallMeasurement, TableExplanation
from lookalike.index.tune import tune_family

__all__ = [
    "BucketIndex",
    "Explanation",
    "Index",
    "IndexStats",
    "IndexView",
    "RecallMeasurement",
    "TableExplanation",
    "TunedFamily",
    "Tuning",
    "VectorIndex",
    "VectorReader",
    "tune_family",
]
