"""Indexes that Lookalike makes: one behind a public alias, so that it can be replaced while it is searched.

`museum` is an alias of `museum-4f1c...`; that index has one alias more, by which it is written. Who still writes
by an index that was replaced finds that alias gone, and no index is made by it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from lookalike.engine.client import Engine, path_of
from lookalike.engine.families import chunks_of, drop_chunks
from lookalike.engine.header import FeatureHeader, Found, Header, find_index
from lookalike.engine.mapping import OBJECT, WITHOUT_GRAPHS, feature_properties, keeps_flat
from lookalike.errors import EngineError, EngineUnavailableError

PAGE = 500
"""Documents that are read at a time."""
TIMEOUT = 60.0
ALL_COPIES_WITHIN = "15s"
"""A new index is waited for; a cluster that has fewer nodes than copies are asked for works with those there are."""


def writing_alias(index: str) -> str:
    """Return the alias by which an index that Lookalike made is written."""
    return f"{index}-writing"


def create_index(
    engine: Engine, name: str, header: Header, properties: Mapping[str, Any], *, shards: int, replicas: int
) -> str:
    """Make an index that `name` does not stand for yet, and return its own name.

    Args:
        properties: the mapping of the user's fields.
    """
    index = f"{name}-{secrets.token_hex(4)}"
    settings: dict[str, Any] = {"number_of_shards": shards, "number_of_replicas": replicas}
    graph = any(feature.graph for feature in header.features.values())
    # Later releases of OpenSearch build no graph at all in an index with that setting, Lucene's neither.
    flat = {
        name
        for name, feature in header.features.items()
        if keeps_flat(engine, None, feature.vector) and not (graph and engine.name == "opensearch")
    }
    if engine.name == "opensearch" and (graph or flat):
        settings |= {"knn": True} if graph else WITHOUT_GRAPHS
    mappings = {
        "dynamic": False,
        "_meta": {OBJECT: header.to_json()},
        "properties": {**properties, **_added(header.features, flat)},
    }
    body = {"settings": {"index": settings}, "mappings": mappings, "aliases": {writing_alias(index): {}}}
    # A copy that is not there yet cannot take over from one whose node dies.
    params = {"wait_for_active_shards": "all", "timeout": ALL_COPIES_WITHIN}
    try:
        engine.call("PUT", path_of(index), body, params=params, timeout=TIMEOUT)
    except EngineError as error:
        # Nobody else draws this name: a try whose answer was lost has made it.
        if error.kind != "resource_already_exists_exception":
            raise
    return index


def publish_index(engine: Engine, name: str, index: str, replaced: str | None = None) -> None:
    """Let `name` stand for `index`, and no longer for the one that it replaces, in one step.

    As the alias's only write index: engines refuse a second one, which another process may be about to publish.

    Raises:
        EngineError: the name stands for another index by now.
    """
    actions: list[dict[str, Any]] = [{"add": {"index": index, "alias": name, "is_write_index": True}}]
    if replaced is not None:
        actions.append({"remove": {"index": replaced, "alias": name}})
    try:
        engine.call("POST", "/_aliases", {"actions": actions}, timeout=TIMEOUT)
    except EngineError:
        # A try whose answer was lost has taken the other one away.
        if find_index(engine, name).index != index:
            raise


def refresh_index(engine: Engine, index: str) -> None:
    """Let searches see all that was written. Raises EngineUnavailableError where a shard does not."""
    answer = engine.call("POST", path_of(index, "_refresh"))
    if answer["_shards"]["failed"]:
        raise EngineUnavailableError(
            f"{engine.shown}, index {index!r}: some of its shards do not show yet what was written; "
            "see that all its nodes run, then try again"
        )


def delete_index(engine: Engine, index: str) -> None:
    """Delete an index, unless it is gone."""
    try:
        engine.call("DELETE", path_of(index), timeout=TIMEOUT)
    except EngineError as error:
        if error.kind != "index_not_found_exception":
            raise


def put_header(
    engine: Engine,
    found: Found,
    header: Header,
    added: Mapping[str, FeatureHeader],
    *,
    timeout: float = TIMEOUT,
) -> None:
    """Write the header, and the fields of features that are new; what others keep in `_meta` stays.

    What somebody else has written since `found` was read is lost: `lookalike.engine.header_lock` keeps others away.
    """
    meta = {**found.meta, OBJECT: header.to_json()}
    if not header.features:
        del meta[OBJECT]
    flat = {name for name, feature in added.items() if keeps_flat(engine, found.index, feature.vector)}
    body = {"_meta": meta, "properties": _added(added, flat)}
    engine.call("PUT", path_of(found.index, "_mapping"), body, timeout=timeout)


def block_writes(engine: Engine, index: str, blocked: bool) -> None:
    """Refuse writes to an index, or take them again."""
    settings = {"index.blocks.write": True if blocked else None}
    engine.call("PUT", path_of(index, "_settings"), settings, timeout=TIMEOUT)


def all_ids(engine: Engine, index: str) -> Iterator[list[str]]:
    """Yield the ids of all documents that searches see, some at a time; one that is changed meanwhile may come again.

    Each shard is read in the order of its sequence numbers, from where the page before ended: a page whose answer was
    lost can be asked for again, which one of a scroll cannot. Ids alone: OpenSearch 3.5 fails where it is to return
    many whole documents with vectors.
    """
    settings = engine.call("GET", path_of(index, "_settings"))[index]["settings"]["index"]
    for shard in range(int(settings["number_of_shards"])):
        body: dict[str, Any] = {
            "size": PAGE,
            "sort": ["_seq_no"],
            "_source": False,
            "track_total_hits": False,
        }
        params = {"preference": f"_shards:{shard}", "allow_partial_search_results": "false"}
        while hits := engine.call("POST", path_of(index, "_search"), body, params=params)["hits"]["hits"]:
            yield [hit["_id"] for hit in hits]
            body["search_after"] = hits[-1]["sort"]


def forget_families(engine: Engine, families: set[str]) -> None:
    """Delete the arrays of families that no index names any more, closed and hidden ones included."""
    chunks = {family: chunks_of(engine, family) for family in families}
    asked = {"filter_path": f"*.mappings._meta.{OBJECT}", "expand_wildcards": "all"}
    headers = json.dumps(
        engine.call("GET", "/_mapping", params=asked)
    )  # some may be damaged, or of a newer form
    for family in families:
        if family not in headers:
            drop_chunks(engine, chunks[family])


def _added(features: Mapping[str, FeatureHeader], flat: Collection[str]) -> dict[str, Any]:
    """Return the mapping of features that an index gains, of which those that are named are kept flat."""
    inner: dict[str, Any] = {}
    for name, feature in features.items():
        described = feature_properties(
            name,
            feature.form,
            feature.dimension,
            factors=feature.factors,
            graph=feature.graph,
            flat=name in flat,
        )
        inner |= described[OBJECT]["properties"]
    return {OBJECT: {"dynamic": False, "properties": inner}}
