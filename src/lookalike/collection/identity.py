"""Ids of sources, made from their content."""

from __future__ import annotations

import hashlib
import uuid

NAMESPACE = uuid.UUID("6f0c2b1e-8d3a-5d0e-9b57-3c1f0a7de4b2")
"""Namespace of the ids that Lookalike makes; it never changes, so that a picture keeps its id everywhere."""


def content_id(raw: bytes) -> str:
    """Return the UUIDv5 of `raw` in `NAMESPACE`: the same bytes have the same id on every machine."""
    digest = hashlib.sha1(NAMESPACE.bytes + raw, usedforsecurity=False).digest()
    return str(uuid.UUID(bytes=digest[:16], version=5))


def sha256(raw: bytes) -> str:
    """Return the SHA-256 of `raw` in hex."""
    return hashlib.sha256(raw).hexdigest()
