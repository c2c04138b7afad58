"""Adding and changing sources over HTTP."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.service.conftest import Serve
from tests.service.shop import fields, picture

from lookalike import Collection


@pytest.fixture
def own(own_shop: Path, serve: Serve) -> TestClient:
    return serve(own_shop)


def finished(client: TestClient, job: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while job["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
        job = client.get(f"/api/v1/jobs/{job['id']}").json()
    return job


def add(
    client: TestClient, pictures: list[bytes], told: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    files = [("pictures", ("../../etc/passwd", one)) for one in pictures]
    answer = client.post(
        "/api/v1/sources", files=files, data={} if told is None else {"metadata": json.dumps(told)}
    )
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/api/v1/jobs/{answer.json()['id']}"
    return finished(client, answer.json())


def test_pictures_are_added_with_their_metadata(own: TestClient, own_shop: Path) -> None:
    job = add(own, [picture(100), picture(101)], [fields(100), {**fields(101), "tags": ["one", "two"]}])
    assert (job["state"], job["outcomes"], job["total"], job["done"]) == ("done", {"added": 2}, 2, 2)
    source = own.get(f"/api/v1/sources/{job['ids'][1]}").json()
    assert source["metadata"] == {**fields(101), "tags": ["one", "two"]}
    with Collection.open(own_shop) as collection:
        assert len(collection) == 14
    hits = own.post("/api/v1/search", json={"query": {"id": job["ids"][0]}, "limit": 20}).json()["hits"]
    assert job["ids"][1] in [hit["id"] for hit in hits]


def test_pictures_are_kept_under_names_of_their_content(own: TestClient, own_shop: Path) -> None:
    add(own, [picture(100)])
    kept = [path.relative_to(own_shop / "pictures") for path in (own_shop / "pictures").rglob("*.*")]
    assert len(kept) == 1
    assert kept[0].suffix == ".png"
    assert len(kept[0].stem) == 64


def test_a_picture_that_is_there_is_not_added_twice(own: TestClient) -> None:
    first, again = add(own, [picture(100)]), add(own, [picture(100)])
    assert (first["ids"], again["outcomes"].get("added")) == (again["ids"], None)


def test_a_picture_that_cannot_be_decoded_is_skipped_and_told(own: TestClient) -> None:
    job = add(own, [picture(100)[:200], picture(101)])
    assert job["outcomes"] == {"skipped": 1, "added": 1}
    assert "truncated" in job["skipped"][0]["reason"] or "damaged" in job["skipped"][0]["reason"]


def test_events_tell_how_far_a_job_is(own: TestClient) -> None:
    answer = own.post("/api/v1/sources", files=[("pictures", picture(n)) for n in range(100, 104)])
    with own.stream("GET", f"/api/v1/jobs/{answer.json()['id']}/events") as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        told = [json.loads(line[6:]) for line in events.iter_lines() if line]
    assert told[-1]["state"] == "done"
    assert [one["done"] for one in told] == sorted(one["done"] for one in told)


def test_searches_go_on_while_pictures_are_added(own: TestClient) -> None:
    job = own.post("/api/v1/sources", files=[("pictures", picture(n)) for n in range(100, 160)]).json()
    known = own.get("/api/v1/sources?order=oldest&limit=1").json()["sources"][0]["id"]
    while job["state"] in ("waiting", "running"):
        answer = own.post("/api/v1/search", json={"query": {"id": known}, "limit": 3})
        assert (answer.status_code, len(answer.json()["hits"])) == (200, 3)
        job = own.get(f"/api/v1/jobs/{job['id']}").json()
    assert job["state"] == "done"


def test_metadata_are_changed_and_taken_out(own: TestClient) -> None:
    source = own.get("/api/v1/sources?limit=1").json()["sources"][0]
    body = {"metadata": {"colour": "pink", "price": None, "new": [1, "a"]}}
    told = own.patch(f"/api/v1/sources/{source['id']}", json=body).json()["metadata"]
    expected = {**source["metadata"], "colour": "pink", "new": [1, "a"]}
    del expected["price"]
    assert told == expected
    found = own.post("/api/v1/search", json={"text": "pink"}).json()["hits"]
    assert [hit["id"] for hit in found] == [source["id"]]


def test_a_source_is_removed_and_its_file_stays(own: TestClient, tmp_path: Path) -> None:
    source = own.get("/api/v1/sources?limit=1").json()["sources"][0]
    assert own.delete(f"/api/v1/sources/{source['id']}").status_code == 204
    assert own.get(f"/api/v1/sources/{source['id']}").status_code == 404
    assert len(list((tmp_path / "files").iterdir())) == 12


def test_vectors_are_added(own: TestClient) -> None:
    body = {
        "vectors": [[1, 2], [3, 4]],
        "ids": ["a", "b"],
        "feature": "embedding",
        "metadata": [{"n": 1}, {"n": 2}],
    }
    assert own.post("/api/v1/vectors", json=body).json()["added"] == 2
    hits = own.post("/api/v1/search", json={"query": {"id": "a"}}).json()["hits"]
    assert [(hit["id"], hit["has_picture"]) for hit in hits] == [("b", False)]
    assert own.post("/api/v1/vectors", json=body).status_code == 409


def test_a_job_waits_for_another_writer(own: TestClient, own_shop: Path) -> None:
    from lookalike.collection.backends import backend_at

    with backend_at(own_shop).writing("test"):
        job = own.post("/api/v1/sources", files=[("pictures", picture(100))]).json()
        time.sleep(0.5)
        assert own.get(f"/api/v1/jobs/{job['id']}").json()["state"] == "running"
        known = own.get("/api/v1/sources?limit=1").json()["sources"][0]["id"]
        answer = own.delete(f"/api/v1/sources/{known}")
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    assert finished(own, job)["state"] == "done"
