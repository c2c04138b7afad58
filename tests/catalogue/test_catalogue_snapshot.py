"""A snapshot is of one state; a closed catalogue stays closed; none is copied into another process."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable

import numpy as np
import pytest
from filled_catalogue import new  # type: ignore[import-not-found]

from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.records import FeatureRecord
from lookalike.catalogue.where import Where
from lookalike.errors import CollectionError

READS: dict[str, Callable[[Catalogue], object]] = {
    "stamp": lambda c: c.stamp(),
    "generation": lambda c: c.generation(),
    "features": lambda c: c.features(),
    "count": lambda c: (c.count(), c.count("look")),
    "numbers": lambda c: c.numbers(["id3", "id99"]),
    "places": lambda c: list(c.places()),
    "sources": lambda c: c.sources([4, 2]),
    "hit_rows": lambda c: [c.hit_rows([4, 2])[number] for number in (4, 2)],
    "stored_query": lambda c: str(c.stored_query("id3", ["look"])),
    "iterate": lambda c: list(c.iterate()),
    "lacking": lambda c: c.lacking("look").tolist(),
    "lacking_counts": lambda c: c.lacking_counts(["look"]),
    "vectors": lambda c: c.vectors("look", range(1, 99))[1].tolist(),
    "changes": lambda c: [block.tolist() for block, _ in c.changes("look")],
    "removed_after": lambda c: c.removed_after().tolist(),
    "select": lambda c: c.select(Where.of({"title": ("red", None)}), "red").tolist(),
    "text_scores": lambda c: c.text_scores("red")[0].tolist(),
    "text_matches": lambda c: c.text_matches("red", 3),
    "metadata_fields": lambda c: c.metadata_fields(),
    "verify": lambda c: list(c.verify()),
}


def change(catalogue: Catalogue) -> None:
    with Catalogue.open(catalogue.name) as other, other.write() as writer:
        writer.remove([7, 8])
        writer.add_feature(FeatureRecord("other", "look", 2, "cosine"))
        writer.add_sources([new(99)])
        writer.add_vectors("look", [3], np.full((1, 4), 9, np.float32))
        writer.update_metadata({2: {"title": "blue"}})


@pytest.mark.parametrize("read", READS)
def test_a_snapshot_reads_one_state_whatever_is_committed_meanwhile(filled: Catalogue, read: str) -> None:
    before = READS[read](filled)
    with filled.snapshot() as pinned:
        pinned.stamp()
        change(filled)
        assert READS[read](pinned) == before


def test_after_a_snapshot_the_catalogue_reads_what_was_committed(filled: Catalogue) -> None:
    with filled.snapshot() as pinned:
        pinned.stamp()
        change(filled)
        assert (pinned.count(), filled.count()) == (20, 19)


def test_a_snapshot_within_a_snapshot_is_of_the_same_state(filled: Catalogue) -> None:
    with filled.snapshot() as outer:
        outer.stamp()
        change(filled)
        with outer.snapshot() as inner:
            assert inner.count() == 20
        assert outer.count() == 20


def test_each_thread_has_a_snapshot_of_its_own(filled: Catalogue) -> None:
    failures: list[object] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            with filled.snapshot() as pinned:
                seen = {(pinned.generation(), pinned.count(), len(pinned.select(text="red")))}
                seen |= {(pinned.generation(), len(list(pinned.iterate())), pinned.count("look"))}
                if len(seen) != 1:
                    failures.append(seen)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(100, 130):
        with filled.write() as writer:
            writer.add_sources([new(i)])
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures


def test_more_snapshots_at_once_than_connections_are_kept(filled: Catalogue) -> None:
    together = threading.Barrier(40, timeout=30)
    counts: list[int] = []

    def read() -> None:
        with filled.snapshot() as pinned:
            together.wait()
            counts.append(pinned.count())

    threads = [threading.Thread(target=read) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [20] * 40


def test_a_snapshot_is_not_written_to(filled: Catalogue) -> None:
    with (
        filled.snapshot() as pinned,
        pytest.raises(CollectionError, match="for reading only"),
        pinned.write(),
    ):
        pass


@pytest.mark.parametrize("read", READS)
def test_a_snapshot_that_has_ended_says_so(filled: Catalogue, read: str) -> None:
    with filled.snapshot() as pinned:
        pass
    with pytest.raises(CollectionError, match="snapshot of the catalogue has ended"):
        READS[read](pinned)


@pytest.mark.parametrize("read", READS)
def test_a_closed_catalogue_stays_closed(filled: Catalogue, read: str) -> None:
    filled.close()
    filled.close()
    with pytest.raises(CollectionError, match="is closed; open it again"):
        READS[read](filled)


def test_a_closed_catalogue_is_not_written_to(filled: Catalogue) -> None:
    filled.close()
    with pytest.raises(CollectionError, match="is closed; open it again"), filled.write():
        pass
    with pytest.raises(CollectionError, match="is closed; open it again"), filled.snapshot():
        pass


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_catalogue_is_neither_pickled_nor_copied(
    filled: Catalogue, duplicate: Callable[[object], object]
) -> None:
    with pytest.raises(CollectionError, match="cannot be pickled or copied"):
        duplicate(filled)
