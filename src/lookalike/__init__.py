"""Lookalike finds pictures, or any vectors, that look alike, by locality-sensitive hashing."""

__version__ = "0.1.0"
