"""Damage and refusals: nothing is half written, and every error is one clear line."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from filled_catalogue import new, tamper  # type: ignore[import-not-found]

from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.records import FeatureRecord, Location, NewSource
from lookalike.catalogue.sqlite.errors import translated
from lookalike.catalogue.where import Where
from lookalike.errors import (
    CollectionDamagedError,
    CollectionError,
    CollectionLockedError,
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


def test_a_missing_stamp_is_damage(filled: Catalogue) -> None:
    tamper(filled, "DELETE FROM writes WHERE generation = 1")
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


def test_a_newer_schema_is_refused(filled: Catalogue) -> None:
    filled.close()
    tamper(filled, "UPDATE state SET schema_version = 2")
    with pytest.raises(CollectionVersionError, match="newer version"):
        Catalogue.open(Path(filled.name))


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
    damage(Path(filled.name))
    with pytest.raises(CollectionDamagedError, match=r"^[^\n]*catalogue\.sqlite is damaged[^\n]*$"):
        list(Catalogue.open(Path(filled.name)).iterate())


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
    tamper(filled, statement)
    found = list(filled.verify())
    assert len(found) == 1, found
    assert where in found[0].where and what in found[0].what and found[0].advice
    if "text" in where:
        filled.rebuild_text()
        assert list(filled.verify()) == []
        assert len(filled.select(text="red")) == (19 if "dog" in statement else 20)


def test_the_advice_names_the_commands(catalogue: Catalogue) -> None:
    where = {
        "a b": (Location("/p/it's.png", 1, 2), Location("/q", 1, 2)),
        "-x": (Location("/f.npy#3"),),
        "y": (),
    }
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
    tamper(catalogue, "UPDATE vectors SET checksum = 1")
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
    tamper(filled, "UPDATE sources SET metadata = '[' WHERE number = 5")
    with pytest.raises(CollectionDamagedError, match="metadata of source 'id4'"):
        list(filled.iterate())


def test_verify_finds_damaged_pages(filled: Catalogue) -> None:
    with filled.write() as writer:
        writer.add_sources([new(i, metadata={"title": "blue " * 500}) for i in range(100, 200)])
    filled.close()
    content = bytearray(Path(filled.name).read_bytes())
    for page in range(20, len(content) // 4096, 9):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    Path(filled.name).write_bytes(content)
    with Catalogue.open(Path(filled.name)) as damaged:
        assert list(damaged.verify())


@pytest.mark.parametrize("value", ["zeroblob(16)", "'0123456789abcdef'"])
def test_a_vector_that_does_not_match_its_checksum_is_never_given_out(filled: Catalogue, value: str) -> None:
    tamper(filled, f"UPDATE vectors SET vector = {value} WHERE number = 3")
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
    with Catalogue.open(Path(filled.name)) as again:
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
    mapped = translated(raised, "/c.sqlite")
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
        ([new(30, places=(Location("/\udcff.jpg"),))], InputError, "not valid Unicode"),
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
            lambda: writer.add_places([(77, Location("/x"))]),
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
