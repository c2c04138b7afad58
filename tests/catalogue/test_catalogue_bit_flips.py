"""Flipped bits and zeroed sectors: `verify` tells each that changes anything, and all errors are LookalikeErrors."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.records import FeatureRecord, Location, NewSource
from lookalike.catalogue.where import Where
from lookalike.errors import LookalikeError

SOURCES = 60
WORDS = ["red", "blue", "shoe", "jean", "dog", "größe"]
TABLES = ["state", "writes", "features", "sources", "places", "vectors", "removals", "text_index"]
INDEXES = {
    "sqlite_autoindex_sources_1": "SELECT id FROM sources INDEXED BY {} ORDER BY 1",
    "sqlite_autoindex_places_1": "SELECT path FROM places INDEXED BY {} ORDER BY 1",
    "ix_places_number": "SELECT number FROM places INDEXED BY {} ORDER BY 1",
    "vectors_by_generation": "SELECT feature, generation, number FROM vectors INDEXED BY {} ORDER BY 1, 2, 3",
    "sqlite_autoindex_vectors_1": "SELECT number, feature FROM vectors INDEXED BY {} ORDER BY 1, 2",
}
READS: list[Callable[[Catalogue], object]] = [
    lambda c: c.stamp(),
    lambda c: c.generation(),
    lambda c: c.generation_of(5),
    lambda c: c.features(),
    lambda c: (c.count(), c.count("look")),
    lambda c: c.numbers(f"id{i}" for i in range(SOURCES)),
    lambda c: list(c.places()),
    lambda c: list(c.places([f"/pictures/{i}/0.jpg" for i in range(SOURCES)])),
    lambda c: c.sources(range(9, SOURCES)),
    lambda c: [rows[number] for rows in [c.hit_rows([*range(9, SOURCES)])] for number in range(9, SOURCES)],
    lambda c: [c.stored_query(f"id{i}", ["look", "onnx"]) for i in range(0, SOURCES, 5)],
    lambda c: list(c.iterate()),
    lambda c: c.lacking("onnx"),
    lambda c: c.lacking_counts(["look", "onnx"]),
    lambda c: c.vectors("look", range(SOURCES)),
    lambda c: [list(c.changes(feature)) for feature in ("look", "onnx")],
    lambda c: c.removed_after(),
    lambda c: c.select(Where.parse(["tags=red|blue", "year>=2001"]), "shoe"),
    lambda c: c.unmet(Where.parse(["year=1990", "title=foo"])),
    lambda c: [c.text_scores(word) for word in WORDS],
    lambda c: c.text_matches("red dog", 9),
    lambda c: c.metadata_fields(),
    lambda c: c.statistics(),
]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue with something in every table: pictures and rows, two features, places, words, removals."""
    path = tmp_path_factory.mktemp("sound") / "catalogue.sqlite"
    draw = np.random.default_rng(0)
    with Catalogue.create(path) as catalogue:
        with catalogue.write() as writer:
            writer.add_feature(FeatureRecord("look", "look", 8, "cosine", options={"a": 1}))
            writer.add_feature(FeatureRecord("onnx", "onnx", 24, "euclidean", index={"family": "p-stable"}))
            writer.add_sources([source(i, draw) for i in range(SOURCES)])
        with catalogue.write() as writer:
            writer.remove([5, 6, 7])
        with catalogue.write() as writer:
            writer.update_metadata({20: {"title": "other"}})
            writer.forget_places(["/pictures/8/0.jpg"])
    return path


def source(i: int, draw: np.random.Generator) -> NewSource:
    picture = bool(i % 3)
    places = [Location(f"/pictures/{i}/{j}.jpg", i + 1, 10**18) for j in range(i % 3)]
    vectors = {"look": draw.normal(size=8).astype(np.float32)}
    if i % 2:
        vectors["onnx"] = draw.normal(size=24).astype(np.float32)
    return NewSource(
        f"id{i}",
        f"{draw.integers(2**60):064x}",
        "picture" if picture else "row",
        9 + i,
        30 + i if picture else None,
        20 if picture else None,
        {"title": " ".join(draw.choice(WORDS, 3)), "tags": list(draw.choice(WORDS, 2)), "year": 2000 + i % 9},
        tuple(places) or (Location(f"/f.npy#{i}"),),
        vectors,
    )


def everything(path: Path) -> str:
    """All that SQLite can read of a file."""
    with closing(sqlite3.connect(path)) as connection:
        try:
            queries = [f"SELECT * FROM {table} ORDER BY 1" for table in TABLES]
            queries += [query.format(index) for index, query in INDEXES.items()]
            queries += ["SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 2"]
            queries += [f"PRAGMA {name}" for name in ("user_version", "application_id", "encoding")]
            queries += [
                f"SELECT rowid, bm25(text_index) FROM text_index WHERE text_index MATCH '{word}' ORDER BY 1"
                for word in WORDS
            ]
            return repr([connection.execute(query).fetchall() for query in queries])
        except (sqlite3.Error, UnicodeDecodeError) as error:
            return repr(error)


def told(path: Path) -> bool:
    """Whether opening or verifying finds damage; nothing else is raised by whatever is read."""
    try:
        with Catalogue.open(path) as catalogue:
            found = list(catalogue.verify())
            for read in READS:
                try:
                    read(catalogue)
                except LookalikeError as error:
                    assert "\n" not in str(error)
    except LookalikeError:
        return True
    assert not any("\n" in problem.what for problem in found)
    return bool(found)


def damaged(sound: Path, folder: Path, data: bytes) -> tuple[bool, bool]:
    """Whether a file of `data` reads otherwise than the sound one, and whether that is told."""
    other, path = folder / "other.sqlite", folder / "catalogue.sqlite"
    other.write_bytes(data)
    path.write_bytes(data)
    return everything(other) != everything(sound), told(path)


def test_nothing_is_told_of_a_sound_file(sound: Path, tmp_path: Path) -> None:
    assert damaged(sound, tmp_path, sound.read_bytes()) == (False, False)


@pytest.mark.parametrize("seed", range(40))
def test_a_flipped_bit(sound: Path, tmp_path: Path, seed: int) -> None:
    data = bytearray(sound.read_bytes())
    bit = random.Random(seed).randrange(8 * len(data))
    data[bit // 8] ^= 1 << bit % 8
    changed, is_told = damaged(sound, tmp_path, bytes(data))
    assert is_told or not changed, bit


@pytest.mark.parametrize("bit", range(0, 800, 23))
def test_a_flipped_bit_of_the_header(sound: Path, tmp_path: Path, bit: int) -> None:
    data = bytearray(sound.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    changed, is_told = damaged(sound, tmp_path, bytes(data))
    assert is_told or not changed, bit


@pytest.mark.parametrize("seed", range(30))
def test_a_zeroed_sector(sound: Path, tmp_path: Path, seed: int) -> None:
    data = bytearray(sound.read_bytes())
    start = 512 * random.Random(seed).randrange(len(data) // 512)
    data[start : start + 512] = bytes(512)
    changed, is_told = damaged(sound, tmp_path, bytes(data))
    assert is_told or not changed, start


@pytest.mark.parametrize("word", [b"CREATE TABLE", b"CREATE INDEX", b"number", b"generation", b"places"])
def test_a_definition_that_is_no_unicode(sound: Path, tmp_path: Path, word: bytes) -> None:
    data = sound.read_bytes()
    damaged_data = data.replace(word, bytes([word[0] | 0x80]) + word[1:])
    changed, is_told = damaged(sound, tmp_path, damaged_data)
    assert changed and is_told
