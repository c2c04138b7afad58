"""The bucket-store contract and its stores."""

from lookalike.buckets.base import BucketStats, BucketStore, Candidates, Found, Header
from lookalike.buckets.marks import Marks
from lookalike.buckets.memory import MemoryBuckets
from lookalike.buckets.opening import open_bucket_store

__all__ = [
    "BucketStats",
    "BucketStore",
    "Candidates",
    "Found",
    "Header",
    "Marks",
    "MemoryBuckets",
    "open_bucket_store",
]
