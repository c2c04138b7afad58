"""A catalogue for each test, in each of the databases."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filled_catalogue import new  # type: ignore[import-not-found]

from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.records import FeatureRecord

DIALECTS: dict[str, Callable[[Path], Catalogue]] = {
    "sqlite": lambda folder: Catalogue.create(folder / "catalogue.sqlite")
}


@pytest.fixture(params=DIALECTS)
def catalogue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalogue]:
    with DIALECTS[request.param](tmp_path) as created:
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
