"""A collection whose buckets are in a store: the same hits, whatever becomes of the store."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.services.redis import PASSWORD, RedisServer

from lookalike import Collection
from lookalike.buckets import BucketStore, open_bucket_store
from lookalike.collection import indexes
from lookalike.collection.stored_index import StoredIndex
from lookalike.errors import BucketStoreError, BucketStoreUnavailableError, OptionError

_RANDOM = np.random.default_rng(3)
CENTRES = _RANDOM.normal(size=(40, 12)) * 3
VECTORS = (CENTRES[_RANDOM.integers(0, 40, 900)] + _RANDOM.normal(size=(900, 12))).astype(np.float32)
IDS = [f"s{number}" for number in range(900)]


def found(collection: Collection, row: int, k: int = 5) -> list[str]:
    """Return the ids of the hits of a vector, which no trouble was met for."""
    hits = collection.search(VECTORS[row], k=k, strict=True)
    assert hits.notes == ()
    return [hit.id for hit in hits]


def place_of(collection: Collection) -> StoredIndex:
    """Return where the buckets are."""
    stored = StoredIndex.of(collection._catalogue.features()["vectors"].index)
    assert stored is not None
    return stored


def buckets_of(collection: Collection, url: str) -> BucketStore:
    """Return a handle on the buckets."""
    return open_bucket_store(url, place_of(collection).namespace)


@pytest.fixture
def collection(tmp_path: Path, store_url: str) -> Iterator[Collection]:
    with Collection.create(tmp_path / "c", buckets=store_url) as made:
        made.add_vectors(VECTORS[:600], ids=IDS[:600])
        yield made


@pytest.fixture
def other(tmp_path: Path, store_url: str, collection: Collection) -> Iterator[Collection]:
    """The same collection, as another process has it."""
    with Collection.open(tmp_path / "c", buckets=store_url) as opened:
        yield opened


def test_a_new_feature_has_its_buckets_in_the_store(collection: Collection, store_url: str) -> None:
    told = collection.index("vectors")
    assert (told["chosen"], told["base_rows"], told["path"]) == ("clusters", 600, "buckets")
    with buckets_of(collection, store_url) as store:
        assert store.stats().ids == 600


@pytest.mark.parametrize(
    ("family", "metric", "parameters"),
    [
        ("p-stable", "euclidean", {"tables": 8, "floors": 3}),
        ("hyperplane", "cosine", {"tables": 8, "bits": 6}),
        ("clusters", "euclidean", {}),
    ],
)
def test_hits_are_those_of_the_embedded_index(
    tmp_path: Path, store_url: str, family: str, metric: str, parameters: dict[str, Any]
) -> None:
    with (
        Collection.create(tmp_path / "s", buckets=store_url) as stored,
        Collection.create(tmp_path / "e") as embedded,
    ):
        for collection in (stored, embedded):
            collection.add_vectors(VECTORS[:600], ids=IDS[:600], metric=metric)
            collection.add_vectors(VECTORS[600:620], ids=IDS[600:620])
            collection.remove(["s7"])
            assert collection.set_index("vectors", family, **parameters)["chosen"] == family
        answers = [one.search_many(VECTORS[:50], strict=True) for one in (stored, embedded)]
        ours, theirs = ([[(hit.id, hit.distance) for hit in hits] for hits in answer] for answer in answers)
        assert ours == theirs


def test_each_process_finds_what_others_write(collection: Collection, other: Collection) -> None:
    assert found(other, 3)[0] == "s3"
    collection.add_vectors(VECTORS[600:650], ids=IDS[600:650])
    assert found(other, 620)[0] == "s620"
    other.remove(["s3"])
    assert "s3" not in found(collection, 3)
    collection.add_vectors(VECTORS[3:4], ids=["s3"])
    assert (found(other, 3)[0], found(collection, 620)[0]) == ("s3", "s620")


def test_a_filter_finds_the_few_that_it_leaves(collection: Collection) -> None:
    collection.add_vectors(VECTORS[700:702], ids=["a", "b"], metadata=[{"rare": 1}, {"rare": 1}])
    hits = collection.search(VECTORS[0], where={"rare": 1}, strict=True)
    assert sorted(hit.id for hit in hits) == ["a", "b"]


def test_what_the_store_has_not_seen_is_found_by_comparing_it(
    collection: Collection, other: Collection, store_url: str
) -> None:
    with buckets_of(collection, store_url) as store:
        before = store.header()
        with collection._catalogue.write() as writer:  # as where a writer dies between catalogue and store
            writer.remove([collection._catalogue.numbers(["s3"])["s3"]])
        assert "s3" not in found(other, 3)
        after = store.header()
        assert before is not None and after is not None and before.stamp == after.stamp, "a reader wrote"
        collection.add_vectors(VECTORS[601:602], ids=["s601"])
        assert store.stats().ids == 600
    assert (found(other, 601)[0], list(collection.verify())) == ("s601", [])


ANYWHERE: dict[str, Any] = {}
AMONG_FEW = {"where": {"rare": 1}}
"""Of a search that compares all that it may find, and probes no bucket."""


@pytest.mark.parametrize("options", [ANYWHERE, AMONG_FEW], ids=["probes", "scans"])
def test_buckets_that_were_flushed_are_made_anew_by_who_searches(
    collection: Collection, other: Collection, store_url: str, options: dict[str, Any]
) -> None:
    collection.add_vectors(VECTORS[600:602], ids=IDS[600:602], metadata=[{"rare": 1}, {"rare": 1}])
    assert other.search(VECTORS[601], strict=True, **options)[0].id == "s601"
    with buckets_of(collection, store_url) as store:
        store.drop()
        assert [problem.what for problem in other.verify()] == [
            f"{place_of(collection).name}: there are no buckets"
        ]
        assert other.search(VECTORS[601], strict=True, **options)[0].id == "s601"
        assert store.stats().ids == 602


@pytest.mark.parametrize("options", [ANYWHERE, AMONG_FEW], ids=["probes", "scans"])
def test_while_they_cannot_be_made_every_vector_is_compared(
    collection: Collection,
    other: Collection,
    store_url: str,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
) -> None:
    monkeypatch.setattr(indexes, "TRIED_AGAIN", 0.0)
    collection.add_vectors(VECTORS[600:602], ids=IDS[600:602], metadata=[{"rare": 1}, {"rare": 1}])
    assert other.search(VECTORS[601], strict=True, **options).notes == ()
    with buckets_of(collection, store_url) as store, collection._backend.writing("add"):
        store.drop()
        hits = other.search(VECTORS[601], k=3, **options)
        assert hits[0].id == "s601"
        assert len(hits.notes) == 1
        assert "every vector of vectors was compared instead" in hits.notes[0]
        with pytest.raises(BucketStoreError, match="the buckets are gone or of another state"):
            other.search(VECTORS[601], k=3, strict=True, **options)
    assert found(other, 601)[0] == "s601"


def test_buckets_of_a_state_that_never_was_are_made_anew(
    collection: Collection, other: Collection, store_url: str
) -> None:
    with buckets_of(collection, store_url) as store:
        header = store.header()
        assert header is not None
        few = np.arange(3), np.zeros((3, len(header.tables)), dtype=np.uint64)
        store.fill(type(header)(12345, header.tables, header.properties), [few])
        assert found(other, 5)[0] == "s5"
        assert store.stats().ids == 600


def test_buckets_of_another_family_are_made_anew(
    tmp_path: Path, collection: Collection, other: Collection, store_url: str
) -> None:
    with buckets_of(collection, store_url) as store:
        before = store.header()
        assert before is not None
        collection.set_index("vectors", "p-stable", tables=3)
        assert found(other, 5)[0] == "s5"
        store.fill(before, [])  # restored from a copy of before
        assert found(other, 5)[0] == "s5"
        after = store.header()
        assert after is not None and len(after.tables) == 3


def test_verify_tells_of_vectors_that_are_in_no_bucket(collection: Collection, store_url: str) -> None:
    with buckets_of(collection, store_url) as store:
        header = store.header()
        assert header is not None and list(collection.verify()) == []
        none = np.empty((0, len(header.tables)), dtype=np.uint64)
        assert store.apply(
            np.array([3, 4]), np.empty(0, np.int64), none, seen=header.stamp, stamp=header.stamp
        )
    assert [problem.what for problem in collection.verify()] == ["lacks 2 of 600 vectors in their buckets"]
    collection.rebuild()
    assert list(collection.verify()) == []


def test_removing_a_feature_takes_its_buckets_along(collection: Collection, store_url: str) -> None:
    with buckets_of(collection, store_url) as store:
        collection.remove_feature("vectors")
        assert store.header() is None


def test_an_index_is_moved_to_a_store_and_back(tmp_path: Path, store_url: str) -> None:
    with Collection.create(tmp_path / "c") as collection:
        collection.add_vectors(VECTORS[:600], ids=IDS[:600])
        collection.set_index("vectors", "p-stable")
        moved = collection.migrate("vectors", buckets=store_url, queries=40)
        assert (moved.queries, moved.hits, moved.equal) == (40, 400, 400)
        with buckets_of(collection, store_url) as store:
            assert store.stats().ids == 600
            assert not (tmp_path / "c" / "indexes" / "vectors").exists()
            back = collection.migrate("vectors", buckets="embedded", queries=40)
            assert (back.buckets, back.hits, back.equal) == ("embedded", 400, 400)
            assert store.header() is None
        assert collection.index("vectors")["chosen"] == "p-stable"


def test_learned_buckets_stay_beside_the_catalogue(collection: Collection) -> None:
    with pytest.raises(OptionError, match="learned buckets"):
        collection.set_index("vectors", "learned")
    collection.set_index("vectors", "learned", buckets="embedded")
    assert collection.index("vectors").get("store") is None


KILLED = """
import os, signal, sys
import numpy as np
from lookalike import Collection
from lookalike.index.store_index import StoreIndex

StoreIndex.publish = lambda index: os.kill(os.getpid(), signal.SIGKILL)
with Collection.open(sys.argv[1], buckets=sys.argv[2]) as collection:
    collection.add_vectors(np.load(sys.argv[3]), ids=["killed"])
"""


def test_a_writer_that_is_killed_before_the_store_loses_nothing(
    tmp_path: Path, collection: Collection, other: Collection, store_url: str
) -> None:
    if store_url.startswith("memory:"):
        pytest.skip("no other process can open this store")
    np.save(tmp_path / "v.npy", VECTORS[800:801])
    command = [sys.executable, "-c", KILLED, str(tmp_path / "c"), store_url, str(tmp_path / "v.npy")]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert (found(other, 800)[0], found(collection, 800)[0]) == ("killed", "killed")
    collection.add_vectors(VECTORS[801:802], ids=["next"])
    with buckets_of(collection, store_url) as store:
        assert store.stats().ids == 602
    assert (found(other, 800)[0], found(other, 801)[0]) == ("killed", "next")


def test_a_store_that_is_down_is_told_of_and_caught_up_later(
    tmp_path: Path, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "TRIED_AGAIN", 0.0)
    with Collection.create(tmp_path / "c", buckets=own_redis.url()) as collection:
        collection.add_vectors(VECTORS[:600], ids=IDS[:600])
        assert found(collection, 5)[0] == "s5"
        own_redis.halt()
        hits = collection.search(VECTORS[5], k=3)
        assert (hits[0].id, len(hits.notes)) == ("s5", 1)
        assert PASSWORD not in hits.notes[0]
        with pytest.raises(BucketStoreUnavailableError):
            collection.search(VECTORS[5], strict=True)
        assert collection.add_vectors(VECTORS[600:610], ids=IDS[600:610]).added == 10
        assert collection.search(VECTORS[605], k=3)[0].id == "s605"
        own_redis.start()
        assert found(collection, 605)[0] == "s605"
        collection.remove(["s5"])
        with buckets_of(collection, own_redis.url()) as store:
            assert store.stats().ids == 609


def test_a_password_is_kept_nowhere(
    tmp_path: Path, one_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = one_redis.url()
    with Collection.create(tmp_path / "c", buckets=url) as collection:
        collection.add_vectors(VECTORS[:50], ids=IDS[:50])
        secrets = (PASSWORD.encode(), url.rpartition("@")[0].rpartition(":")[2].encode())
    for path in (tmp_path / "c").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not any(secret in content for secret in secrets), path
    with Collection.open(tmp_path / "c") as collection:
        hits = collection.search(VECTORS[5], k=1)
        assert hits[0].id == "s5" and "every vector of vectors was compared" in hits.notes[0]
    monkeypatch.setenv("LOOKALIKE_BUCKETS", url)
    with Collection.open(tmp_path / "c") as collection:
        assert found(collection, 5)[0] == "s5"


def test_the_store_of_new_features_comes_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lookalike.toml").write_text(f'buckets = "sqlite:///{tmp_path}/b.sqlite"\n')
    with Collection.create("c") as collection:
        collection.add_vectors(VECTORS[:50], ids=IDS[:50])
        assert place_of(collection).url == f"sqlite:///{tmp_path}/b.sqlite"
    with Collection.create("d", buckets="embedded") as collection:
        collection.add_vectors(VECTORS[:50], ids=IDS[:50])
        assert "store" not in collection.index("vectors")


@pytest.mark.parametrize("buckets", [7, "", "nowhere", b"redis://h", ["redis://h"]])
def test_what_is_no_url_is_refused(tmp_path: Path, buckets: object) -> None:
    with pytest.raises(OptionError, match="buckets"):
        Collection.create(tmp_path / "c", buckets=buckets)  # type: ignore[arg-type]
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("strict", [1, "yes", None])
def test_strict_is_true_or_false(tmp_path: Path, strict: object) -> None:
    with Collection.create(tmp_path / "c") as made, pytest.raises(OptionError, match="strict is"):
        made.search(text="a", strict=strict)  # type: ignore[arg-type]
