"""What the service answers, as what a collection does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lookalike.catalogue import Location, Source
from lookalike.catalogue.facets import Facet
from lookalike.collection.hits import Hit, Hits
from lookalike.collection.late_recall import LateRecall
from lookalike.collection.query import PictureQuery, Query, SourceQuery, VectorQuery
from lookalike.collection.request import SearchRequest

NO_DISTANCE = float("nan")


@dataclass(frozen=True, slots=True)
class UrlQuery:
    """A picture on the public internet, which the service fetches where it was told that it may."""

    url: str


def hits_of(
    pages: Sequence[Mapping[str, Any]], query: Query | UrlQuery | None, request: SearchRequest
) -> Hits:
    """Return the hits of the pages of one search, no more than were asked for."""
    first = pages[0]
    notes = dict.fromkeys(note for page in pages for note in page["notes"])
    return Hits(
        tuple(hit_of(told) for page in pages for told in page["hits"])[: request.k],
        {**_described(query), **request.described(first["features"])},
        notes=tuple(notes),
        facets=counts_of(first["facets"]),
        recall=LateRecall.known(pages[-1].get("estimated_recall")),
    )


def hit_of(told: Mapping[str, Any]) -> Hit:
    """Return a hit, of whose places nothing is known."""
    return Hit(
        id=told["id"],
        path=None,
        distance=NO_DISTANCE if told["distance"] is None else told["distance"],
        features=told["features"],
        text_score=told["text_score"],
        metadata=told["metadata"],
        pixels=told["pixels"],
        exists=told["has_picture"] or not told["pixels"],
    )


def source_of(told: Mapping[str, Any]) -> Source:
    """Return a source, of whose places only one on the web is known."""
    known = {name: told[name] for name in Source._fields if name != "places"}
    return Source(**known, places=() if told["url"] is None else (Location(told["url"]),))


def counts_of(told: Mapping[str, Any]) -> dict[str, Facet]:
    """Return how often values of metadata fields occur."""
    return {name: tuple((one["value"], one["count"]) for one in counts) for name, counts in told.items()}


def _described(query: Query | UrlQuery | None) -> dict[str, Any]:
    if isinstance(query, SourceQuery):
        return {"id": query.id}
    if isinstance(query, UrlQuery):
        return {"url": query.url}
    if isinstance(query, PictureQuery):
        picture = query.picture
        return {"bytes": len(picture)} if isinstance(picture, bytes) else {"path": str(picture)}
    if isinstance(query, VectorQuery) and not isinstance(query.vectors, Mapping):
        return {"dimension": int(query.vectors.shape[-1])}
    return {}
