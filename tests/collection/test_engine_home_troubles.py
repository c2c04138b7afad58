"""A collection's feature in an engine that is down, loses the index, or whose writers are killed: nothing is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.collection.test_engine_home import (
    FEW,
    IDS,
    VECTORS,
    add,
    collection,
    found,
    in_engine,
    numbers_there,
    other,
    place_of,
)
from tests.services.engines import EngineServer

from lookalike import Collection
from lookalike.arrays import Rows
from lookalike.collection import indexes
from lookalike.engine import followed
from lookalike.engine.followed import id_of
from lookalike.engine.header import Following, find_index
from lookalike.engine.layout import put_header
from lookalike.engine.tokens import TokenScheme
from lookalike.engine.vector_form import VectorForm
from lookalike.engine.writing import added_objects
from lookalike.errors import EngineError, EngineUnavailableError, OptionError

__all__ = ["collection", "other"]

KILLED = """
import os, signal, sys
from itertools import islice
from lookalike import Collection
from lookalike.engine import followed
from tests.collection.test_engine_home import FEW, add

write = followed.write

def cut_short(engine, index, actions, **options):
    write(engine, index, list(islice(actions, 3)), **options)
    os.kill(os.getpid(), signal.SIGKILL)

collection = Collection.open(sys.argv[1])
followed.write = cut_short
if sys.argv[2] == "add":
    add(collection, FEW, FEW + 6)
else:
    collection.rebuild()
"""


def test_tokens_are_made_for_some_documents_at_a_time(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    real = added_objects

    def counted(scheme: TokenScheme, rows: Rows, form: VectorForm) -> list[dict[str, Any]]:
        made.append(len(rows))
        return real(scheme, rows, form)

    monkeypatch.setattr(followed, "added_objects", counted)
    monkeypatch.setattr(followed, "WRITTEN_TOGETHER", 4)
    add(collection, FEW, FEW + 9)
    assert made == [4, 4, 1]
    assert len(numbers_there(collection)) == FEW + 9
    assert list(collection.verify()) == []


def killed_amid(what: str, folder: Path) -> None:
    """Let another process write, and kill it when it has written three documents."""
    ended = subprocess.run([sys.executable, "-c", KILLED, str(folder), what], check=False)
    assert ended.returncode == -signal.SIGKILL


def put_follows(collection: Collection, follows: Following) -> None:
    """Say of the index that it follows something else."""
    target = in_engine(collection).target
    changed = target.whole.with_feature("vector", replace(target.header, follows=follows))
    put_header(target.engine, find_index(target.engine, target.index), changed, {})


def is_whole(collection: Collection) -> bool:
    """Whether the engine has the very sources of the catalogue, and nothing is half done."""
    follows = in_engine(collection).follows
    return (
        numbers_there(collection) == collection._catalogue.numbers_with(["vectors"]).tolist()
        and follows.writing is None
        and follows.stamp == collection._catalogue.stamp()
        and list(collection.verify()) == []
    )


def test_a_writer_killed_amid_an_addition_loses_nothing(
    tmp_path: Path, collection: Collection, other: Collection
) -> None:
    before = in_engine(collection).follows
    killed_amid("add", tmp_path / "c")
    follows = in_engine(collection).follows
    assert (follows.stamp, follows.writing) == (before.stamp, collection._catalogue.stamp())
    assert [found(one, FEW + row)[0] for one in (collection, other) for row in range(6)] == 2 * IDS[
        FEW : FEW + 6
    ]
    other.remove(["s3", IDS[FEW]])
    assert is_whole(collection)
    assert "s3" not in found(collection, 3)


def test_after_a_killed_writer_others_find_what_the_catalogue_alone_has(
    tmp_path: Path, collection: Collection, other: Collection
) -> None:
    killed_amid("add", tmp_path / "c")
    with collection._catalogue.write() as writer:  # a second writer that never comes to the engine
        writer.remove([collection._catalogue.numbers([IDS[FEW]])[IDS[FEW]]])
    assert IDS[FEW] not in found(other, FEW)
    assert found(other, FEW + 1)[0] == IDS[FEW + 1]


def test_a_builder_that_is_killed_leaves_the_old_index_and_the_next_takes_its_place(
    tmp_path: Path, collection: Collection, engine_server: EngineServer
) -> None:
    name = place_of(collection).index
    killed_amid("rebuild", tmp_path / "c")
    assert len(engine_server.request("GET", f"/{name}-*/_alias")) == 2
    assert found(collection, 3)[0] == "s3"
    collection.rebuild()
    assert len(engine_server.request("GET", f"/{name}-*/_alias")) == 1
    assert is_whole(collection)


def test_an_index_that_is_gone_is_made_anew_by_who_searches(
    collection: Collection, other: Collection, engine_server: EngineServer
) -> None:
    assert found(other, 5)[0] == "s5"
    engine_server.request("DELETE", f"/{in_engine(collection).target.index}")
    assert [problem.what for problem in other.verify()] == [
        f"{place_of(collection).name}: there are no tokens"
    ]
    assert found(other, 5)[0] == "s5"
    assert is_whole(collection)


@pytest.mark.parametrize("follows", [Following(12345, None, FEW), Following(0, 12345, FEW)], ids=str)
def test_an_index_of_a_state_that_never_was_is_made_anew(
    collection: Collection, other: Collection, follows: Following
) -> None:
    known = in_engine(collection).follows
    put_follows(collection, replace(follows, stamp=follows.stamp or known.stamp))
    add(other, FEW, FEW + 1)
    assert is_whole(collection)
    assert found(collection, FEW)[0] == IDS[FEW]


def test_an_index_of_an_older_state_is_brought_up_to_date(collection: Collection, other: Collection) -> None:
    known = in_engine(collection)
    add(collection, FEW, FEW + 2)
    assert found(other, FEW)[0] == IDS[FEW]
    gone = id_of(collection._catalogue.numbers([IDS[FEW]])[IDS[FEW]])
    known.target.engine.call("DELETE", f"/{known.target.index}/_doc/{gone}?refresh=true")
    put_follows(collection, known.follows)  # as of a copy from before the addition
    assert found(other, FEW)[0] == IDS[FEW]
    add(other, FEW + 2, FEW + 3)
    assert is_whole(collection)


def test_documents_that_are_gone_or_changed_are_found_by_verify(collection: Collection) -> None:
    target = in_engine(collection).target
    number = collection._catalogue.numbers(["s3"])["s3"]
    target.engine.call("DELETE", f"/{target.index}/_doc/{id_of(number)}?refresh=true")
    assert [problem.what for problem in collection.verify()] == ["lacks 1 of 90 vectors in their buckets"]
    target.engine.call("PUT", f"/{target.index}/_doc/strange?refresh=true", {"number": 1})
    assert "has 1 sources" in next(iter(collection.verify())).what
    collection.rebuild()
    assert is_whole(collection)


def test_while_the_engine_is_down_every_vector_is_compared(
    collection: Collection, other: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "TRIED_AGAIN", 0.0)
    place = place_of(collection)
    with collection._catalogue.write() as writer:  # where nobody listens
        writer.set_feature_index("vectors", replace(place, url="opensearch://127.0.0.1:1").to_json())
    hits = other.search(VECTORS[5], k=3)
    assert (hits[0].id, len(hits.notes)) == ("s5", 1)
    assert "every vector of vectors was compared instead" in hits.notes[0]
    with pytest.raises(EngineUnavailableError, match=r"opensearch://127\.0\.0\.1:1"):
        other.search(VECTORS[5], k=3, strict=True)
    add(collection, FEW, FEW + 1)
    assert other.search(VECTORS[FEW], k=1)[0].id == IDS[FEW]
    with collection._catalogue.write() as writer:
        writer.set_feature_index("vectors", place.to_json())
    assert found(other, FEW)[0] == IDS[FEW]
    add(collection, FEW + 1, FEW + 2)
    assert is_whole(other)


def test_an_index_stays_where_it_is_when_the_engine_cannot_be_reached(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "e") as embedded:
        add(embedded, 0, FEW)
        before = embedded.index("vectors")
        with pytest.raises(EngineError, match=r"opensearch://shop@127\.0\.0\.1:1"):
            embedded.migrate("vectors", engine="opensearch://shop:s3cret@127.0.0.1:1")
        assert embedded.index("vectors") | {"stamp": 0} == before | {"stamp": 0}


def test_the_environment_or_a_file_says_where_new_features_go(
    tmp_path: Path, engine_server: EngineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lookalike.toml").write_text(f'engine = "{engine_server.url}"\n')
    with Collection.create("c") as collection:
        add(collection, 0, FEW)
        assert place_of(collection).url == engine_server.url
        collection.remove_feature("vectors")
    monkeypatch.setenv("LOOKALIKE_BUCKETS", "memory:x")
    with pytest.raises(OptionError, match="give one of them"):
        Collection.open("c")
    with Collection.open("c", engine="embedded") as collection:
        add(collection, 0, FEW)
        assert collection.index("vectors")["chosen"] == "learned"
