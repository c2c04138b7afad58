"""`verify` finds what is damaged, and says what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from filled_catalogue import new, tamper  # type: ignore[import-not-found]
from tests.services.postgres import KINDS

from lookalike.catalogue import schema
from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.checksums import with_checksum
from lookalike.catalogue.records import FeatureRecord, Location, NewSource
from lookalike.errors import CollectionDamagedError

COMMON = [
    (
        "UPDATE vectors SET vector = zeroblob(16) WHERE number = 3",
        "feature look of source id2 (/p/2)",
        "checksum",
    ),
    (
        "UPDATE vectors SET vector = x'00' WHERE number = 3",
        "feature look of source id2 (/p/2)",
        "1 bytes, and not",
    ),
    ("DELETE FROM vectors WHERE number = 4", "source id3 (/p/3)", "no vector"),
    ("UPDATE sources SET metadata = '[' WHERE number = 5", "source id4 (/p/4)", "no JSON object"),
    ("UPDATE sources SET metadata = '{}' WHERE number = 5", "source id4 (/p/4)", "checksum"),
    ("UPDATE places SET size = 7 WHERE number = 6", "table places, row '/p/5'", "checksum"),
    ("UPDATE state SET next_number = 4", "table state", "checksum"),
    ("UPDATE writes SET stamp = 4 WHERE generation = 1", "table writes, row 1", "checksum"),
    ("UPDATE features SET version = '2'", "table features, row 1", "checksum"),
    ("UPDATE vectors SET generation = 0 WHERE number = 3", "source id2 (/p/2)", "checksum"),
    ("CREATE INDEX more ON sources (sha256)", "the tables", "definitions"),
    ("DELETE FROM writes WHERE generation = 1", "table writes", "no stamp"),
]
OF_SQLITE = [
    (
        "UPDATE vectors SET vector = '0123456789abcdef' WHERE number = 3",
        "feature look of source id2 (/p/2)",
        "not stored as bytes",
    ),
    ("INSERT INTO text_index (rowid, title) VALUES (99, 'x')", "full text, row 99", "of no source"),
    ("UPDATE text_index SET title = 'dog' WHERE rowid = 5", "text of source id4 (/p/4)", "not that"),
    ("DELETE FROM text_index WHERE rowid = 6", "text of source id5 (/p/5)", "missing"),
    ("DELETE FROM text_index_data WHERE id > 10", "full text", "does not match"),
    ("PRAGMA user_version = 7", "the database file", "header is damaged (user_version)"),
    ("PRAGMA application_id = 7", "the database file", "header is damaged (application_id)"),
]
OF_POSTGRESQL = [
    ("UPDATE metadata_index SET title = '{dog}' WHERE number = 5", "text of source id4 (/p/4)", "not that"),
    ("UPDATE metadata_index SET words = '{dog}' WHERE number = 5", "text of source id4 (/p/4)", "not that"),
    ("UPDATE metadata_index SET fields = '{}' WHERE number = 5", "text of source id4 (/p/4)", "not that"),
    ("UPDATE word_totals SET tokens = 1", "full text", "not its sums"),
    ("DELETE FROM word_totals", "full text", "not its sums"),
    (
        "WITH gone AS (DELETE FROM metadata_index WHERE number = 6) UPDATE word_totals SET sources = 19, tokens = 38",
        "text of source id5 (/p/5)",
        "missing",
    ),
    ('ALTER TABLE places ALTER path TYPE text COLLATE "default"', "the tables", "definitions"),
    ("DROP INDEX metadata_index_by_field", "the tables", "definitions"),
]


@pytest.mark.parametrize(
    ("location", "statement", "where", "what"),
    [
        *(("sqlite", *damage) for damage in (*COMMON, *OF_SQLITE)),
        *((kind, *damage) for kind in KINDS for damage in (*COMMON, *OF_POSTGRESQL)),
    ],
    indirect=["location"],
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
        assert len(filled.select(text="red")) == 20


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


@pytest.mark.parametrize("location", ["sqlite"], indirect=True)
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


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"next_number": 4}, "number 20 has not been given yet"),
        ({"generation": 0}, "generation 1 is still to come"),
    ],
)
def test_verify_finds_counters_that_are_behind(filled: Catalogue, changed: dict[str, int], what: str) -> None:
    with filled._querying() as queries:
        row = queries.state()
    row = with_checksum(schema.state, {**row, **changed})
    tamper(
        filled,
        f"UPDATE state SET {', '.join(f'{name} = {row[name]}' for name in changed)}",
        f"UPDATE state SET checksum = {row['checksum']}",
    )
    assert [problem.what for problem in filled.verify()] == [what]


@pytest.mark.parametrize("location", ["sqlite"], indirect=True)
def test_verify_finds_a_row_without_the_row_that_it_refers_to(filled: Catalogue) -> None:
    row = with_checksum(schema.places, {"path": "/x", "number": 999, "size": 1, "modified_ns": 1})
    tamper(filled, f"INSERT INTO places VALUES ('/x', 999, 1, 1, {row['checksum']})")
    assert [problem.what for problem in filled.verify()] == ["refers to a row of sources that is not there"]


@pytest.mark.parametrize("location", ["sqlite"], indirect=True)
def test_words_of_an_unknown_format_are_found_and_made_anew(filled: Catalogue) -> None:
    tamper(filled, "UPDATE text_index_config SET v = 0")
    filled.close()
    with Catalogue.open(filled.name) as damaged:
        assert any("fts5" in problem.what for problem in damaged.verify())
        with pytest.raises(CollectionDamagedError, match="fts5"):
            damaged.select(text="red")
    with Catalogue.open(filled.name) as mended:
        mended.rebuild_text()
        assert list(mended.verify()) == []
        assert len(mended.select(text="red")) == 20
