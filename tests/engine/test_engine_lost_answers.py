"""Answers that are lost, and processes that do the same at once: each request is sent again, and does it once."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.engine.museum import COUNT, FIELDS, IDS, documents, make_museum, scheme, vectors
from tests.services.engines import EngineServer
from tests.services.faulty import faulty_proxy

from lookalike.engine import EngineIndex, client, families
from lookalike.engine.client import Engine, path_of
from lookalike.engine.families import chunks_of, drop_chunks, load_arrays, save_arrays
from lookalike.errors import EngineError


def indexes(engine: Engine, beginning: str) -> list[str]:
    listed = engine.call("GET", "/_cat/indices", params={"format": "json", "expand_wildcards": "all"})
    return [one["index"] for one in listed if one["index"].startswith(beginning)]


def at_once(call: Callable[[int], Any], count: int) -> list[Any]:
    """What `call` returns or raises in each of so many threads, which start together."""
    start = threading.Barrier(count)
    results: list[Any] = [None] * count

    def run(i: int) -> None:
        start.wait()
        try:
            results[i] = call(i)
        except EngineError as error:
            results[i] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_an_index_lives_though_the_first_answer_to_each_kind_of_request_is_lost(
    engine_server: EngineServer, engine: Engine, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PAUSES", (0.0, 0.0))
    with faulty_proxy(engine_server.nodes[0].port) as proxy:
        proxy.lose_firsts = True
        through = Engine.open(f"{engine.name}://127.0.0.1:{proxy.port}", timeout=60)
        index = make_museum(through, index_name, shards=2)
        assert len(index) == COUNT
        index.rebuild(scheme=scheme())
        index.add(IDS[:5], vectors()[5:10])
        index.remove([IDS[7]])
        assert index.search(vectors()[6], 1)[0].document == documents()[1]
        assert len(index) == COUNT - 1
        assert indexes(engine, index_name) == [index._target.index]
        index.drop()
        assert not indexes(engine, index_name)
        assert len(proxy.lost) > 20
        through.close()


def test_a_feature_of_a_user_s_own_index_comes_and_goes_though_answers_are_lost(
    engine_server: EngineServer, engine: Engine, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PAUSES", (0.0, 0.0))
    settings = {"number_of_shards": 2, "number_of_replicas": 0}
    engine.call("PUT", path_of(index_name), {"settings": settings})
    lines = [line for i, one in enumerate(IDS) for line in ({"index": {"_id": one}}, {"n": i})]
    engine.call("POST", path_of(index_name, "_bulk"), lines, params={"refresh": "true"})
    with faulty_proxy(engine_server.nodes[0].port) as proxy:
        proxy.lose_firsts = True
        through = Engine.open(f"{engine.name}://127.0.0.1:{proxy.port}", timeout=60)
        index = EngineIndex.attach(through, index_name, scheme=scheme())
        index.add(IDS, vectors())
        assert index.search(vectors()[6], 1)[0].document == {"n": 6}
        index.drop()
        through.close()
    told = engine.call("POST", path_of(index_name, "_search"), {"size": COUNT})["hits"]["hits"]
    assert {hit["_id"]: hit["_source"] for hit in told} == {one: {"n": i} for i, one in enumerate(IDS)}


def test_of_those_who_make_an_index_at_once_one_does(engine: Engine, index_name: str) -> None:
    made = at_once(lambda _: make_museum(engine, index_name), 4)
    errors = [str(one) for one in made if isinstance(one, EngineError)]
    assert len(errors) == 3
    assert all(f"{engine.shown}, index '{index_name}': it is there already; open it" in one for one in errors)
    (index,) = (one for one in made if isinstance(one, EngineIndex))
    assert indexes(engine, index_name) == [index._target.index]
    assert len(EngineIndex.open(engine, index_name)) == COUNT


def test_those_who_save_the_first_families_at_once_all_do(
    engine: Engine, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(families, "INDEX", index_name)
    names = at_once(lambda i: save_arrays(engine, {"a": np.full(10, i)}), 8)
    assert [load_arrays(engine, name)["a"][0] for name in names] == list(range(8))


def test_a_family_that_is_saved_again_is_not_dropped_by_who_gave_it_up_before(engine: Engine) -> None:
    arrays = {"a": np.frombuffer(uuid.uuid4().bytes, dtype=np.uint8)}
    name = save_arrays(engine, arrays)
    given_up = chunks_of(engine, name)
    save_arrays(engine, arrays)
    drop_chunks(engine, given_up)
    assert np.array_equal(load_arrays(engine, name)["a"], arrays["a"])
    drop_chunks(engine, chunks_of(engine, name))
    assert not chunks_of(engine, name)


@pytest.mark.parametrize("how", ["closed", "damaged"])
def test_a_family_stays_as_long_as_any_index_names_it(engine: Engine, index_name: str, how: str) -> None:
    own = scheme().weighed(vectors()[:50])
    one = EngineIndex.create(engine, f"{index_name}-one", scheme=own, fields=FIELDS)
    other = EngineIndex.create(engine, f"{index_name}-other", scheme=own)
    index = one._target.index
    if how == "closed":
        engine.call("POST", path_of(index, "_close"))
    else:
        family = {"format": 1, "features": [one._target.header.family]}
        engine.call("PUT", path_of(index, "_mapping"), {"_meta": {"lookalike": family}})
    other.drop()
    assert load_arrays(engine, one._target.header.family)
