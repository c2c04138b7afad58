"""Searching over HTTP gives what the collection gives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.service.shop import COUNT, picture

from lookalike import Collection


@pytest.fixture
def ids(shop: Path) -> list[str]:
    with Collection.open(shop) as collection:
        return [source.id for source in collection.list()]


def found(client: TestClient, **body: object) -> list[str]:
    answer = client.post("/api/v1/search", json=body)
    assert answer.status_code == 200, answer.text
    return [hit["id"] for hit in answer.json()["hits"]]


def test_a_search_by_id_gives_the_collections_hits(client: TestClient, shop: Path, ids: list[str]) -> None:
    with Collection.open(shop) as collection:
        expected = collection.search(ids[5], k=7)
    answer = client.post("/api/v1/search", json={"query": {"id": ids[5]}, "limit": 7}).json()
    assert [(hit["id"], hit["distance"]) for hit in answer["hits"]] == [
        (hit.id, hit.distance) for hit in expected
    ]
    assert [hit["rank"] for hit in answer["hits"]] == list(range(1, 8))


def test_filters_and_words_narrow(client: TestClient, shop: Path, ids: list[str]) -> None:
    with Collection.open(shop) as collection:
        expected = collection.search(
            ids[0], k=5, text="hat", where={"price": (None, 40), "colour": ["red", "blue"]}
        )
    where = {"price": {"to": 40}, "colour": ["red", "blue"]}
    assert found(client, query={"id": ids[0]}, limit=5, text="hat", where=where) == [
        hit.id for hit in expected
    ]


def test_words_alone_are_a_search(client: TestClient, shop: Path) -> None:
    with Collection.open(shop) as collection:
        expected = collection.search(text="red shoe", k=30)
    assert found(client, text="red shoe", limit=30) == [hit.id for hit in expected]


def test_an_upload_is_searched_by_until_it_is_sent_again(client: TestClient, ids: list[str]) -> None:
    answer = client.post("/api/v1/uploads", files={"picture": ("a.png", picture(9))})
    assert answer.status_code == 201
    upload = answer.json()["id"]
    first = client.post("/api/v1/search", json={"query": {"upload": upload}, "limit": 1}).json()["hits"][0]
    assert (first["id"], first["distance"]) == (ids[9], 0.0)
    thumbnail = client.get(f"/api/v1/uploads/{upload}/thumbnail")
    assert thumbnail.headers["content-type"] == "image/jpeg"
    assert client.post("/api/v1/uploads", files={"picture": ("b.png", picture(9))}).json()["id"] == upload


def test_a_vector_is_searched_by(client: TestClient, shop: Path, ids: list[str]) -> None:
    with Collection.open(shop) as collection:
        vector = collection.vectors(ids[3])["look"].tolist()
    assert found(client, query={"vector": vector}, limit=1) == [ids[3]]
    assert found(client, query={"vector": {"look": vector}}, limit=1) == [ids[3]]


def test_pages_together_are_one_search(client: TestClient, ids: list[str]) -> None:
    whole = found(client, query={"id": ids[0]}, limit=COUNT)
    pages: list[str] = []
    cursor = None
    while True:
        body = {"query": {"id": ids[0]}, "limit": 7, "cursor": cursor}
        page = client.post("/api/v1/search", json=body).json()
        pages += [hit["id"] for hit in page["hits"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert pages == whole
    assert len(pages) == COUNT - 1


def test_a_mix_leaves_out_its_parts_and_turns_away_from_the_unwanted(
    client: TestClient, ids: list[str]
) -> None:
    mix = found(client, query={"id": ids[0]}, also=[{"id": ids[9]}], unlike=[{"id": ids[1]}], limit=COUNT)
    assert not {ids[0], ids[9], ids[1]} & set(mix)
    without = found(client, query={"id": ids[0]}, also=[{"id": ids[9]}], limit=COUNT)
    near_unwanted = [one for one in found(client, query={"id": ids[1]}, limit=8) if one in mix]
    assert sum(map(mix.index, near_unwanted)) > sum(map(without.index, near_unwanted))


def test_a_batch_answers_each_query(client: TestClient, ids: list[str]) -> None:
    body = {"queries": [{"id": ids[2]}, {"id": ids[4]}], "limit": 3}
    pages = client.post("/api/v1/search/batch", json=body).json()
    assert [[hit["id"] for hit in page["hits"]] for page in pages] == [
        found(client, query={"id": one}, limit=3) for one in (ids[2], ids[4])
    ]


def test_an_explanation_says_the_rank(client: TestClient, ids: list[str]) -> None:
    hits = found(client, query={"id": ids[2]}, limit=10)
    told = client.post("/api/v1/explain", json={"query": {"id": ids[2]}, "id": hits[3], "limit": 10}).json()
    assert (told["is_hit"], told["rank"]) == (True, 4)


def test_browsing_has_each_source_once(client: TestClient, ids: list[str]) -> None:
    newest = [one["id"] for one in client.get("/api/v1/sources?limit=200").json()["sources"]]
    assert newest == ids[::-1]
    halves = [client.get(f"/api/v1/sources?order=random&seed=3&start={s}&limit=40").json() for s in (0, 40)]
    shuffled = [one["id"] for half in halves for one in half["sources"]]
    assert sorted(shuffled) == sorted(ids)
    assert shuffled not in (ids, newest)
    where = json.dumps({"kind": "hat"})
    assert client.get("/api/v1/sources", params={"where": where}).json()["total"] == COUNT // 3


def test_a_thumbnail_fits_and_an_original_is_the_file(client: TestClient, ids: list[str]) -> None:
    import io

    from PIL import Image

    answer = client.get(f"/api/v1/sources/{ids[1]}/thumbnail?side=160")
    assert max(Image.open(io.BytesIO(answer.content)).size) <= 160
    original = client.get(f"/api/v1/sources/{ids[1]}/original")
    assert (original.content, original.headers["content-type"]) == (picture(1), "image/png")
    part = client.get(f"/api/v1/sources/{ids[1]}/original", headers={"range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, picture(1)[1:4])


def test_a_thumbnail_that_is_known_is_not_sent_again(client: TestClient, ids: list[str]) -> None:
    address = f"/api/v1/sources/{ids[1]}/thumbnail"
    tag = client.get(address).headers["etag"]
    answer = client.get(address, headers={"if-none-match": tag})
    assert (answer.status_code, answer.content) == (304, b"")


def test_values_are_counted_as_if_their_own_field_were_not_filtered(client: TestClient) -> None:
    where = json.dumps({"colour": "red", "kind": "hat"})
    told = client.get("/api/v1/facets", params={"field": ["colour", "kind"], "where": where}).json()
    assert told["colour"] == [{"value": value, "count": 7} for value in ("blue", "green", "red")]
    assert told["kind"] == [{"value": value, "count": 7} for value in ("bag", "hat", "shoe")]
