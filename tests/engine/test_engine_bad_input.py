"""Engines and indexes that are not as they should be: what is said, and that nothing is lost."""

from __future__ import annotations

import re
import threading
from typing import Any

import numpy as np
import pytest
from tests.engine.museum import COUNT, FIELDS, IDS, documents, make_museum, scheme, vectors

from lookalike.engine import EngineIndex
from lookalike.engine.client import Engine, path_of
from lookalike.engine.families import INDEX as FAMILIES
from lookalike.engine.families import chunks_of, drop_chunks, load_arrays, save_arrays
from lookalike.errors import EngineError, LookalikeError, OptionError


def meta_of(index: EngineIndex) -> dict[str, Any]:
    (described,) = index._engine.call("GET", path_of(index.name, "_mapping")).values()
    meta: dict[str, Any] = described["mappings"]["_meta"]
    return meta


def put_meta(index: EngineIndex, told: Any) -> None:
    body = {"_meta": {**meta_of(index), "lookalike": told}}
    index._engine.call("PUT", path_of(index._target.index, "_mapping"), body)


def test_an_index_that_is_not_there_is_told(engine: Engine, index_name: str) -> None:
    for opening in (EngineIndex.open, lambda *given: EngineIndex.attach(*given, scheme=scheme())):
        with pytest.raises(EngineError, match=f"index '{index_name}': no such index"):
            opening(engine, index_name)


def test_an_index_that_is_there_is_not_made_again(engine: Engine, index_name: str) -> None:
    make_museum(engine, index_name)
    with pytest.raises(EngineError, match="is there already; open it"):
        EngineIndex.create(engine, index_name, scheme=scheme())
    with pytest.raises(EngineError, match="it has a feature 'vector'; open it"):
        EngineIndex.attach(engine, index_name, scheme=scheme())
    assert len(EngineIndex.open(engine, index_name)) == COUNT


def test_an_index_without_the_feature_is_told(engine: Engine, index_name: str) -> None:
    engine.call("PUT", path_of(index_name), {})
    with pytest.raises(EngineError, match=r"no feature 'vector' of Lookalike \(it has none\); attach one"):
        EngineIndex.open(engine, index_name)


@pytest.mark.parametrize("name", ["*", "a,b", "_all", "Museum", "", "a b", "../x", "-a", 5, "a" * 300])
def test_names_that_stand_for_several_or_none_are_refused(engine: Engine, name: Any) -> None:
    with pytest.raises(OptionError, match="cannot be the name of an index"):
        EngineIndex.create(engine, name, scheme=scheme())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"lookalike.x": "keyword"}, "cannot be the name"),
        ({"a*": "keyword"}, "cannot be the name"),
        ({"": "keyword"}, "cannot be the name"),
        ({"a": "string"}, "choose one of keyword"),
        ({"a": {"type": "nonsense"}}, "nonsense"),
    ],
)
def test_fields_that_cannot_be_are_refused(
    engine: Engine, index_name: str, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(LookalikeError, match=message):
        EngineIndex.create(engine, index_name, scheme=scheme(), fields=fields)


@pytest.mark.parametrize("given", [{}, {"scheme": scheme(), "sample": vectors()}])
def test_tokens_are_given_or_learned(engine: Engine, index_name: str, given: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="give sample or scheme"):
        EngineIndex.create(engine, index_name, **given)


def test_a_newer_format_is_refused_and_left_alone(engine: Engine, index_name: str) -> None:
    index = EngineIndex.create(engine, index_name, scheme=scheme())
    told = {**meta_of(index)["lookalike"], "format": 99}
    put_meta(index, told)
    with pytest.raises(EngineError, match=r"newer version of Lookalike \(format 99"):
        EngineIndex.open(engine, index_name)


@pytest.mark.parametrize(
    "told", [{}, 5, {"format": 1}, {"format": 1, "owned": True, "features": {"vector": {}}}]
)
def test_a_damaged_header_is_told(engine: Engine, index_name: str, told: Any) -> None:
    put_meta(EngineIndex.create(engine, index_name, scheme=scheme()), told)
    with pytest.raises(EngineError, match="its header is damaged"):
        EngineIndex.open(engine, index_name)


def test_tokens_of_another_family_are_never_mixed_in(engine: Engine, index_name: str) -> None:
    index = EngineIndex.create(engine, index_name, scheme=scheme())
    told = meta_of(index)["lookalike"]
    told["features"]["vector"]["family"] = save_arrays(engine, scheme("cosine").arrays())
    put_meta(index, told)
    with pytest.raises(
        EngineError, match=f"index '{index_name}': family .* is not the one that made its tokens"
    ):
        EngineIndex.open(engine, index_name)


def test_families_of_several_chunks_come_back(engine: Engine) -> None:
    arrays = {"a": np.random.default_rng(1).normal(size=700_000), "b": np.arange(5)}
    name = save_arrays(engine, arrays)
    assert save_arrays(engine, arrays) == name
    loaded = load_arrays(engine, name)
    assert all(np.array_equal(loaded[key], arrays[key]) for key in arrays)
    drop_chunks(engine, chunks_of(engine, name))


def test_families_that_are_damaged_or_gone_are_told(engine: Engine, index_name: str) -> None:
    index = EngineIndex.create(engine, index_name, scheme=scheme().weighed(vectors()[:60]))
    path = path_of(FAMILIES, "_doc", f"{index._target.header.family}-0")
    chunk = engine.call("GET", path)["_source"]
    about = re.escape(f"{engine.shown}, index '{index_name}': family ")
    engine.call("PUT", path, {**chunk, "data": "A" + chunk["data"][1:]})
    damaged = r".* is damaged \(a chunk does not have its checksum\); create the index again"
    with pytest.raises(EngineError, match=about + damaged):
        EngineIndex.open(engine, index_name)
    engine.call("DELETE", path)
    with pytest.raises(EngineError, match=about + ".* is gone; create the index again"):
        EngineIndex.open(engine, index_name)


def test_an_index_that_is_dropped_meanwhile_is_told_and_not_made_again(
    engine: Engine, index_name: str
) -> None:
    index = make_museum(engine, index_name)
    EngineIndex.open(engine, index_name).drop()
    with pytest.raises(EngineError, match="no such index"):
        index.search(vectors()[0])
    with pytest.raises(EngineError, match="no such index"):
        index.add(["new"], vectors()[:1], [{}])
    listed = engine.call("GET", "/_cat/indices", params={"format": "json", "expand_wildcards": "all"})
    assert not [one for one in listed if one["index"].startswith(index_name)]


def test_a_rebuild_takes_the_place_of_the_index_while_it_is_searched(engine: Engine, index_name: str) -> None:
    index, other = make_museum(engine, index_name), EngineIndex.open(engine, index_name)
    before = index._target
    done, failed = threading.Event(), []

    def search() -> None:
        while not done.is_set():
            if other.search(vectors()[3], 2).ids != (IDS[3], IDS[103]):
                failed.append(1)

    searching = threading.Thread(target=search)
    searching.start()
    index.rebuild()
    done.set()
    searching.join()
    assert not failed
    assert index._target.index != before.index
    assert index._target.header.tables != before.header.tables
    assert len(index) == COUNT
    assert [hit.document for hit in index.search(vectors()[3], 2)] == [documents()[3], documents()[103]]
    assert other.search(vectors()[5], 1)[0].id == IDS[5]


def test_a_process_that_knows_the_old_index_writes_to_the_new_one(engine: Engine, index_name: str) -> None:
    index, other = make_museum(engine, index_name), EngineIndex.open(engine, index_name)
    index.rebuild(scheme=scheme().weighed(vectors()))
    other.add(["new"], vectors()[:1] + 9, [{"title": "new"}])
    assert index.search(vectors()[0] + 9, 1)[0].document == {"title": "new"}
    assert other.explain(vectors()[0] + 9, "new").score == index.explain(vectors()[0] + 9, "new").score
    listed = engine.call("GET", "/_cat/indices", params={"format": "json", "expand_wildcards": "all"})
    assert len([one for one in listed if one["index"].startswith(index_name)]) == 1


def test_a_rebuild_that_fails_leaves_the_index_as_it_was(engine: Engine, index_name: str) -> None:
    index = make_museum(engine, index_name)
    with pytest.raises(OptionError, match="for another metric or dimension"):
        index.rebuild(scheme=scheme("cosine"))
    index.add(["new"], vectors()[:1], [{}])
    assert len(index) == COUNT + 1


def test_a_user_s_own_index_is_not_rebuilt(engine: Engine, index_name: str) -> None:
    engine.call("PUT", path_of(index_name), {})
    index = EngineIndex.attach(engine, index_name, scheme=scheme())
    with pytest.raises(EngineError, match="attach another feature"):
        index.rebuild()


def test_a_sample_teaches_tokens(engine: Engine, index_name: str) -> None:
    index = EngineIndex.create(engine, index_name, sample=vectors(), fields=FIELDS, shards=2)
    assert len(index) == 0
    assert index.search(vectors()[0]).ids == ()
    index.add(IDS, vectors(), documents())
    stats = index.stats()
    assert (stats.documents, stats.vectors, stats.shards) == (COUNT, COUNT, 2)
    assert stats.engine.startswith(engine.name)
    assert index.search(vectors()[4], 2).ids == (IDS[4], IDS[104])
