"""Every route asks for the key that it needs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient
from tests.service.conftest import Serve

from lookalike.errors import OptionError
from lookalike.service.access import KeyedRoute
from lookalike.service.app import ROUTERS
from lookalike.service.keys import Keys, Right
from lookalike.service.settings import Settings

READ, WRITE = "r" * 30, "w" * 30
OPEN = {"/health", "/ready", "/sign-in", "/openapi.json", "/docs", "/"}
"""Routes that tell nothing of the collection to whoever has no key."""


def routes() -> list[tuple[str, str]]:
    found = [route for router in ROUTERS for route in router.routes]
    assert all(isinstance(route, APIRoute) for route in found)
    return [
        (method, route.path)
        for route in found
        if isinstance(route, APIRoute)
        for method in sorted(route.methods or ())
    ]


def expected(method: str, path: str) -> Right:
    if path in OPEN:
        return Right.NOTHING
    added = [f"/api/v1/{place}" for place in ("sources", "sources/iiif", "sources/remove", "vectors")]
    return (
        Right.WRITE if method in ("DELETE", "PATCH") or (method == "POST" and path in added) else Right.READ
    )


def test_every_route_asks_for_its_key_before_it_reads_a_body() -> None:
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, KeyedRoute) or getattr(route, "path", "") in OPEN


@pytest.fixture
def guarded(shop: Path, serve: Serve) -> TestClient:
    return serve(shop, keys=Keys.of(read=READ, write=WRITE), fetch_urls=True)


@pytest.mark.parametrize(("method", "path"), routes())
def test_a_route_wants_its_key(guarded: TestClient, method: str, path: str) -> None:
    address = path.replace("{id_}", "nobody").replace("{id_:path}", "nobody")
    status = {
        right: guarded.request(method, address, headers=headers).status_code
        for right, headers in (
            (Right.NOTHING, {}),
            (Right.READ, {"x-api-key": READ}),
            (Right.WRITE, {"x-api-key": WRITE}),
        )
    }
    wrong = guarded.request(method, address, headers={"x-api-key": "x" * 30}).status_code
    needed = expected(method, path)
    if path == "/":
        assert (status[Right.NOTHING], status[Right.READ]) == (401, 200)
        return
    for right in Right:
        refused = status[right] in (401, 403)
        assert refused == (right < needed), (right, status)
    assert (wrong == 401) == (needed > Right.NOTHING)


def test_a_cookie_reads_and_does_not_write(guarded: TestClient) -> None:
    answer = guarded.post("/sign-in", data={"key": WRITE}, follow_redirects=False)
    assert answer.status_code == 303
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert "samesite=strict" in answer.headers["set-cookie"].lower()
    assert guarded.get("/api/v1/features").status_code == 200
    assert guarded.delete("/api/v1/sources/nobody").status_code == 403


@pytest.mark.parametrize("key", [READ, WRITE])
def test_a_browser_keeps_no_key(guarded: TestClient, key: str) -> None:
    guarded.post("/sign-in", data={"key": key})
    kept = guarded.cookies["lookalike-session"]
    assert key not in kept
    assert guarded.get("/api/v1/features", headers={"x-api-key": kept}).status_code == 401
    assert guarded.get("/api/v1/features").status_code == 200


def test_a_session_ends(guarded: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    guarded.post("/sign-in", data={"key": READ})
    started = time.time()
    for days, status in ((29, 200), (31, 401)):
        monkeypatch.setattr("lookalike.service.keys.time.time", lambda days=days: started + days * 24 * 3600)
        assert guarded.get("/api/v1/features").status_code == status


def test_a_session_of_another_key_or_of_a_later_end_reads_nothing() -> None:
    keys, until = Keys.of(read=READ, write=WRITE), int(time.time()) + 100
    session = keys.session(READ, until)
    assert session is not None
    assert keys.session_right(session) == Right.READ
    assert Keys.of(read="n" * 30, write=None).session_right(session) == Right.NOTHING
    signature = session.partition(".")[2]
    forged = [
        f"{until + 1}.{signature}",
        f"0{session}",
        f"{until}.",
        f"{until}",
        "",
        "x",
        ".",
        READ,
        f"{until}.\ud800",
    ]
    for one in [
        *forged,
        f"{'9' * 30}.{signature}",
        f"-{session}",
        f"{session}x",
        f"\u0661.{signature}",
        None,
    ]:
        assert keys.session_right(one) == Right.NOTHING


def test_a_wrong_key_does_not_sign_in(guarded: TestClient) -> None:
    answer = guarded.post("/sign-in", data={"key": "x" * 30}, follow_redirects=False)
    assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)


def test_without_keys_everybody_may_do_everything() -> None:
    assert Keys().right(None) == Right.WRITE


def test_with_a_write_key_alone_everybody_may_read() -> None:
    keys = Keys.of(read=None, write=WRITE)
    assert (keys.right(None), keys.right("x" * 30), keys.right(WRITE)) == (
        Right.READ,
        Right.NOTHING,
        Right.WRITE,
    )


def test_a_short_key_is_refused() -> None:
    with pytest.raises(OptionError, match="at least 20"):
        Keys.of(read="secret", write=None)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org", "::"])
def test_an_address_that_others_reach_needs_keys_or_so_many_words(host: str) -> None:
    with pytest.raises(OptionError, match="open-to-all"):
        Settings(host=host)
    Settings(host=host, keys=Keys.of(read=READ, write=None))
    Settings(host=host, open_to_all=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_loopback_needs_none(host: str) -> None:
    assert Settings(host=host).is_local


def test_no_settings_show_a_key() -> None:
    assert READ not in repr(Settings(keys=Keys.of(read=READ, write=WRITE)))
