"""Writers and readers at once, and indexes that are behind, lost or damaged."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_pictures import draw  # type: ignore[import-not-found]

from lookalike import Collection
from lookalike.catalogue import Catalogue, NewSource
from lookalike.collection.lock import writer_lock
from lookalike.errors import CollectionExistsError, CollectionLockedError, CollectionMissingError

VECTORS = np.random.default_rng(5).normal(size=(60, 6)).astype(np.float32)
NAMES = [f"name{row}" for row in range(60)]
HOLD = """
import sys
from pathlib import Path
from lookalike.collection.lock import writer_lock
with writer_lock(Path(sys.argv[1]), "add"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Collection.create(tmp_path / "c") as collection:
        collection.add_vectors(VECTORS, ids=NAMES, metadata=[{"row": row} for row in range(60)])
        collection.add_vectors(VECTORS[:, :3], ids=NAMES, feature="short", metric="cosine")
    return tmp_path / "c"


Answers = list[list[tuple[str, float]]]


def answers(folder: Path) -> Answers:
    """Return what a newly opened collection answers to some queries."""
    with Collection.open(folder) as collection:
        asked = [
            collection.search("name3", k=5),
            collection.search({"vectors": VECTORS[7]}, features={"vectors": 1}, k=8),
            collection.search("name9", k=4, where={"row": (20, None)}),
            collection.search("name9", k=4, text="17"),
        ]
        return [[(hit.id, hit.distance) for hit in hits] for hits in asked]


@contextmanager
def held(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process holds the writer lock within."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()


def test_the_second_writer_is_told_who_holds_the_lock(folder: Path, tmp_path: Path) -> None:
    draw(tmp_path / "pictures", ["a.png"])
    before = answers(folder)
    with held(folder) as process, Collection.open(folder) as collection:
        generation = collection.info()["generation"]
        for write in (
            lambda: collection.add(tmp_path / "pictures", jobs=1),
            lambda: collection.add_vectors(VECTORS),
            lambda: collection.remove("name3"),
            lambda: collection.rebuild(),
        ):
            with pytest.raises(
                CollectionLockedError, match=rf"process {process.pid} on .*lookalike add, since"
            ):
                write()
        assert collection.info()["generation"] == generation
        assert answers(folder) == before, "one may search meanwhile"
        # The system frees the lock of a process that dies; what it wrote of itself does not hold anybody up.
        process.kill()
        process.wait()
        assert (folder / "writer.json").exists()
        assert collection.remove("name3") == 1
    assert not (folder / "writer.json").exists()


def test_the_lock_is_freed_after_an_error(folder: Path) -> None:
    with Collection.open(folder) as collection:
        for _ in range(2):
            with pytest.raises(Exception, match="name0"):
                collection.add_vectors(VECTORS, ids=NAMES)
        with (
            writer_lock(folder, "test"),
            pytest.raises(CollectionLockedError, match=f"process {os.getpid()} "),
        ):
            collection.remove("name0")
        assert collection.remove("name0") == 1


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL])
def test_a_file_system_without_locks_takes_one_writer_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("fcntl.flock", unsupported)
    with Collection.open(folder) as collection:
        assert collection.remove("name0") == 1
        with (
            writer_lock(folder, "test"),
            pytest.raises(CollectionLockedError, match=rf"process {os.getpid()} .*lookalike test, since"),
        ):
            collection.remove("name1")
        assert collection.remove("name1") == 1
    assert not list(folder.rglob("*.claim"))


def test_a_lock_without_a_name_is_still_a_lock(folder: Path) -> None:
    with writer_lock(folder, "test"):
        (folder / "writer.json").write_text("{")
        with (
            Collection.open(folder) as collection,
            pytest.raises(CollectionLockedError, match="another process"),
        ):
            collection.remove("name0")


def test_a_lock_needs_no_room_for_a_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    with Collection.open(folder) as collection:
        with writer_lock(folder, "test"), pytest.raises(CollectionLockedError, match="another process"):
            collection.remove("name0")
        assert collection.remove("name0") == 1
    assert not (folder / "writer.json").exists()


def test_one_may_ask_for_the_size_while_index_files_come_and_go(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Collection.open(folder) as collection:
        whole = collection.info()["index_bytes"]
        gone = next(
            file for file in (folder / "indexes").rglob("*") if file.is_file() and file.stat().st_size
        )
        size = gone.stat().st_size
        stat = os.stat

        def late(path: Any, **options: Any) -> os.stat_result:
            if Path(path) == gone:  # a commit has replaced it since the folder was listed
                raise FileNotFoundError(path)
            return stat(path, **options)

        monkeypatch.setattr(os, "stat", late)
        assert collection.info()["index_bytes"] == whole - size


def test_a_lock_that_cannot_be_made(folder: Path) -> None:
    (folder / "writer.lock").unlink(missing_ok=True)
    (folder / "writer.lock").mkdir()
    with Collection.open(folder) as collection:
        with pytest.raises(CollectionLockedError, match=r"writer\.lock"):
            collection.remove("name0")
        write_past_the_indexes(folder)  # which a search would save, if it could
        hits = collection.search({"vectors": VECTORS[0]}, features={"vectors": 1}, k=2)
        assert [hit.id for hit in hits] == ["name0", "fresh"]


def write_past_the_indexes(folder: Path) -> None:
    """Add `fresh`, remove `name1` and give `name2` the vector of `name0` turned, in the catalogue alone."""
    with Catalogue.open(folder / "catalogue.sqlite") as catalogue, catalogue.write() as writer:
        numbers = catalogue.numbers(["name1", "name2"])
        vectors = {"vectors": VECTORS[0] * np.float32(1.0001), "short": VECTORS[0, :3]}
        writer.add_sources([NewSource("fresh", "0" * 64, "row", 1, vectors=vectors)])
        writer.remove([numbers["name1"]])
        writer.add_vectors("vectors", [numbers["name2"]], -VECTORS[:1])


@pytest.mark.parametrize("locked", [False, True])
def test_search_catches_up_with_the_catalogue(folder: Path, locked: bool) -> None:
    with Collection.open(folder) as before:
        assert before.search("name0", k=1)[0].id != "fresh"
        write_past_the_indexes(folder)
        if locked:
            with held(folder):
                stale, expected = before.search("name0", k=60), answers(folder)
        else:
            stale, expected = before.search("name0", k=60), answers(folder)
        found = [hit.id for hit in stale]
        assert found[0] == "fresh"
        assert "name1" not in found
        with Collection.open(folder) as after:
            by_vector = after.search({"vectors": -VECTORS[0]}, features={"vectors": 1}, k=1)
            assert by_vector[0].id == "name2"
            after.rebuild()
        assert answers(folder) == expected


def test_lost_indexes_are_made_anew(folder: Path) -> None:
    before = answers(folder)
    shutil.rmtree(folder / "indexes")
    assert answers(folder) == before
    shutil.rmtree(folder / "indexes")
    with held(folder):
        assert answers(folder) == before
    shutil.rmtree(folder / "indexes", ignore_errors=True)
    with Collection.open(folder) as collection:
        assert collection.rebuild() == {"vectors": 60, "short": 60}
    assert answers(folder) == before


def test_index_files_that_are_cut_or_garbled_are_made_anew(folder: Path) -> None:
    before = answers(folder)
    index = folder / "indexes" / "vectors"
    for name in sorted(file.name.split(".")[0] for file in index.iterdir() if file.stat().st_size):
        for kept in (-1, 0):
            (file,) = index.glob(name + ".*")
            file.write_bytes(file.read_bytes()[:kept])
            assert answers(folder) == before, f"after damage to {file.name}"
    manifest = index / "manifest.json"
    document = json.loads(manifest.read_text())
    for damaged in (
        "[]",
        "{}",
        json.dumps(document | {"version": 10**6}),
        json.dumps(document | {"body": {}}),
    ):
        manifest.write_text(damaged)
        assert answers(folder) == before


def test_an_index_of_another_feature_of_the_same_name_is_not_used(folder: Path) -> None:
    shutil.copytree(folder, folder.parent / "old")
    with Catalogue.open(folder / "catalogue.sqlite") as catalogue, catalogue.write() as writer:
        record = catalogue.features()["vectors"]
        numbers = catalogue.numbers(NAMES)
        writer.drop_feature("vectors")
        writer.add_feature(record)
        writer.add_vectors("vectors", [numbers[name] for name in NAMES], VECTORS[::-1])
    with Collection.open(folder) as collection:
        assert collection.search({"vectors": VECTORS[0]}, features={"vectors": 1}, k=1)[0].id == "name59"


def test_an_index_of_another_collection_is_not_used(folder: Path, tmp_path: Path) -> None:
    with Collection.create(tmp_path / "other") as other:
        other.add_vectors(VECTORS[::-1], ids=NAMES)
        other.add_vectors(VECTORS[:, :3], ids=NAMES, feature="short", metric="cosine")
    before = answers(folder)
    shutil.rmtree(folder / "indexes")
    shutil.copytree(tmp_path / "other" / "indexes", folder / "indexes")
    with Collection.open(folder) as collection:
        wrong = [problem for problem in collection.verify() if problem.where == "index vectors"]
        assert len(wrong) == 1
        collection.rebuild()
    assert answers(folder) == before


def test_one_may_search_while_another_adds(tmp_path: Path) -> None:
    draw(tmp_path / "pictures", [f"{number:02}.png" for number in range(60)])
    code = (
        "from lookalike.collection import add_pictures; add_pictures.COMMIT_FILES = 4; "
        "from lookalike.cli import main; main()"
    )
    with Collection.create(tmp_path / "c") as collection:
        first = tmp_path / "pictures" / "00.png"
        collection.add(first, jobs=1)
        command = ["add", "-c", str(tmp_path / "c"), str(tmp_path / "pictures"), "--jobs", "1"]
        process = subprocess.Popen([sys.executable, "-c", code, *command], stdout=subprocess.DEVNULL)
        seen = []
        while process.poll() is None:
            hits = collection.search(first.read_bytes(), k=100)
            assert hits[0].path == str(first)
            seen.append(len(hits))
        assert process.returncode == 0
        assert seen == sorted(seen)
        assert len(collection.search(first.read_bytes(), k=100)) == 60


def test_collections_are_made_and_opened_by_their_folder(tmp_path: Path) -> None:
    with pytest.raises(CollectionMissingError, match="lookalike add"):
        Collection.open(tmp_path / "none")
    assert not (tmp_path / "none").exists()
    Collection.create(tmp_path / "deep" / "down").close()
    with pytest.raises(CollectionExistsError):
        Collection.create(tmp_path / "deep" / "down")
    (tmp_path / "file").touch()
    for make in (Collection.create, Collection.open_or_create):
        with pytest.raises(Exception, match="file"):
            make(tmp_path / "file")
