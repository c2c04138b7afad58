"""Crashes, other processes, damage and refusals: nothing acknowledged is lost, and every error is one clear line."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lookalike.catalogue import create, sqlite
from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.records import FeatureRecord, NewSource, Place
from lookalike.catalogue.where import Where
from lookalike.errors import (
    CollectionDamagedError,
    CollectionError,
    CollectionExistsError,
    CollectionLockedError,
    CollectionMissingError,
    CollectionReadOnlyError,
    CollectionVersionError,
    DuplicateIdError,
    InputError,
    LookalikeError,
    MetadataError,
    UnknownFeatureError,
    UnknownIdError,
    VectorError,
)

BATCH = 7
WRITE_FOREVER = f"""
import sys
import numpy as np
from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.records import NewSource, Place
with Catalogue.open(sys.argv[1]) as catalogue:
    start = catalogue.count()
    while True:
        with catalogue.write() as writer:
            writer.add_sources([
                NewSource(f"id{{i}}", f"{{i:064x}}", "picture", 9, metadata={{"title": f"red {{i}}"}},
                          places=(Place(f"/p/{{i}}", 1, 2),), vectors={{"look": np.full(600, i, np.float32)}})
                for i in range(start, start + {BATCH})
            ])
        start += {BATCH}
        print(start, flush=True)
"""


def new(i: int, **more: object) -> NewSource:
    vectors = {"look": np.full(4, i + 1, np.float32)}
    fields = {
        "metadata": {"title": f"red {i}"},
        "places": (Place(f"/p/{i}", 1, 2),),
        "vectors": vectors,
        **more,
    }
    return NewSource(f"id{i}", f"{i:064x}", "picture", 9, **fields)  # type: ignore[arg-type]


@pytest.fixture
def filled(catalogue: Catalogue) -> Catalogue:
    with catalogue.write() as writer:
        writer.add_feature(FeatureRecord("look", "look", 4, "cosine"))
        writer.add_sources([new(i) for i in range(20)])
    return catalogue


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
    with Catalogue.open(filled.path) as other, other.write() as writer:
        writer.remove([12])
        writer.add_sources([new(99)])
    seen += [number for numbers, _ in blocks for number in numbers.tolist()]
    assert seen == list(range(1, 21))
    assert filled.removed_after(1).tolist() == [12]


def test_a_second_writer_is_told(filled: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_SECONDS", 0.05)
    with Catalogue.open(filled.path) as other, filled.write() as writer:
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


def test_a_missing_stamp_is_damage(filled: Catalogue) -> None:
    tamper(filled.path, "DELETE FROM writes WHERE generation = 1")
    with pytest.raises(CollectionDamagedError, match="no stamp"):
        filled.stamp()


def test_new_options_of_a_feature_leave_its_vectors(filled: Catalogue) -> None:
    before, vectors = filled.features()["look"], filled.vectors("look", range(1, 21))[1]
    with filled.write() as writer:
        writer.set_feature_options("look", {"model": "/elsewhere/m.onnx"})
    assert filled.features()["look"] == replace(before, options={"model": "/elsewhere/m.onnx"})
    assert filled.generation() == 2
    assert (filled.vectors("look", range(1, 21))[1] == vectors).all()
    assert list(filled.changes("look", 1)) == []
    with pytest.raises(UnknownFeatureError, match="'x'"), filled.write() as writer:
        writer.set_feature_options("x", {})


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


def test_creating_and_opening(tmp_path: Path, filled: Catalogue) -> None:
    with pytest.raises(CollectionExistsError):
        Catalogue.create(filled.path)
    with pytest.raises(CollectionMissingError):
        Catalogue.open(tmp_path / "none")
    assert not (tmp_path / "none").exists()
    with pytest.raises(CollectionError, match="cannot be created"):
        Catalogue.create(tmp_path / "no" / "folder")
    odd = tmp_path / "a?b#c%41 d'é.sqlite"
    with Catalogue.create(odd) as catalogue:
        assert catalogue.path == odd and catalogue.generation() == 0
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
    fill = create._fill

    def fill_second(draft: Path) -> None:
        monkeypatch.setattr(create, "_fill", fill)
        with Catalogue.create(path) as winner:
            stamps.append(winner.stamp())
        fill(draft)

    def refuse(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(create, "_fill", fill_second)
    if not links:
        monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(CollectionExistsError):
        Catalogue.create(path)
    with Catalogue.open(path) as catalogue:
        assert [catalogue.stamp()] == stamps
    assert list(tmp_path.iterdir()) == [path]


def tamper(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_newer_schema_is_refused(filled: Catalogue) -> None:
    filled.close()
    tamper(filled.path, "UPDATE state SET schema_version = 2")
    with pytest.raises(CollectionVersionError, match="newer version"):
        Catalogue.open(filled.path)


def scribble(path: Path) -> None:
    path.write_bytes(b"not a database" * 1000)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize(
    "damage",
    [
        scribble,
        cut,
        lambda path: path.write_bytes(b""),
        lambda path: tamper(path, "DROP TABLE state"),
        lambda path: tamper(path, "DELETE FROM state"),
    ],
)
def test_a_damaged_file_is_named(filled: Catalogue, damage: Callable[[Path], None]) -> None:
    filled.close()
    damage(filled.path)
    with pytest.raises(CollectionDamagedError, match=r"^[^\n]*catalogue\.sqlite is damaged[^\n]*$"):
        list(Catalogue.open(filled.path).iterate())


@pytest.mark.parametrize(
    ("statement", "where", "what"),
    [
        (
            "UPDATE vectors SET vector = zeroblob(16) WHERE number = 3",
            "feature look of source id2 (/p/2)",
            "checksum",
        ),
        (
            "UPDATE vectors SET vector = x'00' WHERE number = 3",
            "feature look of source id2 (/p/2)",
            "1 bytes, not 16",
        ),
        (
            "UPDATE vectors SET vector = '0123456789abcdef' WHERE number = 3",
            "feature look of source id2 (/p/2)",
            "not stored as bytes",
        ),
        ("INSERT INTO text_index (rowid, title) VALUES (99, 'x')", "full text, row 99", "of no source"),
        ("DELETE FROM vectors WHERE number = 4", "source id3 (/p/3)", "no vector"),
        ("UPDATE sources SET metadata = '[' WHERE number = 5", "source id4 (/p/4)", "no JSON object"),
        (
            'UPDATE sources SET metadata = \'{"title":"dog"}\' WHERE number = 5',
            "text of source id4 (/p/4)",
            "not that",
        ),
        ("DELETE FROM text_index WHERE rowid = 6", "text of source id5 (/p/5)", "missing"),
        ("DELETE FROM text_index_data WHERE id > 10", "full text", "does not match"),
        ("INSERT INTO places VALUES ('/x', 999, 1, 1)", "table places", "refers to"),
        ("UPDATE state SET next_number = 4", "table sources", "not been given"),
        ("UPDATE state SET generation = 0", "table sources", "still to come"),
        ("DELETE FROM writes WHERE generation = 1", "table writes", "no stamp"),
    ],
)
def test_verify_finds(filled: Catalogue, statement: str, where: str, what: str) -> None:
    assert list(filled.verify()) == []
    tamper(filled.path, statement)
    found = list(filled.verify())
    assert len(found) == 1, found
    assert where in found[0].where and what in found[0].what and found[0].advice
    if "text" in where:
        filled.rebuild_text()
        assert list(filled.verify()) == []
        assert len(filled.select(text="red")) == (19 if "dog" in statement else 20)


def test_the_advice_names_the_commands(catalogue: Catalogue) -> None:
    where = {"a b": (Place("/p/it's.png", 1, 2), Place("/q", 1, 2)), "-x": (Place("/f.npy#3"),), "y": ()}
    with catalogue.write() as writer:
        writer.add_feature(FeatureRecord("look", "look", 4, "cosine"))
        writer.add_sources(
            [
                NewSource(
                    id_,
                    "0" * 64,
                    "row" if "#" in str(places) else "picture",
                    9,
                    places=places,
                    vectors={"look": np.ones(4, np.float32)},
                )
                for id_, places in where.items()
            ]
        )
    tamper(catalogue.path, "UPDATE vectors SET checksum = 1")
    assert [(problem.where, problem.advice) for problem in catalogue.verify()] == [
        (
            "feature look of source a b (/p/it's.png)",
            """run lookalike remove 'a b', then lookalike add '/p/it'"'"'s.png'""",
        ),
        (
            "feature look of source -x (/f.npy#3)",
            "run lookalike remove -- -x, then lookalike import /f.npy --feature look --on-duplicate skip",
        ),
        ("feature look of source y", "run lookalike remove y, then add its vectors again"),
    ]


def test_metadata_that_are_no_json_are_named(filled: Catalogue) -> None:
    tamper(filled.path, "UPDATE sources SET metadata = '[' WHERE number = 5")
    with pytest.raises(CollectionDamagedError, match="metadata of source 'id4'"):
        list(filled.iterate())


def test_verify_finds_damaged_pages(filled: Catalogue) -> None:
    with filled.write() as writer:
        writer.add_sources([new(i, metadata={"title": "blue " * 500}) for i in range(100, 200)])
    filled.close()
    content = bytearray(filled.path.read_bytes())
    for page in range(20, len(content) // 4096, 9):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    filled.path.write_bytes(content)
    with Catalogue.open(filled.path) as damaged:
        assert list(damaged.verify())


@pytest.mark.parametrize("value", ["zeroblob(16)", "'0123456789abcdef'"])
def test_a_vector_that_does_not_match_its_checksum_is_never_given_out(filled: Catalogue, value: str) -> None:
    tamper(filled.path, f"UPDATE vectors SET vector = {value} WHERE number = 3")
    with pytest.raises(CollectionDamagedError, match="source 3 does not match"):
        filled.vectors("look", [1, 3])
    with pytest.raises(CollectionDamagedError, match="source 3 does not match"):
        list(filled.changes("look"))
    assert filled.vectors("look", [1])[0].tolist() == [1]


def test_a_full_disk_is_named_and_nothing_is_half_written(filled: Catalogue) -> None:
    with pytest.raises(CollectionError, match="disk is full"), filled.write() as writer:
        writer._connection.exec_driver_sql("PRAGMA max_page_count = 60")
        writer.add_sources([new(i, metadata={"title": "blue " * 500}) for i in range(100, 300)])
    assert filled.count() == 20 and filled.generation() == 1
    filled.close()
    with Catalogue.open(filled.path) as again:
        assert list(again.verify()) == []


@pytest.mark.parametrize(
    ("error", "name", "expected"),
    [
        ("SQLITE_READONLY", "may not be written", CollectionReadOnlyError),
        ("SQLITE_CANTOPEN", "cannot be opened", CollectionError),
        ("SQLITE_IOERR_WRITE", "check the disk", CollectionError),
        ("SQLITE_BUSY_SNAPSHOT", "writing", CollectionLockedError),
        ("SQLITE_CORRUPT_VTAB", "damaged", CollectionDamagedError),
        ("SQLITE_TOOBIG", "boom", CollectionError),
    ],
)
def test_errors_of_the_driver(error: str, name: str, expected: type[CollectionError]) -> None:
    raised = sqlite3.OperationalError("boom")
    raised.sqlite_errorname = error
    mapped = sqlite.translated(raised, Path("/c.sqlite"))
    assert type(mapped) is expected and name in str(mapped) and "\n" not in str(mapped)


@pytest.mark.parametrize(
    ("sources", "expected", "message"),
    [
        ([new(30), new(5)], DuplicateIdError, "'id5' is there already"),
        ([new(30), new(30)], DuplicateIdError, "'id30' is given more than once"),
        ([new(30, vectors={"other": np.ones(4, np.float32)})], UnknownFeatureError, "'other'"),
        ([new(30, vectors={"look": np.ones(3, np.float32)})], VectorError, "dimension 3"),
        ([new(30, vectors={"look": np.zeros(4, np.float32)})], VectorError, "all zero"),
        ([new(30, vectors={"look": np.full(4, np.nan, np.float32)})], VectorError, "NaN"),
        ([new(30), new(31, vectors={"look": np.ones(3, np.float32)})], VectorError, "different shapes"),
        ([new(30, metadata={"a": float("nan")})], MetadataError, "id30"),
        ([new(30, metadata={"a": 2**63})], MetadataError, "64 bits"),
        ([new(30, metadata={"a": "x\0y"})], MetadataError, "NUL"),
        ([new(30, metadata={"a": "\ud800"})], MetadataError, "id30"),
        ([new(30, metadata={"a": np.float32(1)})], MetadataError, "id30"),
        ([new(30, metadata={1: "a"})], MetadataError, "field name 1"),
        ([new(30, places=(Place("/\udcff.jpg"),))], InputError, "not valid Unicode"),
        ([NewSource("", "0" * 64, "picture", 1)], InputError, "is empty"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(
    filled: Catalogue, sources: list[NewSource], expected: type[LookalikeError], message: str
) -> None:
    with pytest.raises(expected, match=message), filled.write() as writer:
        writer.add_sources([new(40)])
        writer.add_sources(sources)
    assert filled.count() == 20 and filled.generation() == 1
    assert list(filled.verify()) == []


def test_unknown_numbers_and_features(filled: Catalogue) -> None:
    with filled.write() as writer:
        for refused in (
            lambda: writer.remove([1, 77]),
            lambda: writer.update_metadata({77: {}}),
            lambda: writer.add_places([(77, Place("/x"))]),
            lambda: writer.add_vectors("look", [77], np.ones((1, 4), np.float32)),
            lambda: filled.sources([1, 77]),
        ):
            with pytest.raises(UnknownIdError, match="77"):
                refused()
        for ask in (
            lambda: writer.drop_feature("x"),
            lambda: filled.count("x"),
            lambda: filled.lacking("x"),
        ):
            with pytest.raises(UnknownFeatureError, match="the collection has: look"):
                ask()
        with pytest.raises(DuplicateIdError, match="'look'"):
            writer.add_feature(FeatureRecord("look", "look", 4, "cosine"))
    assert filled.generation() == 1 and filled.count() == 20


def test_dropping_a_feature_takes_its_vectors(filled: Catalogue) -> None:
    with filled.write() as writer:
        writer.drop_feature("look")
    with filled.write() as writer:
        writer.add_feature(FeatureRecord("look", "onnx", 2, "euclidean", "1", "ab", {"model": "m.onnx"}))
    assert filled.features() == {
        "look": FeatureRecord("look", "onnx", 2, "euclidean", "1", "ab", {"model": "m.onnx"}, 3)
    }
    assert filled.count("look") == 0 and len(filled.lacking("look")) == 20
    assert filled.statistics().vectors == {"look": 0}


def test_ids_are_data_not_sql(catalogue: Catalogue) -> None:
    ids = ["'; DROP TABLE sources; --", '"', "$[0]", "%", "é", "[1]"]
    with catalogue.write() as writer:
        numbers = writer.add_sources([NewSource(id_, "0" * 64, "row", 1, metadata={id_: id_}) for id_ in ids])
    assert catalogue.numbers(ids) == dict(zip(ids, numbers.tolist(), strict=True))
    for id_, number in zip(ids, numbers.tolist(), strict=True):
        assert catalogue.select(Where.of({id_: id_})).tolist() == [number]
    assert list(catalogue.metadata_fields()) == sorted(ids)


def test_many_more_numbers_than_sqlite_has_variables(filled: Catalogue) -> None:
    many = range(300_000)
    assert filled.vectors("look", many)[0].tolist() == list(range(1, 21))
    assert len(filled.text_scores("red", many)[0]) == 20


def test_importing_the_package_loads_no_sql() -> None:
    code = "import sys, lookalike; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
