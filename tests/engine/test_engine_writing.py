"""Writing: whole documents, nothing lost or doubled, and of a user's own index nothing touched."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from tests.engine.museum import COUNT, DIMENSION, FIELDS, IDS, documents, make_museum, scheme, vectors
from tests.services.engines import EngineServer
from tests.services.faulty import faulty_proxy

from lookalike.engine import EngineIndex, rebuilding
from lookalike.engine.bulk import Action, write
from lookalike.engine.client import Engine, path_of
from lookalike.engine.layout import block_writes
from lookalike.errors import (
    DuplicateIdError,
    EngineError,
    EngineWriteError,
    InputError,
    MetadataError,
    UnknownIdError,
)


@pytest.fixture
def index(engine: Engine, index_name: str) -> EngineIndex:
    return EngineIndex.create(engine, index_name, scheme=scheme(), fields=FIELDS)


@pytest.fixture
def own(engine: Engine, index_name: str) -> str:
    """An index of a user's own with three documents."""
    mappings = {
        "_meta": {"of": "the user"},
        "properties": {"title": {"type": "text"}, "n": {"type": "integer"}},
    }
    engine.call("PUT", path_of(index_name), {"mappings": mappings})
    for i in range(3):
        document = {"title": f"thing {i}", "n": i, "new": {"deep": [i]}}
        engine.call("PUT", path_of(index_name, "_doc", f"t{i}"), document, params={"refresh": "true"})
    return index_name


def sources(engine: Engine, index: str) -> dict[str, Any]:
    answer = engine.call("POST", path_of(index, "_search"), {"size": 1000})
    return {hit["_id"]: hit["_source"] for hit in answer["hits"]["hits"]}


def test_vectors_come_back_as_they_were_given(index: EngineIndex) -> None:
    index.add(IDS[:50], vectors()[:50])
    assert np.array_equal(index.vectors(IDS[:50]), vectors()[:50])


def test_adding_again_replaces_and_doubles_nothing(index: EngineIndex) -> None:
    index.add(IDS[:20], vectors()[:20], documents()[:20])
    index.add(IDS[:20], vectors()[20:40], documents()[20:40])
    assert len(index) == 20
    assert index.search(vectors()[25], 1)[0].id == IDS[5]
    assert index.search(vectors()[25], 1)[0].document == documents()[25]


def test_documents_that_are_not_given_stay(index: EngineIndex) -> None:
    index.add(IDS[:3], vectors()[:3], documents()[:3])
    index.add(IDS[:4], vectors()[3:7])
    assert [index.search(vectors()[i + 3], 1)[0].document for i in range(4)] == [*documents()[:3], {}]


def test_removed_documents_are_not_found(index: EngineIndex) -> None:
    index.add(IDS[:10], vectors()[:10])
    assert index.remove([*IDS[:4], "nothing"]) == 4
    assert set(index.search(vectors()[0], 10).ids) == set(IDS[4:10])


@pytest.mark.parametrize("of_the_user", [False, True])
def test_removed_documents_are_counted_though_answers_are_lost(
    engine_server: EngineServer, engine: Engine, index_name: str, of_the_user: bool
) -> None:
    names = IDS[:3]
    if of_the_user:
        engine.call("PUT", path_of(index_name))
        index = EngineIndex.attach(engine, index_name, scheme=scheme())
    else:
        index = EngineIndex.create(engine, index_name, scheme=scheme())
    index.add(names, vectors()[:3], [{}] * 3)
    with faulty_proxy(engine_server.nodes[0].port) as proxy:
        lossy = Engine.open(f"{engine.name}://127.0.0.1:{proxy.port}")
        through = EngineIndex.open(lossy, index_name)
        proxy.lose_firsts = True
        assert through.remove([*names, "nothing"]) == 3
        assert any("_bulk" in path for path in proxy.lost)
        assert through.remove([*names, "nothing"]) == 0
        lossy.close()


def test_one_bad_document_of_many_is_named_and_the_others_are_written(index: EngineIndex) -> None:
    name = index._target.index
    actions = [Action(one, {"year": "old" if i == 300 else i}) for i, one in enumerate(IDS)]
    with pytest.raises(
        EngineWriteError, match=r"1 documents .'thing-300'. were not written, 599 were"
    ) as refused:
        write(index._engine, name, actions)
    assert list(refused.value.refused) == ["thing-300"]
    index.refresh()
    assert index._engine.call("GET", path_of(name, "_count"))["count"] == COUNT - 1


def test_answers_that_are_lost_double_nothing(engine_server: EngineServer, index: EngineIndex) -> None:
    with faulty_proxy(engine_server.nodes[0].port) as proxy:
        engine = Engine.open(f"{engine_server.release.engine}://127.0.0.1:{proxy.port}")
        through = EngineIndex.open(engine, index.name)
        proxy.lose_firsts = True
        through.add(IDS, vectors(), documents())
        through.add(IDS[:5], vectors()[:5])
        assert [path.partition("?")[0].rpartition("/")[2] for path in proxy.lost] == [
            "_bulk",
            "_refresh",
            "_mget",
        ]
        engine.close()
    assert len(index) == COUNT
    assert sources(index._engine, index.name).keys() == set(IDS)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"year": "1900"}, "'year'.*is no whole number"),
        ({"year": 1900.5}, "is no whole number"),
        ({"year": 2**63}, "is no whole number"),
        ({"material": 5}, "is no text"),
        ({"shown": 1}, "is not true or false"),
        ({"weight": 2**53 + 1}, "is no number that a double holds"),
        ({"weight": float("nan")}, "is not finite"),
        ({"acquired": "now-1d"}, "is no date"),
        ({"material": ["oak", [1]]}, "is no text"),
        ({"lookalike": {}}, "which Lookalike uses"),
        ({"note": object()}, "cannot be written as JSON"),
        ({"note": "half \ud800"}, "cannot be written as JSON"),
        ("text", "give a dictionary"),
    ],
)
def test_documents_that_do_not_fit_are_refused_in_words(
    index: EngineIndex, document: Any, message: str
) -> None:
    with pytest.raises(MetadataError, match=message):
        index.add(IDS[:2], vectors()[:2], [{}, document])


@pytest.mark.parametrize("ids", ["ab", ["a", ""], ["a", 5], ["a", "b" * 513], ["a", "\ud800"], ["a"]])
def test_ids_that_engines_refuse_are_refused_in_words(index: EngineIndex, ids: Any) -> None:
    with pytest.raises(InputError, match=r"^[^\n]+$"):
        index.add(ids, vectors()[:2])


def test_an_id_twice_is_refused(index: EngineIndex) -> None:
    with pytest.raises(DuplicateIdError, match="'a' is there twice"):
        index.add(["a", "b", "a"], vectors()[:3])


def test_a_user_s_own_index_gains_fields_and_keeps_all_it_has(engine: Engine, own: str) -> None:
    before = engine.call("GET", path_of(own, "_mapping"))[own]["mappings"]
    documents_before = sources(engine, own)
    index = EngineIndex.attach(engine, own, scheme=scheme())
    index.add(["t0", "t1", "t2"], vectors()[:3])
    assert index.search(vectors()[1], 1)[0] == index.search(vectors()[1], 3)[0]
    assert index.search(vectors()[1], 1, where={"n": 1}, text="thing")[0].document == documents_before["t1"]
    after = engine.call("GET", path_of(own, "_mapping"))[own]["mappings"]
    assert after["_meta"].pop("lookalike")["owned"] is False
    del after["properties"]["lookalike"]
    assert after == before
    index.drop()
    assert sources(engine, own) == documents_before
    assert engine.call("GET", path_of(own, "_mapping"))[own]["mappings"]["_meta"] == {"of": "the user"}


def test_removing_from_a_user_s_own_index_deletes_no_document(engine: Engine, own: str) -> None:
    index = EngineIndex.attach(engine, own, scheme=scheme())
    index.add(["t0", "t1"], vectors()[:2])
    assert index.remove(["t0", "t2", "nothing"]) == 1
    assert len(sources(engine, own)) == 3
    assert index.search(vectors()[0], 5).ids == ("t1",)


def test_a_document_that_is_not_there_is_not_made_in_a_user_s_own_index(engine: Engine, own: str) -> None:
    index = EngineIndex.attach(engine, own, scheme=scheme())
    with pytest.raises(UnknownIdError, match="'t9'"):
        index.add(["t0", "t9"], vectors()[:2])
    assert len(sources(engine, own)) == 3


def test_what_others_change_meanwhile_is_not_lost(engine: Engine, own: str) -> None:
    index = EngineIndex.attach(engine, own, scheme=scheme())
    done = threading.Event()

    def count() -> None:
        for i in range(60):
            script_free = {"doc": {"n": i}, "doc_as_upsert": False}
            engine.call(
                "POST", path_of(own, "_update", "t0"), script_free, params={"retry_on_conflict": "50"}
            )
        done.set()

    counting = threading.Thread(target=count)
    counting.start()
    try:
        while not done.is_set():
            index.add(["t0"], vectors()[:1], refresh=False)
    finally:
        counting.join()
    index.add(["t0"], vectors()[:1])
    assert index.search(vectors()[0], 1)[0].document == {"title": "thing 0", "n": 59, "new": {"deep": [0]}}


def test_two_features_lie_in_one_index(engine: Engine, index_name: str) -> None:
    first = make_museum(engine, index_name)
    second = EngineIndex.attach(engine, index_name, scheme=scheme("cosine"), feature="other")
    second.add(IDS[:9], vectors()[50:59])
    again = EngineIndex.open(engine, index_name)
    again.add(IDS[:9], vectors()[:9], documents()[:9])
    assert second.search(vectors()[53], 1)[0].id == IDS[3]
    assert first.search(vectors()[3], 1)[0].id == IDS[3]
    assert (len(first), len(second)) == (COUNT, 9)


@pytest.mark.parametrize(
    "mapping",
    [
        {"_source": {"enabled": False}},
        {"_source": {"excludes": ["secret"]}},
        {"_routing": {"required": True}},
    ],
)
def test_an_index_that_would_lose_fields_is_not_attached(
    engine: Engine, index_name: str, mapping: dict[str, Any]
) -> None:
    engine.call("PUT", path_of(index_name), {"mappings": mapping})
    with pytest.raises(EngineError, match=r"attach (an index that does|another)"):
        EngineIndex.attach(engine, index_name, scheme=scheme())


def test_vectors_have_to_fit(index: EngineIndex) -> None:
    with pytest.raises(InputError, match=f"needs? {DIMENSION}|dimension"):
        index.add(["a"], np.zeros((1, 3)))


def test_a_feature_that_somebody_else_attached_meanwhile_is_kept(engine: Engine, index_name: str) -> None:
    first = make_museum(engine, index_name)
    before = EngineIndex.open(engine, index_name)
    EngineIndex.attach(engine, index_name, scheme=scheme("cosine"), feature="other").add(
        IDS[:3], vectors()[50:53]
    )
    before.add(IDS[:3], vectors()[:3], documents()[:3])
    first.add(["new"], vectors()[:1], documents()[:1])
    other = EngineIndex.open(engine, index_name, feature="other")
    assert len(other) == 3
    assert other.search(vectors()[51], 1)[0].id == IDS[1]


def test_a_rebuild_that_was_written_meanwhile_loses_nothing(
    engine: Engine, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = make_museum(engine, index_name)
    copy = rebuilding._copy

    def interrupted(*arguments: Any) -> None:
        copy(*arguments)
        block_writes(engine, arguments[0].index, False)  # as another rebuild does that fails
        index.add(["late"], vectors()[:1], documents()[:1])

    monkeypatch.setattr(rebuilding, "_copy", interrupted)
    with pytest.raises(EngineError, match="written meanwhile"):
        index.rebuild(scheme=scheme())
    monkeypatch.undo()
    assert "late" in index.search(vectors()[0], 2).ids
    index.rebuild(scheme=scheme())
    assert "late" in index.search(vectors()[0], 2).ids
