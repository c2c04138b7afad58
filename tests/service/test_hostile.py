"""What is sent to do harm: huge bodies, malformed pictures, and answers that are asked for and not read."""

from __future__ import annotations

import io
import random
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image
from tests.service.browser import Served, served
from tests.service.conftest import Serve
from tests.service.shop import picture

from lookalike.service.keys import Keys
from lookalike.service.settings import Limits

READ, WRITE = "r" * 30, "w" * 30
SESSION = Keys.of(read=READ, write=WRITE).session(READ, time.time() + 3600)
GIGA = 1 << 30
GROWTH = 8 << 20
"""Bytes that a server may take on for a body that it refuses."""
MALFORMED = 200
FORM = "multipart/form-data; boundary=x"
PART = b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\n'


def zeros(count: int) -> Iterator[bytes]:
    """Yield the beginning of a form with a picture of `count` bytes."""
    yield PART
    for _ in range(count >> 16):
        yield bytes(1 << 16)


def memory(process: int) -> int:
    """Return the most bytes that a process has had in memory so far."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


@pytest.fixture(scope="module")
def guarded(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    cache = tmp_path_factory.mktemp("cache")
    with served(shop, cache, LOOKALIKE_READ_KEY=READ, LOOKALIKE_WRITE_KEY=WRITE) as found:
        with httpx.Client(headers={"x-api-key": READ}, timeout=120) as client:
            for _ in range(3):  # what a first request takes on is no growth
                client.post(f"{found}/api/v1/uploads", files={"picture": picture(1)})
        yield found


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is told by Linux")
@pytest.mark.parametrize(
    ("key", "length", "status"),
    [
        ({"x-api-key": READ}, {"content-length": str(GIGA)}, 413),
        ({"x-api-key": READ}, {}, 413),
        ({}, {}, 401),
        ({"x-api-key": "x" * 30}, {}, 401),
    ],
    ids=["that says how large it is", "that does not", "without a key", "with a wrong key"],
)
def test_a_body_of_a_gigabyte_is_refused_early(
    guarded: Served, key: dict[str, str], length: dict[str, str], status: int
) -> None:
    sent = 0

    def counted() -> Iterator[bytes]:
        nonlocal sent
        for chunk in zeros(GIGA):
            sent += len(chunk)
            yield chunk

    before = memory(guarded.process)
    headers = {"content-type": FORM, **key, **length}
    answer = httpx.post(f"{guarded}/api/v1/uploads", headers=headers, content=counted(), timeout=120)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert sent < GIGA // 2
    assert memory(guarded.process) - before < GROWTH
    assert (
        httpx.get(f"{guarded}/api/v1/features", headers={"x-api-key": READ}, timeout=120).status_code == 200
    )


@pytest.mark.parametrize(
    ("method", "path", "key", "status"),
    [
        ("POST", "/api/v1/sources", {}, 401),
        ("POST", "/api/v1/sources", {"x-api-key": READ}, 403),
        ("POST", "/api/v1/vectors", {"x-api-key": READ}, 403),
        ("PATCH", "/api/v1/sources/x", {"cookie": f"lookalike-session={SESSION}"}, 403),
        ("POST", "/api/v1/search", {}, 401),
    ],
)
def test_a_key_is_checked_before_the_body_comes(
    guarded: Served, method: str, path: str, key: dict[str, str], status: int
) -> None:
    told = urlsplit(guarded)
    lines = [f"{method} {path} HTTP/1.1", f"Host: {told.netloc}", "Content-Length: 1000"]
    lines += [f"{name}: {value}" for name, value in {"content-type": FORM, **key}.items()]
    with socket.create_connection(("127.0.0.1", told.port or 0), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())  # and nothing of the body
        assert connection.recv(100).startswith(f"HTTP/1.1 {status} ".encode())


def test_whoever_does_not_read_the_answer_keeps_its_place_for_a_while_only(
    shop: Path, tmp_path: Path, own_shop: Path
) -> None:
    large = io.BytesIO()
    Image.effect_noise((4000, 4000), 80).save(large, "BMP")
    with served(own_shop, tmp_path / "cache", LOOKALIKE_CONCURRENCY="3") as address:
        with httpx.Client(base_url=str(address), timeout=60) as client:
            job = client.post("/api/v1/sources", files={"pictures": large.getvalue()}).json()
            while job["state"] in ("waiting", "running"):
                job = client.get(f"/api/v1/jobs/{job['id']}").json()
        path = f"/api/v1/sources/{job['ids'][0]}/original"
        idle = [_asking(address, path) for _ in range(3)]
        states: list[int] = []
        deadline = time.monotonic() + 60
        while not states or states[-1] != 200:
            assert time.monotonic() < deadline, states
            states.append(_status(f"{address}/api/v1/features"))
            time.sleep(0.5)
        assert 503 in states
        for connection in idle:
            connection.close()


def _asking(address: str, path: str) -> socket.socket:
    """Return a connection that asked for something, and reads nothing of it."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", urlsplit(address).port))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert connection.recv(5) == b"HTTP/"
    return connection


def _status(address: str) -> int:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def malformed() -> list[bytes]:
    """Return pictures that were real ones: cut short, with bits that flipped, with the wrong head, or empty."""
    chance = random.Random(7)
    kinds = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")
    real = []
    for number, kind in enumerate(kinds):
        written = io.BytesIO()
        with Image.open(io.BytesIO(picture(number))) as image:
            image.save(written, kind)
        real.append(written.getvalue())
    found = [b"", b"\x00", b"\x89PNG", b"\xff\xd8\xff"]
    while len(found) < MALFORMED:
        data = bytearray(chance.choice(real))
        match len(found) % 3:
            case 0:
                del data[chance.randrange(12, len(data) // 2) :]
            case 1:
                for _ in range(chance.randrange(20, 60)):
                    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            case _:
                other = chance.choice([one for one in real if one[:4] != data[:4]])
                data[:12] = other[:12]
        found.append(bytes(data))
    return found


def test_malformed_pictures_are_refused_and_the_service_still_answers(shop: Path, serve: Serve) -> None:
    client = serve(shop, limits=Limits(burst=10_000))
    refused = 0
    for data in malformed():
        answer = client.post("/api/v1/uploads", files={"picture": ("a.png", data)})
        if answer.status_code == 201:  # some formats have bits that only colour something
            continue
        assert 400 <= answer.status_code < 500, (answer.status_code, answer.text, data[:40])
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"]
        refused += 1
    assert refused > MALFORMED * 0.7
    assert client.post("/api/v1/uploads", files={"picture": picture(1)}).status_code == 201
    assert client.get("/api/v1/features").status_code == 200


def test_malformed_pictures_that_are_added_are_skipped(own_shop: Path, serve: Serve) -> None:
    client = serve(own_shop, limits=Limits(burst=10_000))
    sent = [data for data in malformed() if data[:8] == picture(1)[:8]] + [picture(100)]
    job = client.post("/api/v1/sources", files=[("pictures", ("a.png", one)) for one in sent]).json()
    deadline = time.monotonic() + 120
    while job["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
        job = client.get(f"/api/v1/jobs/{job['id']}").json()
    assert job["state"] == "done"
    assert job["outcomes"]["skipped"] >= 5
    assert client.get(f"/api/v1/sources/{job['ids'][-1]}").status_code == 200


def test_pictures_are_decoded_outside_of_the_service(
    own_shop: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode_here(*_: object, **__: object) -> None:
        raise AssertionError("decoded in the service's own process")

    monkeypatch.setattr("lookalike.features.batch.decode", decode_here)
    client = serve(own_shop, keys=Keys())
    job = client.post("/api/v1/sources", files={"pictures": picture(100)}).json()
    while job["state"] in ("waiting", "running"):
        time.sleep(0.1)
        job = client.get(f"/api/v1/jobs/{job['id']}").json()
    assert (job["state"], job["outcomes"]) == ("done", {"added": 1})
