"""A small shop, served."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.service.shop import COUNT, fields, picture

from lookalike import Collection
from lookalike.service.app import make_app
from lookalike.service.settings import Settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

Serve = Callable[..., TestClient]


def as_http(client: TestClient) -> Any:
    """Return it as what `lookalike.Client` sends by: a client of httpx, or of httpx2, where that is installed."""
    return client


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a collection, for the whole session: leave it as it is."""
    folder = tmp_path_factory.mktemp("shop")
    make_shop(folder / "shop", folder / "files")
    return folder / "shop"


@pytest.fixture
def own_shop(tmp_path: Path) -> Path:
    """Return the folder of a collection of the test's own."""
    make_shop(tmp_path / "shop", tmp_path / "files", count=12)
    return tmp_path / "shop"


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Return what serves a collection in this process."""
    opened: list[TestClient] = []

    def make(folder: Path, **settings: object) -> TestClient:
        app = make_app(Settings(collection=str(folder), cache=tmp_path / "cache", **settings))  # type: ignore[arg-type]
        client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
        client.__enter__()
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def client(shop: Path, serve: Serve) -> TestClient:
    """Return a client of the shop, to read it."""
    return serve(shop)


def make_shop(folder: Path | str, files: Path, count: int = COUNT, **homes: str) -> None:
    """Make a collection of drawn pictures with metadata; `homes` are where its indexes go, as `create` takes them."""
    files.mkdir()
    told = {}
    for number in range(count):
        path = files / f"{number:03}.png"
        path.write_bytes(picture(number))
        told[str(path)] = fields(number)
    with Collection.create(folder, **homes) as collection:
        collection.add(files, metadata=told, jobs=1)
