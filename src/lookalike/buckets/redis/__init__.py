"""The bucket store in Redis and Valkey (extra `redis`)."""

from lookalike.buckets.redis.store import RedisBuckets

__all__ = ["RedisBuckets"]
