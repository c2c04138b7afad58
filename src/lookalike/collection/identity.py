"""Ids of sources, made from their content."""

from __future__ import annotations

import hashlib
import os
import uuid

NAMESPACE = uuid.UUID("6f0c2b1e-8d3a-5d0e-9b57-3c1f0a7de4b2")
"""Namespace of the ids that Lookalike makes; it never changes, so that a picture keeps its id everywhere."""


BLOCK_BYTES = 1 << 20


def content_id(raw: bytes) -> str:
    """Return the UUIDv5 of `raw` in `NAMESPACE`: the same bytes have the same id on every machine."""
    digest = hashlib.sha1(NAMESPACE.bytes, usedforsecurity=False)
    digest.update(raw)
    return _id(digest)


def content_of(path: str | os.PathLike[str]) -> str:
    """Return the `content_id` of a file's bytes, read in blocks. Raises OSError where it cannot be read."""
    digest = hashlib.sha1(NAMESPACE.bytes, usedforsecurity=False)
    with open(path, "rb", buffering=0) as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return _id(digest)


def _id(digest: hashlib._Hash) -> str:
    return str(uuid.UUID(bytes=digest.digest()[:16], version=5))


def sha256(raw: bytes) -> str:
    """Return the SHA-256 of `raw` in hex."""
    return hashlib.sha256(raw).hexdigest()
