"""An engine that is slow, full, or gone while an index of it is used: which, and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.engine.museum import COUNT, FIELDS, IDS, documents, make_museum, scheme, vectors
from tests.services.engines import EngineServer
from tests.services.faulty import faulty_proxy

from lookalike.engine import EngineIndex, bulk, client
from lookalike.engine.client import Engine, path_of
from lookalike.errors import EngineError, EngineUnavailableError, MetadataError

CALLS: dict[str, Callable[[EngineIndex], Any]] = {
    "search": lambda index: index.search(vectors()[0]),
    "search_many": lambda index: index.search_many(vectors()[:3], where={"year": 1900}),
    "add": lambda index: index.add(["new"], vectors()[:1], [{}]),
    "remove": lambda index: index.remove(["new"]),
    "len": len,
    "explain": lambda index: index.explain(vectors()[0], IDS[0]),
    "more_like_this": lambda index: index.more_like_this(id=IDS[0]),
    "rebuild": lambda index: index.rebuild(scheme=scheme()),
    "stats": lambda index: index.stats(),
    "drop": lambda index: index.drop(),
}


def told(engine: Engine, index: str, what: str) -> str:
    """The pattern of one line that names the engine, the index (or the one behind its name), and `what` later on."""
    return rf"^[^\n]*{re.escape(engine.shown)}, index '{re.escape(index)}[^\n]*{what}[^\n]*\Z"


@pytest.mark.parametrize("call", CALLS)
def test_an_engine_that_goes_down_is_named_with_the_index_and_without_the_password(
    engine_server: EngineServer, museum: EngineIndex, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.setattr(client, "PAUSES", (0.0,))
    with faulty_proxy(engine_server.nodes[0].port) as proxy:
        url = f"{engine_server.release.engine}://shop:s3cret@127.0.0.1:{proxy.port}"
        index = EngineIndex.open(url, museum.name, timeout=60)
        proxy.down = True
        with index, pytest.raises(EngineUnavailableError) as down:
            CALLS[call](index)
    assert re.match(told(index._engine, museum.name, "no connection.*then try again"), str(down.value))
    assert "s3cret" not in str(down.value)
    assert index._engine.shown.count("shop@127.0.0.1") == 1


def test_an_engine_that_hangs_is_told_and_what_is_added_again_is_there_once(
    engine_server: EngineServer, engine: Engine, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_museum(engine, index_name)
    (node,) = engine_server.nodes
    with EngineIndex.open(engine_server.url, index_name, timeout=60) as index:
        with monkeypatch.context() as hasty:
            hasty.setattr(index._engine, "_timeout", 0.5)
            hasty.setattr(bulk, "TIMEOUT", 0.5)
            pattern = told(
                engine, index_name, "no answer within 0.5 seconds; see that it runs.*then try again"
            )
            node.pause()
            try:
                with pytest.raises(EngineUnavailableError, match=pattern):
                    index.search(vectors()[0])
                with pytest.raises(EngineUnavailableError, match=pattern):
                    index.add(["new"], vectors()[:1], [{}])
            finally:
                node.resume()
        index.add(["new"], vectors()[:1], [{}])
        assert len(index) == COUNT + 1


def test_a_full_disk_is_told_and_searches_go_on(
    engine: Engine, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "PAUSES", (0.0,))  # the engine itself lifts the block within half a minute
    index = make_museum(engine, index_name)
    path = path_of(index._target.index, "_settings")
    engine.call("PUT", path, {"index.blocks.read_only_allow_delete": True})
    advice = r"free room on the disks, then set index\.blocks\.read_only_allow_delete of .* to null"
    with pytest.raises(EngineError, match=told(engine, index_name, advice)):
        index.add(["new"], vectors()[:1], [{}])
    assert index.search(vectors()[0], 1)[0].id == IDS[0]
    engine.call("PUT", path, {"index.blocks.read_only_allow_delete": None})
    index.add(["new"], vectors()[:1], [{}])
    assert len(index) == COUNT + 1


def test_a_shard_that_is_nowhere_is_told_to_who_searches_and_who_writes(
    engine: Engine, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "PAUSES", (0.0,))
    monkeypatch.setattr(bulk, "SHARD_WITHIN", "100ms")
    monkeypatch.setattr(client, "PAUSES", (0.0,))
    nowhere = {"index": {"routing.allocation.require._name": "no-such-node"}}
    body = {"settings": nowhere, "mappings": {"properties": {"title": {"type": "text"}}}}
    engine.call("PUT", path_of(index_name), body, params={"wait_for_active_shards": "0"})
    pattern = told(engine, index_name, "see that all its nodes run")
    with pytest.raises(EngineUnavailableError, match=pattern):
        EngineIndex.attach(engine, index_name, scheme=scheme()).search(vectors()[0])
    actions = [bulk.Action(one, {"title": one}) for one in IDS[:2]]
    with pytest.raises(EngineUnavailableError, match=pattern):
        bulk.write(engine, index_name, actions)


@pytest.mark.parametrize(
    "clash",
    [
        {"lookalike": {"properties": {"vector": {"properties": {"tokens": {"type": "long"}}}}}},
        {"lookalike": {"properties": {"vector": {"properties": {"vector": {"type": "text"}}}}}},
        {"lookalike": {"type": "keyword"}},
    ],
)
def test_a_mapping_that_clashes_is_told_and_left_as_it_is(
    engine: Engine, index_name: str, clash: dict[str, Any]
) -> None:
    engine.call("PUT", path_of(index_name), {"mappings": {"properties": clash}})
    before = engine.call("GET", path_of(index_name, "_mapping"))
    advice = "see that fields and values fit the index's mapping"
    with pytest.raises(EngineError, match=told(engine, index_name, f"lookalike.*{advice}")):
        EngineIndex.attach(engine, index_name, scheme=scheme())
    assert engine.call("GET", path_of(index_name, "_mapping")) == before


def test_tokens_that_a_mapping_cuts_are_told(engine: Engine, index_name: str) -> None:
    index = make_museum(engine, index_name)
    tokens = {
        "type": "keyword",
        "doc_values": False,
        "norms": False,
        "index_options": "docs",
        "ignore_above": 3,
    }
    feature = {"lookalike": {"properties": {"vector": {"properties": {"tokens": tokens}}}}}
    engine.call("PUT", path_of(index._target.index, "_mapping"), {"properties": feature})
    advice = "leaves tokens of more than 3 signs out.*set ignore_above of its mapping to 2147483647, and add"
    with pytest.raises(EngineError, match=told(engine, index_name, advice)):
        EngineIndex.open(engine, index_name)


def test_tokens_are_not_cut_by_a_setting_of_the_index(engine: Engine, index_name: str) -> None:
    has_setting = engine.name == "elasticsearch" and engine.version >= (8, 16)
    engine.call(
        "PUT", path_of(index_name), {"settings": {"index.mapping.ignore_above": 2}} if has_setting else {}
    )
    index = EngineIndex.attach(engine, index_name, scheme=scheme())
    index.add(IDS[:3], vectors()[:3], [{}] * 3)
    assert index.search(vectors()[1], 1)[0].id == IDS[1]


def test_a_copy_whose_fields_an_engine_guessed_is_told(engine: Engine, index_name: str) -> None:
    index = make_museum(engine, index_name)
    engine.call(
        "PUT",
        path_of(f"{index_name}-copy"),
        {"mappings": {"_meta": {"lookalike": index._target.whole.to_json()}}},
    )
    with pytest.raises(
        EngineError, match=told(engine, f"{index_name}-copy", "tokens as None.*not as keyword and")
    ):
        EngineIndex.open(engine, f"{index_name}-copy")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"facets": ["nothing"]}, "no metadata field 'nothing' in the index; the fields are 'acquired'"),
        ({"where": {"nothing": 1}}, "no metadata field 'nothing' in the index; the fields are 'acquired'"),
        ({"where": {"title": "ship"}}, "search it by words, or map it as keyword too"),
        ({"where": {"acquired": ("yesterday", None)}}, "is no date; write as 2012"),
    ],
)
def test_a_field_that_is_not_there_is_told(
    museum: EngineIndex, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(MetadataError, match=told(museum._engine, museum.name, message)):
        museum.search(vectors()[0], **options)


def test_words_without_a_field_of_text_are_told(engine: Engine, index_name: str) -> None:
    fields = {name: kind for name, kind in FIELDS.items() if kind != "text"}
    index = EngineIndex.create(engine, index_name, scheme=scheme(), fields=fields)
    index.add(IDS[:1], vectors()[:1], documents()[:1])
    with pytest.raises(MetadataError, match=told(engine, index_name, "has no field of type text.*add one")):
        index.search(vectors()[0], text="ship")
