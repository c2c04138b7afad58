"""The bucket-store contract and its stores."""

from lookalike.buckets.base import BucketStats, BucketStore
from lookalike.buckets.memory import MemoryBuckets

__all__ = ["BucketStats", "BucketStore", "MemoryBuckets"]
