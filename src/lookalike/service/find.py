"""Searches as messages: what the API and the page both answer."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from lookalike.collection import Collection
from lookalike.collection.filters import where_from_json
from lookalike.collection.hits import Hits
from lookalike.collection.query import MixQuery, SourceQuery, TextQuery, Weighted
from lookalike.collection.query import Query as Asked
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
    if body.also or body.unlike:
        query: Asked | None = _mix(body, collection, uploads)
    else:
        query = asked(body.query, collection, uploads, body.features)

    def ask(k: int) -> Hits:
        return collection.answer_one(query, options_of(body, k))

    return page_of(body, ask, most)


def asked(
    query: Query, collection: Collection, uploads: Uploads, features: Container[str] | None
) -> Asked | None:
    """Return the query that a message stands for; None where it has none. Raises ProblemError, OptionError.

    Args:
        features: those that are compared, by default all. What was uploaded has all, without the client's naming them.
    """
    given = [name for name in ("id", "upload", "vector", "describe") if getattr(query, name) is not None]
    if len(given) > 1:
        raise ProblemError(422, f"a query has {' and '.join(given)}; give one of them", field="query")
    if query.id is not None:
        return SourceQuery(query.id)
    if query.upload is not None:
        return uploads.get(query.upload).query(features)
    if query.describe is not None:
        return TextQuery(query.describe)
    return None if query.vector is None else as_vector(query.vector, collection.features())


def options_of(body: Search, k: int) -> SearchRequest:
    """Return the options of a message, for the k best hits. Raises OptionError, MetadataError."""
    request = SearchRequest.of(
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
    return request if body.among is None else replace(request, among=tuple(body.among))


def _mix(body: SearchBody, collection: Collection, uploads: Uploads) -> MixQuery:
    """Return several queries as one."""
    wanted, unwanted = (
        [_part(one, collection, uploads, body.features) for one in some]
        for some in ((body.query, *body.also), body.unlike)
    )
    return MixQuery(wanted, unwanted)


def _part(
    query: Query, collection: Collection, uploads: Uploads, features: Container[str] | None
) -> Weighted:
    found = asked(query, collection, uploads, features)
    if found is None:
        raise ProblemError(
            422,
            "each part of a mix needs an id, an upload, a vector or words to describe it, the first of them too",
            field="query",
        )
    return Weighted(found, query.weight)
