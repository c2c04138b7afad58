"""Pictures on the servers of museums, by the IIIF Image API."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient
from tests.service.conftest import Serve, as_http
from tests.service.museum import KINDS, Museum, opened_museum, painting, resolved

from lookalike import Client, Collection
from lookalike.service import elsewhere
from lookalike.service.fetch import Fetcher
from lookalike.service.iiif import IiifPicture, base_of
from lookalike.service.problems import ProblemError
from lookalike.service.public_address import is_public

BASE = "https://museum.example/iiif/3/apple"


@pytest.fixture
def museum() -> Iterator[Museum]:
    with opened_museum() as server:
        yield server


@pytest.fixture
def client(own_shop: Path, serve: Serve, museum: Museum) -> TestClient:
    served = serve(own_shop, fetch_urls=True)
    served.app.state.fetcher = fetcher_to(museum)  # type: ignore[attr-defined]
    return served


def fetcher_to(museum: Museum, is_allowed: Callable[[str], bool] = lambda _: True) -> Fetcher:
    return Fetcher(
        ports=(80, museum.server_port), most_bytes=10**7, seconds=20, resolve=resolved, is_allowed=is_allowed
    )


def add(client: TestClient, *urls: str, **metadata: Any) -> dict[str, Any]:
    """Add pictures, and return the job once it is over."""
    answer = client.post(
        "/api/v1/sources/iiif", json={"pictures": [{"url": url, "metadata": metadata} for url in urls]}
    )
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    while job["state"] in ("waiting", "running"):
        time.sleep(0.05)
        job = client.get(f"/api/v1/jobs/{job['id']}").json()
    return job


@pytest.mark.parametrize(
    "url",
    [
        BASE,
        f"{BASE}/",
        f"{BASE}/info.json",
        f"{BASE}/full/max/0/default.jpg",
        f"{BASE}/full/!300,300/0/default.png",
        f"{BASE}/square/^200,/90/gray.webp",
        f"{BASE}/pct:10,10,50.5,50/pct:20/!22.5/bitonal.tif",
        f"{BASE}/0,0,100,100/full/0/color.jpg",
        "HTTPS://MUSEUM.example/iiif/3/apple/info.json",
    ],
)
def test_any_of_its_urls_names_a_picture(url: str) -> None:
    assert base_of(url) == BASE


@pytest.mark.parametrize(
    "url", [f"{BASE}?a=1", f"{BASE}#x", "file:///etc/passwd", "apple", "http://[x]/", ""]
)
def test_other_urls_name_none(url: str) -> None:
    with pytest.raises(ProblemError, match="cannot be used"):
        base_of(url)


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_fetched_in_a_bounded_size_that_the_server_gives(
    client: TestClient, museum: Museum, kind: str
) -> None:
    job = add(client, museum.url(f"{kind}.1"), title="Apple")
    assert (job["state"], job["outcomes"]) == ("done", {"added": 1})
    source = client.get(f"/api/v1/sources/{job['ids'][0]}").json()
    bound = 2400 if kind == "3-0-bare" else 1024
    assert max(source["width"], source["height"]) <= bound
    assert max(source["width"], source["height"]) >= 600
    size = "max" if kind.startswith("3") else "full"
    assert source["url"] == f"{museum.url(f'{kind}.1')}/full/{size}/0/default.jpg"
    assert len(museum.asked) == 2


def test_it_is_found_by_its_looks_and_by_its_words(client: TestClient, museum: Museum) -> None:
    add(client, museum.url("3-2.1"), title="Apple", year=1650)
    stream = io.BytesIO()
    painting(1).resize((480, 360)).save(stream, "PNG")
    sent = client.post("/api/v1/uploads", files={"picture": stream.getvalue()}).json()["id"]
    for body in ({"query": {"upload": sent}}, {"text": "apple"}):
        hit = client.post("/api/v1/search", json=body).json()["hits"][0]
        assert (hit["metadata"], hit["has_picture"]) == ({"title": "Apple", "year": 1650}, True)


def test_its_thumbnail_is_the_services_own(client: TestClient, museum: Museum) -> None:
    job = add(client, museum.url("3-2.1"))
    museum.is_closed = True
    for side in (160, 320, 640):
        answer = client.get(f"/api/v1/sources/{job['ids'][0]}/thumbnail?side={side}")
        assert answer.status_code == 200
        assert max(Image.open(io.BytesIO(answer.content)).size) == side


def test_a_thumbnail_that_is_gone_is_made_anew_of_what_is_there(
    client: TestClient, museum: Museum, tmp_path: Path
) -> None:
    job = add(client, museum.url("2-2.1"))
    for path in (tmp_path / "cache" / "pictures").glob("??/*"):
        path.unlink()
    address = f"/api/v1/sources/{job['ids'][0]}/thumbnail"
    museum.is_closed = True
    assert client.get(address).status_code == 422
    museum.is_closed = False
    assert client.get(address).status_code == 200
    museum.asked.clear()
    assert client.get(f"{address}?side=640").status_code == 200
    assert museum.asked == []


def test_its_original_is_where_it_lies(client: TestClient, museum: Museum) -> None:
    job = add(client, museum.url("3-2.1"))
    answer = client.get(f"/api/v1/sources/{job['ids'][0]}/original", follow_redirects=False)
    assert answer.status_code == 307
    assert answer.headers["location"] == f"{museum.url('3-2.1')}/full/max/0/default.jpg"
    assert answer.headers["referrer-policy"] == "no-referrer"
    panel = client.get(f"/panel/{job['ids'][0]}").text
    assert (
        f'href="{museum.url("3-2.1")}/full/max/0/default.jpg" rel="noreferrer">Original at museum.test'
        in panel
    )
    assert "/original" not in panel


def test_the_same_picture_is_added_once(client: TestClient, museum: Museum) -> None:
    first = add(client, museum.url("3-2.1"), title="one")
    again = add(client, f"{museum.url('3-2.1')}/info.json", title="two")
    assert again["outcomes"] == {"refreshed": 1}
    assert again["ids"] == first["ids"]
    assert client.get(f"/api/v1/sources/{first['ids'][0]}").json()["metadata"] == {"title": "two"}


def test_what_cannot_be_had_is_skipped_with_its_reason(client: TestClient, museum: Museum) -> None:
    urls = [museum.url(name) for name in ("3-2.1", "nothing.1", "wrong.1", "bomb.1")]
    job = add(client, *urls, "http://museum.test:9/iiif/x", "ftp://museum.test/x")
    assert (job["state"], job["outcomes"]) == ("done", {"added": 1, "skipped": 5})
    reasons = {one["name"]: one["reason"] for one in job["skipped"]}
    assert "status 404" in reasons[urls[1]]
    assert "none of the IIIF Image API 2 or 3" in reasons[urls[2]]
    assert "none of the IIIF Image API 2 or 3" in reasons[urls[3]]


def test_no_address_within_the_network_is_asked(client: TestClient, museum: Museum) -> None:
    client.app.state.fetcher = fetcher_to(museum, is_public)  # type: ignore[attr-defined]
    job = add(client, museum.url("3-2.1"), "http://169.254.169.254/latest")
    assert job["outcomes"] == {"skipped": 2}
    assert {one["reason"] for one in job["skipped"]} == {
        "the URL cannot be used: its host has no address on the public internet"
    }
    assert museum.asked == []


def test_it_is_refused_where_no_urls_are_fetched(own_shop: Path, serve: Serve) -> None:
    answer = serve(own_shop).post("/api/v1/sources/iiif", json={"pictures": [{"url": BASE}]})
    assert answer.status_code == 403
    assert "--fetch-urls" in answer.json()["detail"]


def test_without_fetching_what_was_added_before_is_there_but_for_lost_thumbnails(
    client: TestClient, museum: Museum, own_shop: Path, serve: Serve, tmp_path: Path
) -> None:
    job = add(client, museum.url("3-2.1"))
    plain = serve(own_shop)
    address = f"/api/v1/sources/{job['ids'][0]}/thumbnail"
    assert plain.get(address).status_code == 200
    for path in (tmp_path / "cache" / "pictures").glob("??/*"):
        path.unlink()
    assert plain.get(address).status_code == 403


def test_a_client_knows_where_it_lies(client: TestClient, museum: Museum) -> None:
    job = add(client, museum.url("3-2.1"))
    with Client("http://localhost", http=as_http(client)) as shop:
        (place,) = shop.source(job["ids"][0]).places
    assert place.path == f"{museum.url('3-2.1')}/full/max/0/default.jpg"


def test_a_locked_collection_is_waited_for_and_nothing_fetched_twice(
    client: TestClient, museum: Museum, own_shop: Path
) -> None:
    with Collection.open(own_shop) as collection, collection._backend.writing("test"):
        answer = client.post("/api/v1/sources/iiif", json={"pictures": [{"url": museum.url("3-2.1")}]})
        time.sleep(1.5)
        job = client.get(f"/api/v1/jobs/{answer.json()['id']}").json()
        assert (job["state"], len(museum.asked)) == ("running", 2)
    while job["state"] == "running":
        time.sleep(0.05)
        job = client.get(f"/api/v1/jobs/{job['id']}").json()
    assert (job["outcomes"], len(museum.asked)) == ({"added": 1}, 2)


@pytest.mark.parametrize(
    "told",
    [
        "[]", "5", '"x"', "{}", "null", "not JSON", "\x00", '{"@context": []}',
        '{"@context": "http://iiif.io/api/image/3/context.json", "profile": "level2", "width": -1, "height": 5}',
        '{"@context": "http://iiif.io/api/image/3/context.json", "profile": "level2", "width": 1e99, "height": 5}',
        '{"@context": "http://iiif.io/api/image/3/context.json", "profile": {}, "width": 9, "height": 5}',
        '{"@context": "http://iiif.io/api/image/3/context.json", "profile": [], "width": 9, "height": 5}',
        '{"@context": "http://iiif.io/api/image/3/context.json", "profile": "level2", "width": 9, "height": 5, '
        '"sizes": [{"width": "x"}]}',
        '{"@context": "http://iiif.io/api/image/3/context.json", "profile": "level2", "width": 9, "height": 5, '
        '"maxWidth": 0}',
        '{"@context": "http://iiif.io/api/image/1/context.json", "profile": "level2", "width": 9, "height": 5}',
    ],
)  # fmt: skip
def test_an_info_that_makes_no_sense_is_told(told: str) -> None:
    with pytest.raises(ProblemError, match=r"info\.json"):
        IiifPicture.read(BASE, told.encode())


def test_metadata_that_no_catalogue_holds_is_refused_before_anything_is_fetched(
    client: TestClient, museum: Museum
) -> None:
    told = [{"url": BASE, "metadata": {"title": title}} for title in ("fine", "a\0b")]
    answer = client.post("/api/v1/sources/iiif", json={"pictures": told})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "pictures.1")


def test_a_job_waits_while_others_fetch_as_much_as_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elsewhere, "PAUSE", 0.0)
    answers: list[Any] = [ProblemError(503, "busy"), ProblemError(503, "busy"), (BASE, b"picture")]

    def fetch(url: str) -> tuple[str, bytes]:
        answer = answers.pop(0)
        if isinstance(answer, ProblemError):
            raise answer
        return answer  # type: ignore[no-any-return]

    nothing: Any = None
    adding = elsewhere.Adding([], fetch, nothing, nothing, nothing)
    assert adding._patiently(BASE) == (BASE, b"picture")
