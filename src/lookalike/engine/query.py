"""Bodies of searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lookalike.arrays import Array
from lookalike.engine.mapping import OBJECT, Field, factor_field, tokens_field, vector_field
from lookalike.engine.rescore import script_query
from lookalike.engine.terms import Term
from lookalike.engine.urls import Name

Body = dict[str, Any]
FACET_VALUES = 10
FACET_SHARD_VALUES = 1000
"""Values that each shard counts: counts are exact where a field has no more than these, or there is one shard."""
MOST_HITS = 10_000
"""What engines return at most, and rescore at most (`max_result_window`, `max_rescore_window`)."""


def hits_body(feature: str, size: int, *, documents: bool, binary: bool, vectors: bool = True) -> Body:
    """Return what every search for hits has: their vectors, and their documents without what else Lookalike added.

    Args:
        binary: whether vectors are kept as bytes, which engines return within documents only.
        vectors: whether vectors are returned, for which an engine reads the whole document.
    """
    body: Body = {"size": size, "track_total_hits": False}
    if not vectors:
        return {**body, "_source": {"excludes": [OBJECT]} if documents else False}
    if binary:
        within = {} if documents else {"includes": [vector_field(feature)]}
        return {**body, "_source": {**within, "excludes": [f"{OBJECT}.*.tokens"]}}
    return {
        **body,
        "_source": {"excludes": [OBJECT]} if documents else False,
        "fields": [vector_field(feature)],
    }


def vectors_body(feature: str, ids: Sequence[str]) -> Body:
    """Return what fetches the vectors of some documents."""
    body = hits_body(feature, len(ids), documents=False, binary=False)
    return {**body, "query": {"ids": {"values": list(ids)}}}


def token_query(feature: str, terms: Sequence[Term], filters: Sequence[Body], *, factors: bool) -> Body:
    """Return the query for candidates: documents that share a token and meet `filters`, by the sum of the boosts.

    Args:
        factors: whether that is multiplied by the document's own factor.
    """
    field = tokens_field(feature)
    should = [
        {"constant_score": {"filter": _having(field, tokens), "boost": boost}} for tokens, boost in terms
    ]
    query: Body = {"should": should, "minimum_should_match": 1}
    query = {"bool": {**query, "filter": list(filters)} if filters else query}
    if not factors:
        return query
    factor = {"field": factor_field(feature), "missing": 1}
    return {"function_score": {"query": query, "field_value_factor": factor, "boost_mode": "multiply"}}


def union_filter(feature: str, terms: Sequence[Term]) -> Body:
    """Return the filter that leaves the documents that share a token."""
    return {"terms": {tokens_field(feature): [token for tokens, _ in terms for token in tokens]}}


def rescored(engine: Name, feature: str, body: Body, query: Array, window: int) -> Body:
    """Return `body` with the best `window` candidates of each shard ordered by distance alone."""
    script = script_query(engine, vector_field(feature), query, ())
    by_distance = {"query_weight": 0, "rescore_query_weight": 1, "rescore_query": script}
    return {**body, "rescore": {"window_size": window, "query": by_distance}}


def graph_query(engine: Name, feature: str, query: Array, count: int, filters: Sequence[Body]) -> Body:
    """Return the part of a body that has the engine's own HNSW find `count` neighbours a shard, filtered within."""
    field = vector_field(feature)
    within: Body = {"filter": {"bool": {"filter": list(filters)}}} if filters else {}
    if engine == "opensearch":
        return {"query": {"knn": {field: {"vector": query, "k": count, **within}}}}
    return {"knn": {"field": field, "query_vector": query, "k": count, "num_candidates": count, **within}}


def more_like_this_query(
    feature: str, like: Sequence[str | Body], most_terms: int, filters: Sequence[Body]
) -> Body:
    """Return the engines' own query for alike documents, with every limit set that would hide some.

    By default tokens that fewer than five documents have are left out, and all but 25.
    """
    alike: Body = {
        "more_like_this": {
            "fields": [tokens_field(feature)],
            "like": list(like),
            "min_term_freq": 1,
            "min_doc_freq": 1,
            "max_query_terms": most_terms,
            "minimum_should_match": "1",
            "include": True,
        }
    }
    return {"bool": {"must": [alike], "filter": list(filters)}} if filters else alike


def facet_aggregations(facets: Sequence[Field], filters: Sequence[Body]) -> Body:
    """Return what counts the values of fields over all documents that meet `filters`, whatever they look like."""
    counted = {
        field.name: {"terms": {"field": field.path, "size": FACET_VALUES, "shard_size": FACET_SHARD_VALUES}}
        for field in facets
    }
    among: Body = {"bool": {"filter": list(filters)}} if filters else {"match_all": {}}
    return {"all": {"global": {}, "aggs": {"met": {"filter": among, "aggs": counted}}}}


def facet_counts(
    answer: Mapping[str, Any], facets: Sequence[Field]
) -> tuple[dict[str, list[tuple[Any, int]]], list[str]]:
    """Return the values of each field with their counts, most frequent first, and the fields counted inexactly."""
    met = answer["aggregations"]["all"]["met"]
    counts: dict[str, list[tuple[Any, int]]] = {}
    for field in facets:
        counts[field.name] = [
            (_value(bucket, field), bucket["doc_count"]) for bucket in met[field.name]["buckets"]
        ]
    inexact = [field.name for field in facets if met[field.name]["doc_count_error_upper_bound"]]
    return counts, inexact


def count_body(filters: Sequence[Body], feature: str) -> Body:
    """Return the body that counts the documents with tokens, and so with a vector, that meet `filters`."""
    has_tokens = {"exists": {"field": tokens_field(feature)}}
    return {"size": 0, "track_total_hits": True, "query": {"bool": {"filter": [has_tokens, *filters]}}}


def _having(field: str, tokens: Sequence[str]) -> Body:
    return {"term": {field: tokens[0]}} if len(tokens) == 1 else {"terms": {field: list(tokens)}}


def _value(bucket: Mapping[str, Any], field: Field) -> Any:
    if field.kind == "truth":
        return bool(bucket["key"])
    return bucket["key_as_string"] if field.kind == "date" else bucket["key"]
