"""What is refused before a route sees it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.service.conftest import Serve

from lookalike.service.guard import Rates
from lookalike.service.settings import Limits


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "169.254.1.1", "", "[::2]:80"])
def test_another_name_for_the_service_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/api/v1/features", headers={"host": host})
    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "LOCALHOST:1", "[::1]:8000"])
def test_its_own_names_are_taken(client: TestClient, host: str) -> None:
    assert client.get("/health", headers={"host": host}).status_code == 200


def test_further_names_may_be_allowed(shop: Path, serve: Serve) -> None:
    client = serve(shop, hosts=("pictures.example.org",))
    assert client.get("/health", headers={"host": "pictures.example.org"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}],
)
def test_a_form_of_another_site_is_refused(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.post("/api/v1/sources", files={"pictures": b"x"}, headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "same-origin"}, {"origin": "http://localhost"}, {}])
def test_a_form_of_its_own_is_taken(client: TestClient, headers: dict[str, str]) -> None:
    assert client.post("/api/v1/uploads", files={"picture": b"x"}, headers=headers).status_code == 415


def test_a_body_that_says_it_is_too_large_is_refused(shop: Path, serve: Serve) -> None:
    client = serve(shop, limits=Limits(request_bytes=1000))
    assert client.post("/api/v1/uploads", files={"picture": bytes(2000)}).status_code == 413


def test_a_body_that_does_not_say_so_is_refused_once_it_is_too_large(shop: Path, serve: Serve) -> None:
    client = serve(shop, limits=Limits(request_bytes=1000))
    sent = []

    def endless() -> Iterator[bytes]:
        for _ in range(100):
            sent.append(1)
            yield bytes(100)

    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = client.post("/api/v1/uploads", content=endless(), headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize("length", ["-5", "x", "1e3", "9" * 30])
def test_a_length_that_is_none_is_refused(client: TestClient, length: str) -> None:
    answer = client.post("/api/v1/search", content=b"", headers={"content-length": length})
    assert answer.status_code in (400, 413)


def test_a_client_has_a_burst_and_then_a_rate() -> None:
    rates = Rates(Limits(requests_a_second=10, burst=3))
    assert [rates.wait("a", 0.0) for _ in range(3)] == [0, 0, 0]
    assert rates.wait("a", 0.0) == pytest.approx(0.1)
    assert rates.wait("b", 0.0) == 0
    assert rates.wait("a", 0.1) == 0
    assert rates.wait("a", 0.1) == pytest.approx(0.1)


def test_the_memory_of_clients_is_bounded() -> None:
    rates = Rates(Limits())
    for number in range(12_000):
        rates.wait(str(number), 0.0)
    assert len(rates._known) == 10_000


def test_every_answer_forbids_what_pages_do_not_need(client: TestClient) -> None:
    for path in ("/", "/static/page.js", "/api/v1/features", "/nowhere"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers


def test_a_form_that_names_no_origin_is_refused_and_pages_name_theirs(client: TestClient) -> None:
    assert client.post("/sign-in", data={"key": "x"}, headers={"origin": "null"}).status_code == 403
    # With `no-referrer` browsers name no origin in forms of this very page, where it is reached without TLS.
    assert client.get("/").headers["referrer-policy"] == "same-origin"
