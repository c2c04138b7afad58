"""The bucket-store contract and its stores."""

from lookalike.buckets.base import BucketStats, BucketStore, Candidates, Header
from lookalike.buckets.memory import MemoryBuckets
from lookalike.buckets.opening import open_bucket_store

__all__ = ["BucketStats", "BucketStore", "Candidates", "Header", "MemoryBuckets", "open_bucket_store"]
