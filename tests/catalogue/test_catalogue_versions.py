"""Catalogues of other versions: older ones are brought up to date, newer ones refused."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import psycopg
import pytest
from filled_catalogue import new, tamper  # type: ignore[import-not-found]
from only_readable import only_readable  # type: ignore[import-not-found]
from tests.services.postgres import KINDS, Kind, PostgresServer

from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.records import FeatureRecord, Location
from lookalike.errors import CollectionDamagedError, CollectionReadOnlyError, CollectionVersionError

V1, V2 = (Path(__file__).with_name(f"catalogue_v{version}.sql") for version in (1, 2))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A catalogue of schema 1."""
    path = tmp_path / "old" / "catalogue.sqlite"
    path.parent.mkdir()
    return restored(V1, path)


def restored(script: Path, path: Path) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script.read_text())
    return path


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_an_old_catalogue_has_what_it_had(old: Path) -> None:
    with Catalogue.open(old) as catalogue:
        assert catalogue.created_at == "2026-11-27T10:00:00.543110+00:00"
        assert catalogue.features() == {
            "look": FeatureRecord("look", "look", 4, "cosine", "", "", {"a": 1}, 1)
        }
        assert [(s.id, s.metadata, s.places) for s in catalogue.iterate(text="red")] == [
            ("id0", {"title": "red 0"}, (Location("/p/0", 1, 2),)),
            ("id2", {"title": "red 2"}, (Location("/p/2", 1, 2),)),
        ]
        assert catalogue.vectors("look", [1, 3])[1].tolist() == [[1.0] * 4, [3.0] * 4]
        assert catalogue.removed_after(1).tolist() == [2]


def test_an_old_catalogue_keeps_its_stamps(old: Path) -> None:
    with Catalogue.open(old) as catalogue:
        assert catalogue.stamp() == 263309650203934625
        assert catalogue.generation_of(1912169270268902550) == 1


def test_an_old_catalogue_is_sound_and_written_to(old: Path) -> None:
    with Catalogue.open(old) as catalogue:
        assert list(catalogue.verify()) == []
        with catalogue.write() as writer:
            writer.add_sources([new(9)])
            writer.remove([1])
            writer.set_feature_index("look", {"family": "p-stable"})
    with Catalogue.open(old) as catalogue:
        assert [source.id for source in catalogue.iterate()] == ["id2", "id9"]
        assert catalogue.numbers(["id9"]) == {"id9": 4}
        assert list(catalogue.verify()) == []


def test_what_an_old_catalogue_refers_to_is_still_removed_with_it(old: Path) -> None:
    with Catalogue.open(old) as catalogue:
        with catalogue.write() as writer:
            writer.drop_feature("look")
            writer.remove([1])
        assert [place.path for place in catalogue.places()] == ["/p/2"]
        assert catalogue.statistics().vectors == {}


def test_a_vector_that_was_damaged_before_stays_damaged(old: Path) -> None:
    tamper(old, "UPDATE vectors SET vector = zeroblob(16) WHERE number = 3")
    with Catalogue.open(old) as catalogue:
        assert [problem.what for problem in catalogue.verify()] == ["vector does not match its checksum"]
        with pytest.raises(CollectionDamagedError, match="source 3"):
            catalogue.vectors("look", [3])


@pytest.mark.parametrize(
    "target", ["migrations.index_anew", "migrations.with_checksum", "structure.put_settings"]
)
def test_an_upgrade_that_ends_early_changes_nothing(
    old: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    before = dump(old)

    def end_early(*arguments: object) -> object:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(f"lookalike.catalogue.sqlite.upgrade.{target}", end_early)
        with pytest.raises(KeyboardInterrupt):
            Catalogue.open(old)
    assert dump(old) == before
    with Catalogue.open(old) as catalogue:
        assert list(catalogue.verify()) == []


def test_a_catalogue_of_schema_2_has_what_it_had(tmp_path: Path) -> None:
    path = restored(V2, tmp_path / "catalogue.sqlite")
    with Catalogue.open(path) as catalogue:
        assert list(catalogue.verify()) == []
        assert catalogue.stamp() == 2141426170364867946
        feature = FeatureRecord("look", "look", 4, "cosine", "", "", {"a": 1}, 1, {"family": "p-stable"})
        assert catalogue.features() == {"look": feature}
        assert catalogue.vectors("look", [1, 3])[1].tolist() == [[1.0] * 4, [3.0] * 4]
        assert catalogue.removed_after(1).tolist() == [2]


@pytest.mark.parametrize("text", ["cafe", "CAFÉ shoe", "Shoes"])
def test_words_of_an_old_catalogue_are_found(tmp_path: Path, text: str) -> None:
    with Catalogue.open(restored(V2, tmp_path / "catalogue.sqlite")) as catalogue:
        assert catalogue.select(text=text).tolist() == [1, 3]


@pytest.mark.parametrize("location", ["sqlite"], indirect=True)
def test_what_is_up_to_date_loads_no_migrations(filled: Catalogue) -> None:
    filled.close()
    program = (
        "import sys; from lookalike.catalogue.catalogue import Catalogue; "
        f"Catalogue.open({filled.name!r}).close(); sys.exit('alembic' in sys.modules or 'sqlalchemy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_tables_are_defined_alike_by_all_versions_of_postgresql(
    postgres_servers: Callable[[Kind], PostgresServer],
) -> None:
    """Else `verify` would find damage where a database was moved to a newer server."""
    told = set()
    for kind in KINDS:
        url = postgres_servers(kind).new_database()
        Catalogue.create(url).close()
        with psycopg.connect(url) as connection:
            told.add(connection.execute("SELECT tables_checksum FROM lookalike.state").fetchone())
    assert len(told) == 1


def test_many_open_an_old_catalogue_at_once(old: Path) -> None:
    def count(_: int) -> int:
        with Catalogue.open(old) as catalogue:
            return catalogue.count()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(count, range(8))) == [2] * 8


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="permissions as POSIX has them")
def test_an_old_catalogue_that_may_only_be_read_says_what_to_do(readable: Path) -> None:
    path = restored(V1, readable / "catalogue.sqlite")
    with only_readable(readable), pytest.raises(CollectionReadOnlyError, match="open it once where it may"):
        Catalogue.open(path)
    with Catalogue.open(path) as catalogue:
        assert catalogue.count() == 2


def test_a_catalogue_of_schema_3_gets_room_for_distributions(filled: Catalogue) -> None:
    filled.close()
    tamper(filled, "DROP TABLE distributions", "UPDATE state SET schema_version = 3")
    with Catalogue.open(filled.name) as catalogue:
        assert list(catalogue.verify()) == []
        assert catalogue.distributions() is None
        generation = catalogue.generation()
        with catalogue.write() as writer:
            writer.put_distributions(generation, {"a": 1})
        with catalogue.write() as writer:
            writer.put_distributions(generation - 1, {"a": 2})  # by somebody who took longer
        assert catalogue.distributions() == (generation, {"a": 1})
        assert catalogue.generation() == generation
        assert list(catalogue.verify()) == []


def test_what_follows_a_catalogue_of_schema_4_learns_of_words_without_blanks(filled: Catalogue) -> None:
    with filled.write() as writer:
        writer.add_sources([new(20, metadata={"title": "红色连衣裙"}), new(21, metadata={"title": "café"})])
    dress = filled.numbers(["id20"])["id20"]
    generation, stamp = filled.generation(), filled.stamp()
    filled.close()
    tamper(filled, "UPDATE state SET schema_version = 4")
    with Catalogue.open(filled.name) as catalogue:
        assert list(catalogue.verify()) == []
        assert catalogue.select(text="连衣裙").tolist() == [dress]
        assert catalogue.generation() == catalogue.generation_of(catalogue.stamp()) == generation + 1
        assert catalogue.generation_of(stamp) == generation
        assert catalogue.outdated("look").tolist() == [dress]
        with catalogue.write() as writer:
            writer.add_vectors("look", [dress], np.ones((1, 4), np.float32))
        assert catalogue.generation() == generation + 2
        assert list(catalogue.verify()) == []


def test_a_newer_schema_is_refused(filled: Catalogue) -> None:
    filled.close()
    tamper(filled, "UPDATE state SET schema_version = 6")
    with pytest.raises(CollectionVersionError, match="newer version"):
        Catalogue.open(filled.name)


def test_vectors_of_many_numbers_are_upgraded(old: Path) -> None:
    blob = np.ones(4, "<f4").tobytes().hex()
    rows = ", ".join(f"({n}, 'x{n}', '', 'row', 1, NULL, NULL, '', '{{}}', 2)" for n in range(10, 2510))
    words = ", ".join(f"({n}, '', '', '', '')" for n in range(10, 2510))
    tamper(
        old,
        f"INSERT INTO sources VALUES {rows}",
        f"INSERT INTO text_index (rowid, title, description, tags, other) VALUES {words}",
        f"INSERT INTO vectors SELECT number, 1, 2, 3899135062, x'{blob}' FROM sources WHERE number >= 10",
        "UPDATE state SET next_number = 2510",
    )
    with Catalogue.open(old) as catalogue:
        assert catalogue.count("look") == 2502
        assert list(catalogue.verify()) == []
