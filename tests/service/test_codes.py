"""A service, and its client, of a collection that has binary codes of pictures: they answer as the collection does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient
from tests.features.drawings import drawn_file
from tests.service.conftest import Serve, as_http

from lookalike import Client, Collection
from lookalike.collection.query import PictureQuery, SourceQuery, VectorQuery
from lookalike.errors import LookalikeError

KIND = "edge-histogram"
COUNT = 9


@pytest.fixture
def drawings(tmp_path: Path) -> Path:
    """Return the folder of a collection with a feature of codes and one of vectors."""
    (tmp_path / "files").mkdir()
    for number in range(COUNT):
        (tmp_path / "files" / f"{number}.png").write_bytes(drawn_file(number))
    with Collection.create(tmp_path / "c") as collection:
        collection.add(tmp_path / "files", features=[KIND, "look"], jobs=1)
    return tmp_path / "c"


@pytest.fixture
def served(drawings: Path, serve: Serve) -> TestClient:
    return serve(drawings)


@pytest.fixture
def here(drawings: Path) -> Iterator[Collection]:
    with Collection.open(drawings) as collection:
        yield collection


@pytest.fixture
def afar(served: TestClient) -> Iterator[Client]:
    with Client("http://localhost", http=as_http(served)) as client:
        yield client


@pytest.fixture
def code(here: Collection) -> Any:
    """Return the code of one source."""
    return here.vectors(next(iter(here.list())).id)[KIND]


def found(home: Any, query: Any, **options: Any) -> list[Any]:
    return [(hit.id, hit.distance, dict(hit.features)) for hit in home.search(query, **options)]


@pytest.mark.parametrize("options", [{}, {"features": {KIND: 1.0}}, {"features": {KIND: 0.2, "look": 0.8}}])
def test_pictures_and_ids(here: Collection, afar: Client, options: dict[str, Any]) -> None:
    for query in (
        PictureQuery(drawn_file(4)),
        PictureQuery(drawn_file(99)),
        SourceQuery(next(here.list()).id),
    ):
        assert found(afar, query, k=5, **options) == found(here, query, k=5, **options)


def test_codes_as_bytes_and_as_bits(here: Collection, afar: Client, code: Any) -> None:
    expected = found(here, VectorQuery({KIND: code}), k=4)
    assert expected[0][1] == 0
    bits = np.unpackbits(code).astype(bool)
    for query in (VectorQuery({KIND: code}), VectorQuery({KIND: bits}), VectorQuery(code), VectorQuery(bits)):
        assert found(afar, query, k=4) == expected


def test_codes_as_json(served: TestClient, code: Any) -> None:
    for vector in (code.tolist(), {KIND: code.tolist()}, {KIND: np.unpackbits(code).tolist()}):
        answer = served.post("/api/v1/search", json={"query": {"vector": vector}, "limit": 1}).json()
        assert answer["hits"][0]["distance"] == 0


@pytest.mark.parametrize("vector", [[0.5] * 846, [256] * 846, [-1] * 846, [1] * 845, [2] * (8 * 846)])
def test_what_is_no_code_is_refused(served: TestClient, vector: list[float]) -> None:
    answer = served.post("/api/v1/search", json={"query": {"vector": {KIND: vector}}})
    assert answer.status_code == 422
    assert KIND in answer.json()["detail"]


def test_a_mix_of_codes_alone_is_refused(here: Collection, served: TestClient) -> None:
    first, second = (source.id for source in here.list(limit=2))
    asked = {"query": {"id": first}, "also": [{"id": second}]}
    assert served.post("/api/v1/search", json=asked).status_code == 200
    answer = served.post("/api/v1/search", json={**asked, "features": {KIND: 1.0}})
    assert answer.status_code == 422
    assert "codes and sets" in answer.json()["detail"]


def test_an_explanation(here: Collection, afar: Client) -> None:
    first, second = (source.id for source in here.list(limit=2))
    query = PictureQuery(drawn_file(50))
    for features in (None, {KIND: 1.0}):
        mine = here.explain(query, second, features=features)
        assert afar.explain(query, second, features=features).distance == mine.distance
    with pytest.raises(LookalikeError):
        afar.explain(SourceQuery(first), "nobody")
