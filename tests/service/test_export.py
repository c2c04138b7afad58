"""What a person takes away."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.service.shop import fields, picture

from lookalike import Collection


@pytest.fixture
def ids(shop: Path) -> list[str]:
    with Collection.open(shop) as collection:
        return [source.id for source in collection.list(limit=4)]


def test_as_a_table(client: TestClient, ids: list[str]) -> None:
    answer = client.post("/export", data={"format": "csv", "id": ids})
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["id"] for row in rows] == ids
    assert [row["title"] for row in rows] == [fields(number)["title"] for number in range(4)]
    assert json.loads(rows[1]["tags"]) == fields(1)["tags"]


def test_as_json(client: TestClient, ids: list[str]) -> None:
    told = client.post("/export", data={"format": "json", "id": ids}).json()
    assert [(one["id"], one["metadata"]) for one in told] == [(id_, fields(n)) for n, id_ in enumerate(ids)]


def test_as_paths(client: TestClient, ids: list[str]) -> None:
    paths = client.post("/export", data={"format": "paths", "id": ids}).text.splitlines()
    assert [Path(path).read_bytes() for path in paths] == [picture(number) for number in range(4)]


def test_with_pictures(client: TestClient, ids: list[str]) -> None:
    answer = client.post("/export", data={"format": "zip", "id": ids})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = [name for name in archive.namelist() if name.endswith(".png")]
        assert [archive.read(name) for name in names] == [picture(number) for number in range(4)]


def test_nothing_selected_or_too_much_is_refused(client: TestClient, ids: list[str]) -> None:
    assert client.post("/export", data={"format": "csv"}).status_code == 422
    assert client.post("/export", data={"format": "exe", "id": ids}).status_code == 422
    assert (
        client.post("/export", data={"format": "csv", "id": [str(n) for n in range(501)]}).status_code == 422
    )
    assert client.post("/export", data={"format": "csv", "id": ["nobody"]}).status_code == 404
