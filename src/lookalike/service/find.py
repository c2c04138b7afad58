"""Searches as messages: what the API and the page both answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lookalike.collection import Collection
from lookalike.collection.filters import where_from_json
from lookalike.collection.hits import Hits
from lookalike.collection.mixing import mixed
from lookalike.collection.query import Query as Asked
from lookalike.collection.query import SourceQuery, VectorQuery
from lookalike.collection.request import SearchRequest
from lookalike.service.home import as_vector
from lookalike.service.messages import Page, Query, Search, SearchBody
from lookalike.service.paging import page_of
from lookalike.service.problems import ProblemError
from lookalike.service.uploads import Uploads


def find(body: SearchBody, collection: Collection, uploads: Uploads, most: int) -> Page:
    """Return a page of hits.

    Args:
        most: hits that all pages of the search may have.

    Raises:
        ProblemError, LookalikeError: the search makes no sense, or cannot be answered.
    """
    query, own = (
        _mix(body, collection, uploads)
        if body.also or body.unlike
        else (asked(body.query, collection, uploads), set())
    )

    def ask(k: int) -> Hits:
        hits = collection.answer_one(query, options_of(body, k + len(own)))
        return replace(hits, hits=[hit for hit in hits if hit.id not in own][:k]) if own else hits

    return page_of(body, ask, most)


def asked(query: Query, collection: Collection, uploads: Uploads) -> Asked | None:
    """Return the query that a message stands for; None where it has none. Raises ProblemError, OptionError."""
    given = [name for name in ("id", "upload", "vector") if getattr(query, name) is not None]
    if len(given) > 1:
        raise ProblemError(422, f"a query has {' and '.join(given)}; give one of them", field="query")
    if query.id is not None:
        return SourceQuery(query.id)
    if query.upload is not None:
        return uploads.get(query.upload).query
    return None if query.vector is None else as_vector(query.vector, collection.features())


def options_of(body: Search, k: int) -> SearchRequest:
    """Return the options of a message, for the k best hits. Raises OptionError, MetadataError."""
    return SearchRequest.of(
        k=k,
        text=body.text,
        where=where_from_json(body.where),
        features=body.features,
        blend=body.blend,
        text_weight=body.text_weight,
        facets=body.facets,
        candidates=body.candidates,
        max_distance=body.max_distance,
        strict=body.strict,
    )


def _mix(body: SearchBody, collection: Collection, uploads: Uploads) -> tuple[VectorQuery, set[str]]:
    """Return several queries as one, and the sources among them, which are no hits."""
    if asked(body.query, collection, uploads) is None:
        raise ProblemError(
            422, "there is nothing that hits are to look like; give a query too", field="query"
        )
    wanted = [_vectors(query, collection, uploads) for query in (body.query, *body.also)]
    unwanted = [_vectors(query, collection, uploads) for query in body.unlike]
    features = collection.features()
    if body.features is not None:
        features = {name: feature for name, feature in features.items() if name in body.features}
    own = {query.id for query in (body.query, *body.also, *body.unlike) if query.id is not None}
    return VectorQuery(mixed(wanted, unwanted, features)), own


def _vectors(query: Query, collection: Collection, uploads: Uploads) -> Mapping[str, Any]:
    found = asked(query, collection, uploads)
    if isinstance(found, SourceQuery):
        return collection.vectors(found.id)
    if isinstance(found, VectorQuery) and isinstance(found.vectors, Mapping):
        return found.vectors
    raise ProblemError(
        422, "each part of a mix needs an id, an upload, or a vector with its feature's name", field="query"
    )
