"""Giving an index new tokens while it is searched."""

from __future__ import annotations

from typing import Any

import numpy as np

from lookalike.arrays import Float32, Given
from lookalike.engine.bulk import Action, write
from lookalike.engine.client import path_of
from lookalike.engine.defaults import RECALL
from lookalike.engine.documents import read_documents, vectors_of
from lookalike.engine.families import save_arrays
from lookalike.engine.header import Header, find_index
from lookalike.engine.header_lock import locked_header
from lookalike.engine.layout import (
    all_ids,
    block_writes,
    create_index,
    delete_index,
    forget_families,
    publish_index,
    refresh_index,
    writing_alias,
)
from lookalike.engine.mapping import OBJECT
from lookalike.engine.multi_search import send_searches
from lookalike.engine.query import count_body
from lookalike.engine.target import Target, feature_header, given_scheme
from lookalike.engine.tokens import TokenScheme
from lookalike.engine.writing import added_objects
from lookalike.errors import EngineError, OptionError

SAMPLE = 20_000
"""Vectors that tokens are learned from anew."""


def rebuild_index(target: Target, sample: Given | None, scheme: TokenScheme | None) -> None:
    """Write all documents with new tokens into a new index, which then takes the place of the old one.

    See `EngineIndex.rebuild`.
    """
    engine, before = target.engine, target.header
    if not target.whole.owned:
        raise EngineError(
            f"{target.shown}: it is not Lookalike's to rebuild; attach another feature with new tokens to it, "
            "then drop this one"
        )
    rows = _count(target)
    learned = _sample(target, rows) if sample is None and scheme is None else sample
    fitted, forecast = given_scheme(learned, scheme, before.metric, rows, RECALL)
    if (fitted.metric, fitted.dimension) != (before.metric, before.dimension):
        raise OptionError("the scheme is for another metric or dimension than the index's vectors")
    new_index: str | None = None
    block_writes(engine, target.index, True)
    try:
        refresh_index(engine, target.index)
        written = _last_writes(target)
        header = feature_header(
            engine, fitted, dtype=before.dtype, owned=True, graph=before.graph, forecast=forecast
        )
        known = find_index(engine, target.index).header or target.whole
        new_index = _new_index(target, known.with_feature(target.feature, header))
        save_arrays(engine, fitted.arrays())
        _copy(target, new_index, fitted)
        block_writes(engine, target.index, True)  # another rebuild that failed has lifted it
        with locked_header(engine, target.index) as check:
            if _last_writes(target) != written or find_index(engine, target.index).header != known:
                raise EngineError(f"{target.shown}: it was written meanwhile; it stays as it was; try again")
            check()
            publish_index(engine, target.name, new_index, target.index)
    except BaseException:
        _abandon(target, new_index)
        raise
    delete_index(engine, target.index)
    forget_families(engine, {before.family})


def _new_index(target: Target, header: Header) -> str:
    """Make an empty index like that of `target`, but for its header."""
    found = find_index(target.engine, target.name)
    told = target.engine.call("GET", path_of(found.index, "_settings"))[found.index]["settings"]["index"]
    properties = {name: kind for name, kind in found.mapping["properties"].items() if name != OBJECT}
    return create_index(
        target.engine,
        target.name,
        header,
        properties,
        shards=int(told["number_of_shards"]),
        replicas=int(told["number_of_replicas"]),
    )


def _copy(target: Target, index: str, scheme: TokenScheme) -> None:
    """Write all documents into another index with the tokens of `scheme`."""
    engine, feature = target.engine, target.feature
    refresh_index(engine, target.index)
    for ids in all_ids(engine, target.index):
        actions = []
        there = read_documents(engine, target.index, ids)
        vectors = vectors_of(there, feature, target.header.form)
        rows = np.array(list(vectors.values()), dtype=np.float32).reshape(-1, scheme.dimension)
        added = dict(zip(vectors, added_objects(scheme, rows, target.header.form), strict=True))
        for one, known in there.items():
            source = dict(known["_source"])
            if one in added:
                source[OBJECT] = {**source[OBJECT], feature: added[one]}
            actions.append(Action(one, source))
        write(engine, writing_alias(index), actions, require_alias=True)
    refresh_index(engine, index)
    counts = [engine.call("GET", path_of(one, "_count"))["count"] for one in (target.index, index)]
    if counts[0] != counts[1]:
        raise EngineError(
            f"{target.shown}: {counts[1]} of its {counts[0]} documents were read; it stays as it was; try again"
        )


def _last_writes(target: Target) -> dict[str, int]:
    """Return the number of the last write of each shard."""
    told = target.engine.call("GET", path_of(target.index, "_stats"), params={"level": "shards"})
    shards: dict[str, list[Any]] = told["indices"][target.index]["shards"]
    return {name: max(copy["seq_no"]["max_seq_no"] for copy in copies) for name, copies in shards.items()}


def _count(target: Target) -> int:
    """Return how many vectors the index has, at least 1."""
    (answer,) = send_searches(target.engine, target.index, [count_body([], target.feature)])
    return max(1, int(answer["hits"]["total"]["value"]))


def _sample(target: Target, rows: int) -> Float32:
    """Return all of the index's vectors, or some where it has many."""
    engine = target.engine
    share = SAMPLE / rows
    random = np.random.default_rng(0)
    found: list[Float32] = []
    for ids in all_ids(engine, target.index):
        there = read_documents(engine, target.index, ids)
        vectors = vectors_of(there, target.feature, target.header.form).values()
        found += [vector for vector in vectors if random.random() < share]
    return np.array(found, dtype=np.float32).reshape(-1, target.header.dimension)


def _abandon(target: Target, new_index: str | None) -> None:
    """Leave the old index as it was, unless the new one has taken its place by then."""
    if new_index is not None:
        if find_index(target.engine, target.name).index == new_index:
            return
        delete_index(target.engine, new_index)
    block_writes(target.engine, target.index, False)
