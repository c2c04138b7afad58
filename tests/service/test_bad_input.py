"""Bad input is told by name, and is never the server's fault."""

from __future__ import annotations

import html
import io
import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image
from starlette.testclient import TestClient
from tests.service.conftest import Serve, make_shop
from tests.service.shop import picture

from lookalike.service.settings import Limits

SEARCHES: list[tuple[dict[str, Any], int, str]] = [
    ({"limit": 0}, 422, "limit"),
    ({"limit": 10**9}, 422, "limit"),
    ({"limit": "5"}, 422, "limit"),
    ({"limit": None}, 422, "limit"),
    ({"query": {"id": ""}}, 422, "query.id"),
    ({"query": {"id": "x" * 5000}}, 422, "query.id"),
    ({"query": {"id": 5}}, 422, "query.id"),
    ({"query": {"id": "nobody"}}, 404, ""),
    ({"query": {"id": "/etc/passwd"}}, 404, ""),
    ({"query": {"upload": "x" * 32}}, 404, "query.upload"),
    ({"query": {"upload": "../../x"}}, 404, "query.upload"),
    ({"query": {"id": "a", "upload": "b"}}, 422, "query"),
    ({"query": {"vector": []}}, 422, "query.vector"),
    ({"query": {"vector": ["a"]}}, 422, "query.vector.0"),
    ({"query": {"vector": [1, 2]}}, 422, ""),
    ({"query": {"vector": [1e300] * 2477}}, 422, ""),
    ({"query": {"vector": {"none": [1.0]}}}, 422, ""),
    ({"text": "x" * 3000}, 422, "text"),
    ({"text": "!!"}, 422, ""),
    ({}, 422, ""),
    ({"text": "red", "where": {"nothing": 1}}, 422, ""),
    ({"text": "red", "where": {"price": {"from": 1, "until": 2}}}, 422, ""),
    ({"text": "red", "where": {"price": {"from": "a", "to": 2}}}, 422, ""),
    ({"text": "red", "where": ["price"]}, 422, "where.0"),
    ({"text": "red", "blend": True}, 422, ""),
    ({"text": "red", "features": {"look": 1.0}}, 422, ""),
    ({"text": "red", "cursor": "x"}, 422, ""),
    ({"text": "red", "unknown": 1}, 422, "unknown"),
    ({"unlike": [{"id": "nobody"}]}, 422, "query"),
    ({"query": {"describe": "a red shoe"}}, 422, ""),
    ({"query": {"id": "nobody", "describe": "a red shoe"}}, 422, "query"),
    ({"query": {"id": "nobody", "weight": -1.0}}, 422, "query.weight"),
    ({"query": {"id": "nobody", "weight": 0.0}, "also": [{"id": "nobody", "weight": 0.0}]}, 422, ""),
    ({"query": {"vector": {"look": [1.0, 2.0]}}, "also": [{"vector": {"look": [1.0] * 2477}}]}, 422, ""),
    ({"query": {"vector": {"look": [0.0] * 2477}}, "also": [{"vector": {"look": [1.0] * 2477}}]}, 422, ""),
]


@pytest.mark.parametrize(("body", "status", "field"), SEARCHES)
def test_a_search_that_makes_no_sense_is_refused(
    client: TestClient, body: dict[str, Any], status: int, field: str
) -> None:
    answer = client.post("/api/v1/search", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert told["detail"]
    if field:
        assert field in [one["field"] for one in told["errors"]]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"limit": NaN}', b"[" * 100_000]
)
def test_a_body_that_is_no_search_is_refused(client: TestClient, content: bytes) -> None:
    answer = client.post("/api/v1/search", content=content, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422), answer.text


@pytest.mark.parametrize("weight", [0, -1, float("1e400")])
def test_a_weight_that_is_none_is_refused(client: TestClient, weight: float) -> None:
    known = client.get("/api/v1/sources?limit=1").json()["sources"][0]["id"]
    body = json.dumps({"query": {"id": known}, "features": {"look": weight}})
    answer = client.post("/api/v1/search", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=x",
        "start=-1",
        "order=worst",
        "seed=-1",
        "seed=" + "9" * 40,
        "where=x",
        "where=[1]",
        "text=%21",
    ],
)
def test_browsing_that_makes_no_sense_is_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/api/v1/sources?{query}").status_code == 422


@pytest.mark.parametrize("side", ["0", "161", "-160", "1e3", "x"])
def test_a_side_that_is_none_is_refused(client: TestClient, side: str) -> None:
    known = client.get("/api/v1/sources?limit=1").json()["sources"][0]["id"]
    assert client.get(f"/api/v1/sources/{known}/thumbnail?side={side}").status_code == 422


def bomb() -> bytes:
    """Return a small PNG of very many pixels."""
    stream = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("upload", "status"),
    [(b"", 422), (b"no picture", 415), (picture(1)[:300], 422), (b"<svg onload='x'/>", 415), (bomb(), 413)],
)
def test_an_upload_that_is_no_picture_is_refused(client: TestClient, upload: bytes, status: int) -> None:
    answer = client.post("/api/v1/uploads", files={"picture": ("x.png", upload)})
    assert answer.status_code == status, answer.text
    assert client.post("/api/v1/uploads", files={"picture": ("x.png", picture(1))}).status_code == 201


def test_damaged_pictures_are_refused_and_hurt_nobody(client: TestClient) -> None:
    import numpy as np

    random = np.random.default_rng(5)
    whole = picture(3)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in random.integers(8, len(whole), 12):
            damaged[place] = random.integers(256)
        answer = client.post("/api/v1/uploads", files={"picture": ("x.png", bytes(damaged))})
        assert answer.status_code in (201, 413, 415, 422), answer.text


def test_an_upload_without_a_file_is_refused(client: TestClient) -> None:
    for answer in (client.post("/api/v1/uploads"), client.post("/api/v1/uploads", data={"picture": "text"})):
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "picture"


@pytest.mark.parametrize("told", ["x", "{}", "[]", "[1]", "[{}, {}]"])
def test_metadata_that_do_not_fit_the_pictures_are_refused(client: TestClient, told: str) -> None:
    answer = client.post("/api/v1/sources", files={"pictures": picture(1)}, data={"metadata": told})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "metadata")


def test_more_hits_than_a_search_has_are_refused(shop: Path, serve: Serve) -> None:
    client = serve(shop, limits=Limits(most_hits=10))
    known = client.get("/api/v1/sources?limit=1").json()["sources"][0]["id"]
    first = client.post("/api/v1/search", json={"query": {"id": known}, "limit": 8}).json()
    body = {"query": {"id": known}, "limit": 8, "cursor": first["next"]}
    second = client.post("/api/v1/search", json=body).json()
    assert (len(second["hits"]), second["next"]) == (2, None)


def test_a_collection_that_is_not_there_is_told_and_found_once_it_is(tmp_path: Path, serve: Serve) -> None:
    client = serve(tmp_path / "shop")
    assert client.get("/ready").status_code == 503
    answer = client.get("/api/v1/features")
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    assert client.get("/").status_code == 503
    make_shop(tmp_path / "shop", tmp_path / "files", count=3)
    assert client.get("/ready").status_code == 200
    assert client.get("/api/v1/sources").json()["total"] == 3


def test_a_collection_that_goes_and_comes_back_is_served_again(own_shop: Path, serve: Serve) -> None:
    client = serve(own_shop)
    assert client.get("/api/v1/sources").json()["total"] == 12
    away = own_shop.with_name("away")
    shutil.copytree(own_shop, away)
    (own_shop / "catalogue.sqlite").write_bytes(b"damaged" * 1000)
    assert client.get("/ready").status_code == 503
    assert client.get("/api/v1/sources").status_code == 503
    shutil.rmtree(own_shop)
    shutil.copytree(away, own_shop)
    assert client.get("/ready").status_code == 200
    assert client.get("/api/v1/sources").json()["total"] == 12


def test_the_page_tells_what_is_wrong(client: TestClient) -> None:
    for query, status in (
        ("id=nobody", 404),
        ("where=x", 422),
        ("weight.look=x", 422),
        ("upload=x", 404),
        ("seed=x", 422),
    ):
        answer = client.get(f"/?{query}")
        assert answer.status_code == status, query
        assert "That did not work" in answer.text


def test_metadata_are_shown_as_text(own_shop: Path, serve: Serve) -> None:
    client = serve(own_shop)
    script = "<script>alert(1)</script>\" onload='x' javascript:x"
    known = client.get("/api/v1/sources?limit=1").json()["sources"][0]["id"]
    told = dict.fromkeys(("title", "colour", "kind", script), script)
    assert client.patch(f"/api/v1/sources/{known}", json={"metadata": told}).status_code == 200
    for path in ("/?order=newest", f"/?id={known}", f"/panel/{known}", "/collection", f"/?text={script}"):
        assert "<script>alert" not in client.get(path).text, path
        assert '" onload' not in client.get(path).text, path


def test_a_table_that_is_taken_away_starts_no_formula(own_shop: Path, serve: Serve) -> None:
    import csv

    client = serve(own_shop)
    known = client.get("/api/v1/sources?limit=1").json()["sources"][0]["id"]
    formulas = ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"]
    told = {f"f{number}": formula for number, formula in enumerate(formulas)} | {"=name": -5}
    client.patch(f"/api/v1/sources/{known}", json={"metadata": told})
    answer = client.post("/export", data={"format": "csv", "id": [known]})
    header, row = csv.reader(io.StringIO(answer.text, newline=""))
    cells = dict(zip(header, row, strict=True))
    assert [cells[f"f{number}"] for number in range(6)] == [f"'{formula}" for formula in formulas]
    assert cells["'=name"] == "-5"


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/api/v1/sources/..%2f..%2fetc%2fpasswd/original"]
)
def test_no_path_of_a_request_opens_a_file(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("cursor", ["%C2%B2", "-1", "x", "9" * 400])
def test_a_place_to_go_on_from_that_is_none_is_no_fault(client: TestClient, cursor: str) -> None:
    assert client.get(f"/more?order=oldest&cursor={cursor}").status_code in (200, 422)


def test_a_feature_that_weighs_nothing_is_left_out(client: TestClient) -> None:
    known = client.get("/api/v1/sources?limit=1").json()["sources"][0]["id"]
    assert client.get(f"/?id={known}&weight.look=0").status_code == 200


def test_a_search_within_a_long_number_has_its_next_page(client: TestClient) -> None:
    known = client.get("/api/v1/sources?limit=1").json()["sources"][0]["id"]
    page = client.get(f"/?id={known}&within=1.123456789").text
    following = re.search(r'href="(/more[^"]*)"', page)
    assert following is not None
    assert client.get(html.unescape(following[1])).status_code == 200


def test_sources_whose_ids_have_slashes_are_reached(own_shop: Path, serve: Serve) -> None:
    client = serve(own_shop)
    body = {"vectors": [[1.0, 2.0], [2.0, 3.0]], "ids": ["a/b?c#d%", "a/b"], "feature": "embedding"}
    assert client.post("/api/v1/vectors", json=body).status_code == 201
    address = f"/api/v1/sources/{quote('a/b?c#d%', safe='')}"
    assert client.get(address).json()["id"] == "a/b?c#d%"
    assert client.get(f"{address}/thumbnail").status_code == 404
    assert client.patch(address, json={"metadata": {"n": 1}}).json()["metadata"] == {"n": 1}
    assert client.get(f"/panel/{quote('a/b?c#d%', safe='')}").status_code == 200
    assert client.delete(address).status_code == 204
    assert client.get("/api/v1/sources/a/b").status_code == 200


def test_a_picture_whose_file_went_is_left_out_of_what_is_taken_away(
    own_shop: Path, serve: Serve, tmp_path: Path
) -> None:
    client = serve(own_shop)
    ids = [one["id"] for one in client.get("/api/v1/sources?order=oldest&limit=3").json()["sources"]]
    (tmp_path / "files" / "001.png").unlink()
    assert client.get(f"/api/v1/sources/{ids[1]}/original").status_code == 404
    answer = client.post("/export", data={"format": "zip", "id": ids})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["lookalike.csv", "000.png", "002.png"]
