"""A line of JSON a request, by which it is found, and which tells no secret and nothing of the collection."""

from __future__ import annotations

import io
import json
import logging
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.service.browser import served
from tests.service.conftest import Serve

from lookalike.service import request_log
from lookalike.service.keys import Keys

READ, WRITE = "r" * 30, "w" * 30
SESSION = Keys.of(read=READ, write=WRITE).session(READ, time.time() + 3600)
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Return what reads the lines that were written."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(request_log.JsonLines())
    request_log.log.addHandler(handler)
    request_log.log.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    request_log.log.removeHandler(handler)
    request_log.log.setLevel(logging.NOTSET)


def test_a_request_has_a_line(client: TestClient, lines: Lines) -> None:
    answer = client.get("/api/v1/sources?limit=1")
    (line,) = lines()
    assert line.pop("time").endswith("+00:00")
    assert 0 < line.pop("ms") < 60_000
    assert line == {
        "level": "info",
        "message": "request",
        "method": "GET",
        "route": "/api/v1/sources",
        "status": 200,
        "key": "none",
        "request": answer.headers["x-request-id"],
    }


def test_a_line_tells_no_key_no_id_no_file_name_and_no_query(shop: Path, serve: Serve, lines: Lines) -> None:
    client = serve(shop, keys=Keys.of(read=READ, write=WRITE))
    keyed = {"x-api-key": READ}
    client.get(f"/api/v1/sources/hidden-id?key={WRITE}&text=hidden-words", headers=keyed)
    client.post("/api/v1/uploads", files={"picture": ("hidden-name.png", b"x")}, headers=keyed)
    client.post("/api/v1/search", json={"query": {"vector": [0.123454321]}}, headers=keyed)
    client.get(f"/hidden-path?key={WRITE}", headers={"cookie": f"lookalike-session={WRITE}"})
    written = json.dumps(lines())
    assert len(lines()) == 4
    assert not [word for word in ("hidden", READ, WRITE, "0.1234") if word in written]


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({}, "none"),
        ({"x-api-key": READ}, "read"),
        ({"x-api-key": WRITE}, "write"),
        ({"cookie": f"lookalike-session={SESSION}"}, "read"),
        ({"cookie": f"lookalike-session={READ}"}, "wrong"),
        ({"x-api-key": "x" * 30}, "wrong"),
    ],
)
def test_a_line_tells_which_key_was_used(
    shop: Path, serve: Serve, lines: Lines, headers: dict[str, str], kind: str
) -> None:
    serve(shop, keys=Keys.of(read=READ, write=WRITE)).get("/api/v1/features", headers=headers)
    assert lines()[0]["key"] == kind


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/v1/sources/nobody", {}, 404),
        ("/api/v1/sources?limit=x", {}, 422),
        ("/nowhere", {}, 404),
        ("/", {"host": "evil.example"}, 421),
    ],
)
def test_a_problem_names_its_request(
    client: TestClient, lines: Lines, path: str, headers: dict[str, str], status: int
) -> None:
    answer = client.get(path, headers=headers)
    (line,) = lines()
    assert (answer.status_code, line["status"]) == (status, status)
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == line["request"]


def test_what_nobody_foresaw_names_its_request(
    client: TestClient, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.collection.Collection.features", lambda _: 1 / 0)
    answer = client.get("/api/v1/features")
    (line,) = lines()
    assert (answer.status_code, line["status"]) == (500, 500)
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == line["request"]


def test_requests_have_ids_of_their_own(client: TestClient, lines: Lines) -> None:
    for _ in range(5):
        client.get("/health")
    assert len({line["request"] for line in lines()}) == 5


def test_an_error_is_one_line_with_its_traceback(lines: Lines) -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        request_log.log.exception("it failed:\nhere")
    (line,) = lines()
    assert (line["level"], line["message"]) == ("error", "it failed:\nhere")
    assert line["traceback"].endswith("ValueError: first\nsecond")


def test_people_are_told_in_text(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stdout", stream)
    loggers = [logging.getLogger(name) for name in ("lookalike.service", "uvicorn.error")]
    before = [(list(one.handlers), one.level, one.propagate) for one in loggers]
    request_log.log_to_stdout("text")
    try:
        answer = client.get("/api/v1/features?secret=1")
        request_log.log.error("it failed", exc_info=ValueError("why"))
    finally:
        for one, (handlers, level, propagate) in zip(loggers, before, strict=True):
            one.handlers[:], one.level, one.propagate = handlers, level, propagate
    first, second, last = stream.getvalue().splitlines()
    id_ = answer.headers["x-request-id"]
    assert re.fullmatch(rf"\d\d:\d\d:\d\d 200 GET /api/v1/features [\d.]+ ms {id_}", first)
    assert second.endswith(" error: it failed")
    assert last == "ValueError: why"


@pytest.mark.parametrize(
    ("given", "is_terminal", "is_json"), [("json", True, True), (None, True, False), (None, False, True)]
)
def test_a_terminal_gets_text_unless_json_is_wanted(
    monkeypatch: pytest.MonkeyPatch, given: Any, is_terminal: bool, is_json: bool
) -> None:
    added: list[logging.Handler] = []
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal, raising=False)
    monkeypatch.setattr(logging.Logger, "addHandler", lambda _, handler: added.append(handler))
    monkeypatch.setattr(logging.Logger, "setLevel", lambda *_: None)
    request_log.log_to_stdout(given)
    for name in ("lookalike.service", "uvicorn.error"):
        logging.getLogger(name).propagate = True
    assert all(isinstance(one.formatter, request_log.JsonLines) == is_json for one in added)
    assert len(added) == 2


def test_the_service_writes_its_log_to_standard_output(shop: Path, tmp_path: Path) -> None:
    place = tmp_path / "log"
    with (
        place.open("w") as log,
        served(shop, tmp_path / "cache", log=log) as address,
        urllib.request.urlopen(f"{address}/health", timeout=30) as answer,
    ):
        id_ = answer.headers["x-request-id"]
    assert [json.loads(line)["request"] for line in place.read_text().splitlines()] == [id_]
