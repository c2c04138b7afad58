"""Queries as the service takes them; pictures are sent to it before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lookalike.arguments import shown
from lookalike.client.answers import UrlQuery
from lookalike.client.asking import numbers
from lookalike.client.sending import read
from lookalike.client.transport import Transport
from lookalike.collection.query import (
    MixQuery,
    PictureQuery,
    Query,
    RowQuery,
    SourceQuery,
    TextQuery,
    VectorQuery,
)
from lookalike.errors import OptionError


def search_query_of(query: Query | UrlQuery | None, transport: Transport) -> dict[str, Any]:
    """Return a query as a search has it: in several parts, where it is a mix. Raises what `query_of` does."""
    if not isinstance(query, MixQuery):
        return {"query": {} if query is None else query_of(query, transport)}
    first, *also = (_weighted(*part, transport) for part in query.weighted_like)
    return {
        "query": first,
        "also": also,
        "unlike": [_weighted(*part, transport) for part in query.weighted_unlike],
    }


def query_of(query: Query | UrlQuery, transport: Transport) -> dict[str, Any]:
    """Return a query of one part.

    Raises:
        OptionError: it cannot be sent.
        PictureError, VectorError: it is no picture, or no vector.
        ServiceError: the service does not take its picture.
    """
    if isinstance(query, SourceQuery):
        return {"id": query.id}
    if isinstance(query, PictureQuery):
        data = query.picture if isinstance(query.picture, bytes) else read(query.picture)
        sent = transport.send("POST", "/api/v1/uploads", again=True, files={"picture": data})
        return {"upload": sent["id"]}
    if isinstance(query, UrlQuery):
        sent = transport.send("POST", "/api/v1/uploads/url", again=True, json={"url": query.url})
        return {"upload": sent["id"]}
    if isinstance(query, VectorQuery):
        vectors = query.vectors
        if isinstance(vectors, Mapping):
            return {"vector": {name: numbers(one) for name, one in vectors.items()}}
        return {"vector": numbers(vectors)}
    if isinstance(query, TextQuery):
        return {"describe": query.text}
    if isinstance(query, RowQuery):
        raise OptionError(f"row {query.row} of {query.file} cannot be sent; read it, and give the vector")
    raise OptionError(f"{shown(query)} cannot be sent; give an id, a picture, vectors or words")


def _weighted(query: Query, weight: float, transport: Transport) -> dict[str, Any]:
    return {**query_of(query, transport), "weight": weight}
