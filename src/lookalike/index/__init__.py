"""The vector index: buckets, sketches, rerank, on-disk format."""

from lookalike.index.answers import Explanation, IndexStats, RecallMeasurement, TableExplanation
from lookalike.index.index import Index

__all__ = ["Explanation", "Index", "IndexStats", "RecallMeasurement", "TableExplanation"]
