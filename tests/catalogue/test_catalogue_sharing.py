"""Crashes, threads and other processes: nothing acknowledged is lost, and each sees whole writes only."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filled_catalogue import new  # type: ignore[import-not-found]

from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.postgresql import connections as server_connections
from lookalike.catalogue.records import FeatureRecord
from lookalike.catalogue.sqlite import connections, creation
from lookalike.errors import (
    CollectionError,
    CollectionExistsError,
    CollectionLockedError,
    CollectionMissingError,
)

BATCH = 7
WRITE_FOREVER = f"""
import sys
import numpy as np
from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.records import NewSource, Location
with Catalogue.open(sys.argv[1]) as catalogue:
    start = catalogue.count()
    while True:
        with catalogue.write() as writer:
            writer.add_sources([
                NewSource(f"id{{i}}", f"{{i:064x}}", "picture", 9, metadata={{"title": f"red {{i}}"}},
                          places=(Location(f"/p/{{i}}", 1, 2),), vectors={{"look": np.full(600, i, np.float32)}})
                for i in range(start, start + {BATCH})
            ])
        start += {BATCH}
        print(start, flush=True)
"""


def test_what_was_acknowledged_survives_sigkill_and_others_read_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.sqlite"
    with Catalogue.create(path) as catalogue, catalogue.write() as writer:
        writer.add_feature(FeatureRecord("look", "look", 600, "euclidean"))
    for batches in (1, 3, 6):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITE_FOREVER, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        with child.stdout, Catalogue.open(path) as reader:
            for _ in range(batches):
                acknowledged = int(child.stdout.readline())
                assert reader.count() >= acknowledged  # a second process sees it at once
                assert reader.count() % BATCH == 0  # and never half a batch
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
            acknowledged = int((child.stdout.read().split() or [str(acknowledged)])[-1])
        with Catalogue.open(path) as after:
            count = after.count()
            assert count in (acknowledged, acknowledged + BATCH)  # committed, but killed before it said so
            assert after.numbers(f"id{i}" for i in range(count)).keys() == {f"id{i}" for i in range(count)}
            numbers, vectors = after.vectors("look", after.select(text="red"))
            assert (vectors == np.arange(count)[:, None]).all() and len(numbers) == count
            assert list(after.verify()) == []


def test_a_reader_keeps_its_snapshot_while_another_writes(filled: Catalogue) -> None:
    blocks = filled.changes("look", block_rows=8)
    seen = next(blocks)[0].tolist()
    with Catalogue.open(filled.name) as other, other.write() as writer:
        writer.remove([12])
        writer.add_sources([new(99)])
    seen += [number for numbers, _ in blocks for number in numbers.tolist()]
    assert seen == list(range(1, 21))
    assert filled.removed_after(1).tolist() == [12]


def test_a_second_writer_is_told(filled: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "BUSY_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(server_connections, "BUSY_SECONDS", 0.05)
    with Catalogue.open(filled.name) as other, filled.write() as writer:
        writer.remove([1])
        with pytest.raises(CollectionLockedError, match="another process is writing"), other.write():
            pytest.fail("two writers at once")
        assert other.count() == 20  # but reading goes on
    assert filled.count() == 19


def test_stamps_tell_a_restored_or_recreated_catalogue(tmp_path: Path) -> None:
    path, copy = tmp_path / "c.sqlite", tmp_path / "copy.sqlite"
    with Catalogue.create(path) as catalogue:
        empty = catalogue.stamp()
        assert catalogue.generation_of(empty) == 0
        with catalogue.write() as writer:
            writer.add_feature(FeatureRecord("look", "look", 4, "cosine"))
        before = catalogue.stamp()
        with catalogue.write():
            pass
        with pytest.raises(KeyboardInterrupt), catalogue.write() as writer:
            writer.add_sources([new(1)])
            raise KeyboardInterrupt
        assert catalogue.stamp() == before  # nothing was written
    shutil.copy(path, copy)
    stamps = []
    for _ in range(2):  # the second time restored from the copy
        shutil.copy(copy, path)
        with Catalogue.open(path) as catalogue:
            with catalogue.write() as writer:
                writer.add_sources([new(1)])
            assert [catalogue.generation_of(known) for known in (empty, before)] == [0, 1]
            assert catalogue.generation_of(catalogue.stamp()) == catalogue.generation() == 2
            stamps.append(catalogue.stamp())
            assert [catalogue.generation_of(stamp) for stamp in stamps] == [None, 2][2 - len(stamps) :]
    with Catalogue.create(tmp_path / "other.sqlite") as other:
        assert [other.generation_of(stamp) for stamp in (empty, before, *stamps)] == [None] * 4
        assert all(0 <= stamp < 2**62 for stamp in (other.stamp(), *stamps))


def test_threads_share_a_catalogue(filled: Catalogue) -> None:
    failures: list[BaseException] = []

    def work(start: int) -> None:
        try:
            for i in range(start, start + 5):
                with filled.write() as writer:
                    writer.add_sources([new(i)])
                assert filled.numbers([f"id{i}"])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(start,)) for start in (100, 200, 300)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert filled.count() == 35 and filled.generation() == 16
    filled.close()


@pytest.mark.parametrize("location", ["sqlite"], indirect=True)
def test_creating_and_opening(tmp_path: Path, filled: Catalogue) -> None:
    with pytest.raises(CollectionExistsError):
        Catalogue.create(Path(filled.name))
    with pytest.raises(CollectionMissingError):
        Catalogue.open(tmp_path / "none")
    assert not (tmp_path / "none").exists()
    with pytest.raises(CollectionError, match="cannot be created"):
        Catalogue.create(tmp_path / "no" / "folder")
    odd = tmp_path / "a?b#c%41 d'é.sqlite"
    with Catalogue.create(odd) as catalogue:
        assert Path(catalogue.name) == odd and catalogue.generation() == 0
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith("a?b")) == [odd.name]
    with Catalogue.open(odd) as again:
        assert again.created_at == catalogue.created_at


CREATE_AT_ONCE = """
import sys
from lookalike.catalogue.catalogue import Catalogue
from lookalike.errors import CollectionExistsError
for path in sys.stdin:
    try:
        with Catalogue.create(path.strip()) as catalogue:
            print(catalogue.stamp(), flush=True)
    except CollectionExistsError:
        print("lost", flush=True)
"""


def test_of_processes_that_create_the_same_catalogue_one_wins(tmp_path: Path) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CREATE_AT_ONCE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    warm_up = [tmp_path / f"warm{i}" for i in range(3)]  # so that all have loaded what they need
    for child, path in zip(children, warm_up, strict=True):
        print(path, file=child.stdin, flush=True)
    assert all(child.stdout and child.stdout.readline().strip().isdigit() for child in children)
    paths = [tmp_path / f"{i}.sqlite" for i in range(8)]
    for path in paths:
        for child in children:
            print(path, file=child.stdin, flush=True)
        said = [child.stdout.readline().strip() for child in children if child.stdout]
        with Catalogue.open(path) as catalogue:
            assert sorted(said) == [str(catalogue.stamp()), "lost", "lost"]
            assert list(catalogue.verify()) == []
    for child in children:
        child.communicate()
        assert child.returncode == 0
    assert set(tmp_path.iterdir()) == {*paths, *warm_up}


@pytest.mark.parametrize("links", [True, False])
def test_the_loser_leaves_the_winner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """Another process creates the catalogue while this one fills its draft, also where no links can be made."""
    path = tmp_path / "c.sqlite"
    stamps = []
    fill = creation._fill

    def fill_second(draft: Path, *more: Any) -> None:
        monkeypatch.setattr(creation, "_fill", fill)
        with Catalogue.create(path) as winner:
            stamps.append(winner.stamp())
        fill(draft, *more)

    def refuse(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(creation, "_fill", fill_second)
    if not links:
        monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(CollectionExistsError):
        Catalogue.create(path)
    with Catalogue.open(path) as catalogue:
        assert [catalogue.stamp()] == stamps
    assert list(tmp_path.iterdir()) == [path]
