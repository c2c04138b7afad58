"""Searches, filters and ids as the service takes them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import numpy as np

from lookalike.catalogue.metadata import is_unicode
from lookalike.client.answers import UrlQuery
from lookalike.collection.filters import where_to_json
from lookalike.collection.query import Asked, Query, SourceQuery, as_query
from lookalike.collection.request import SearchRequest
from lookalike.errors import UnknownIdError, VectorError


def as_asked(query: Asked | UrlQuery | str) -> Query | UrlQuery:
    """Return a query in one of its forms: a string is an id. Raises OptionError, VectorError."""
    if isinstance(query, UrlQuery):
        return query
    return SourceQuery(query) if isinstance(query, str) else as_query(query)


def options_of(request: SearchRequest) -> dict[str, Any]:
    """Return what an explanation and a search have in common."""
    return {
        "text": request.text,
        "where": where_to_json(request.where),
        "features": request.chosen if request.weights is None else dict(request.weights),
        "blend": request.blend,
        "text_weight": request.text_weight,
        "max_distance": request.max_distance,
    }


def search_of(request: SearchRequest) -> dict[str, Any]:
    """Return a search without its query."""
    more = {
        "facets": list(request.facets),
        "candidates": request.candidates,
        "strict": request.strict,
        "among": request.among,
    }
    return options_of(request) | more


def parameters(*, where: Any = None, **given: Any) -> dict[str, Any]:
    """Return the parameters of a URL, those that are None left out."""
    told = {name: value for name, value in given.items() if value is not None}
    if where is not None:
        told["where"] = json.dumps(where_to_json(where))
    return told


def numbers(vector: Any) -> list[float]:
    """Return a vector as JSON has it, which knows no infinity. Raises VectorError."""
    try:
        array = np.asarray(vector, dtype=np.float64)
    except (TypeError, ValueError):
        raise VectorError("the query is no list of numbers; give a vector") from None
    if not np.isfinite(array).all():
        raise VectorError("the query has a number that is not finite; give finite ones")
    found: list[float] = array.tolist()
    return found


def path_of(id_: str) -> str:
    """Return the path of a source. Raises UnknownIdError for what cannot be an id."""
    if not is_unicode(id_) or id_ == "":
        raise UnknownIdError(f"{id_!r} is not the id of a source (lookalike list)")
    return f"/api/v1/sources/{quote(id_, safe='')}"
