"""A catalogue for each test, in each of the databases: SQLite, and PostgreSQL of both versions."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from filled_catalogue import new  # type: ignore[import-not-found]
from tests.services.postgres import KINDS, Kind, PostgresServer

from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.records import FeatureRecord

Location = Callable[[str], Path | str]
"""Gives a place for a new catalogue of a name."""


@pytest.fixture(params=["sqlite", *KINDS], ids=["sqlite", *(f"postgres-{kind}" for kind in KINDS)])
def location(
    request: pytest.FixtureRequest,
    postgres_servers: Callable[[Kind], PostgresServer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Location:
    if request.param == "sqlite":
        return lambda name: tmp_path / f"{name}.sqlite"
    url = without_password(postgres_servers(request.param).url(), monkeypatch)
    test = uuid.uuid4().hex
    return lambda name: f"{url}?schema={name}_{test}"


def without_password(url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL; its password is in the environment, where it is never shown."""
    user, _, place = url.removeprefix("postgresql://").partition("@")
    monkeypatch.setenv("PGPASSWORD", unquote(user.partition(":")[2]))
    return f"postgresql://{user.partition(':')[0]}@{place}"


@pytest.fixture
def catalogue(location: Location) -> Iterator[Catalogue]:
    with Catalogue.create(location("catalogue")) as created:
        yield created


@pytest.fixture
def filled(catalogue: Catalogue) -> Catalogue:
    with catalogue.write() as writer:
        writer.add_feature(FeatureRecord("look", "look", 4, "cosine"))
        writer.add_sources([new(i) for i in range(20)])
    return catalogue


@pytest.fixture
def readable() -> Iterator[Path]:
    """An empty folder that others may enter. Not in `tmp_path`, whose parents may be entered by its owner only."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        folder = Path(name) / "folder"
        folder.mkdir()
        yield folder
