"""One document: its vector, why it is near a query, and what is like it by the engine's own measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lookalike.arrays import Float32
from lookalike.engine.asked import Asked
from lookalike.engine.compare import compared, resolved
from lookalike.engine.documents import factor_of, read_documents, tokens_of, vectors_of
from lookalike.engine.filters import filter_clauses
from lookalike.engine.hits import EngineExplanation, EngineHits
from lookalike.engine.multi_search import send_searches
from lookalike.engine.query import hits_body, more_like_this_query, rescored
from lookalike.engine.rescore import exact_distances
from lookalike.engine.search import clause_count
from lookalike.engine.target import Target
from lookalike.errors import UnknownIdError

ALIKE = 1000
"""Candidates of `more_like_this` at most, which ranks them by tokens."""
MARGIN = 100
"""Hits that are fetched beyond k, among which equal ones are ordered by id."""


def read_vectors(target: Target, ids: Sequence[str]) -> Float32:
    """Return the vectors of documents (n, d). Raises UnknownIdError."""
    found = vectors_of(read_documents(target.engine, target.index, ids), target.feature, target.header.form)
    for one in ids:
        if one not in found:
            raise _unknown(target, one)
    return np.array([found[one] for one in ids], dtype=np.float32).reshape(-1, target.header.dimension)


def explain_document(target: Target, query: Float32, one: str) -> EngineExplanation:
    """Return which tokens a document shares with `query` (d,), and its distance. Raises UnknownIdError."""
    there = read_documents(target.engine, target.index, [one])
    vectors = vectors_of(there, target.feature, target.header.form)
    if one not in vectors:
        raise _unknown(target, one)
    (terms,) = target.scheme.query_terms(query[np.newaxis])
    tokens = tokens_of(there[one], target.feature)
    having = set(tokens)
    shared = tuple((token, boost) for token, boost in terms if token in having)
    distance = float(exact_distances(query, vectors[one][np.newaxis], target.header.metric)[0])
    score = sum(boost for _, boost in shared) * factor_of(there[one], target.feature)
    return EngineExplanation(one, distance, shared, score, len(tokens), len(terms))


def alike_documents(target: Target, query: Float32, one: str | None, asked: Asked) -> EngineHits:
    """Return the nearest to `query` (d,) among what `more_like_this` finds for it or, with its id, for its document."""
    tokens = target.scheme.document_tokens(query[np.newaxis])[0]
    like: list[Any] = tokens if one is None else [{"_index": target.index, "_id": one}]
    window = max(min(ALIKE, target.scheme.candidates), asked.k)
    size = min(window, asked.k + MARGIN) if target.scripts else window
    form = target.header.form
    body = hits_body(target.feature, size, documents=True, binary=form.binary, vectors=not target.scripts)
    filters = filter_clauses(asked.where, target.fields)
    clause_count(target, filters)
    body["query"] = more_like_this_query(target.feature, like, len(tokens), filters)
    if target.scripts:
        body = rescored(target.engine.name, target.feature, body, form.asked(query), window)
    (answer,) = send_searches(target.engine, target.index, [body])
    found = compared(
        target, query, answer, asked.k, scored=target.scripts, error=form.errors(query[np.newaxis])[0]
    )
    (near,) = resolved(target, query[np.newaxis], [found])
    near = near.first(asked.k)
    return EngineHits(near.ids, near.distances, near.documents)


def _unknown(target: Target, one: str) -> UnknownIdError:
    return UnknownIdError(f"{target.shown}: no document {one!r} with a feature {target.feature!r}")
