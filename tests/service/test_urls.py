"""Pictures by URL: off unless told otherwise, and never a way into somebody's network."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.service.conftest import Serve, as_http
from tests.service.shop import picture

from lookalike import Client, UrlQuery
from lookalike.errors import InputError, ServiceError
from lookalike.service.fetch import Fetcher
from lookalike.service.public_address import is_public

INSIDE = [
    "0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1",
    "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::1", "3fff::1", "5f00::1", "fc00::1",
    "fd12:3456::1", "fe80::1", "fec0::1", "ff02::1",
]  # fmt: skip
LITERALS = [f"http://{f'[{one}]' if ':' in one else one}/x.png" for one in INSIDE]
NUMBERS = [
    "http://2130706433/", "http://0x7f000001/", "http://0x7f.1/", "http://0177.0.0.1/", "http://127.1/",
    "http://127.0.1/", "http://0/", "http://0x0a000001/", "http://3232235777/", "http://017700000001/",
    "http://localhost/", "http://LOCALHOST/", "http://localhost./", "http://\uff11\uff12\uff17.0.0.1/",
    "http://127\u30020\u30020\u30021/",
]  # fmt: skip
NAMES = [f"http://name-{number}.test/x.png" for number in range(len(INSIDE) // 3)]
MIXED = [
    "http://both.test/x.png",
    "https://both.test/x.png",
    "http://nothing.test/",
    "http://rebinding.test/x.png",
]
WRITTEN = [
    "file:///etc/passwd", "ftp://example.org/x", "gopher://127.0.0.1:70/_x", "data:image/png;base64,AAAA",
    "javascript:alert(1)", "unix:///var/run/x.sock", "http:/x", "http://", "https:///x", "//127.0.0.1/x",
    "x.png", "/etc/passwd", "../x", "http://user@example.org/", "http://user:secret@example.org/",
    "http://:secret@example.org/", "http://@example.org/", "http://example.org@127.0.0.1/",
    "http://example.org:22/", "http://example.org:6379/", "https://example.org:8443/", "http://example.org:0/",
    "http://example.org:99999/", "http://example.org:x/", "http://[::1", "http://[x]/", "http://exa mple.org/",
    "http://example.org\r\nHost: x/", "http://127.0.0.1\x00.example.org/", "http://" + "a" * 70 + ".org/",
    "http://a..b/", "http://%31%32%37.0.0.1/", "http://127.0.0.1%2f@example.org/", "http://[fe80::1%25eth0]/",
    "HTTP://127.0.0.1/", "http://127.0.0.1#@example.org/", "http://127.0.0.1?@example.org/",
    "http://127.0.0.1\\@example.org/",
]  # fmt: skip
HOSTILE = [*LITERALS, *NUMBERS, *NAMES, *MIXED, *WRITTEN]


class Names:
    """A resolver of the test's own; literal addresses are those that they are to the system."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host == "both.test":
            return ["8.8.8.8", "10.0.0.1"]
        if host == "nothing.test":
            return []
        if host == "rebinding.test":  # public when it is looked at, and one's own when it is connected to
            return ["192.0.2.1"] if self.asked.count(host) == 1 else ["127.0.0.1"]
        if host.startswith("name-"):
            return [INSIDE[3 * int(host[5:].partition(".")[0])]]
        if host == "far.test":
            return ["127.0.0.1"]
        flags = 0 if host.startswith("localhost") else socket.AI_NUMERICHOST
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
        return [str(one[4][0]) for one in found]


class Far(http.server.BaseHTTPRequestHandler):
    """What is far away: pictures, redirects, and what goes on for ever."""

    def do_GET(self) -> None:
        self.server.seen.append(self.path)  # type: ignore[attr-defined]
        if self.path.startswith("/to?"):
            self._answer(302, b"", location=self.path[4:])
        elif self.path == "/loop":
            self._answer(302, b"", location="/loop")
        elif self.path == "/nowhere":
            self._answer(302, b"")
        elif self.path == "/large":
            self._answer(200, b"", length=10**9)
        elif self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            for _ in range(1000):
                self.wfile.write(bytes(10_000))
        elif self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            while not self.server.over.wait(0.05):  # type: ignore[attr-defined]
                self.wfile.write(b"x")
        elif self.path == "/packed":
            self._answer(200, picture(1), content_encoding="gzip")
        elif self.path == "/picture":
            self._answer(200, picture(1))
        elif self.path == "/page":
            self._answer(200, b"<html>")
        else:
            self._answer(404, b"")

    def _answer(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # it was cut off, as it should be
            super().handle()

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Write nothing."""


class FarServer(http.server.ThreadingHTTPServer):
    """It notes what was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Far)
        self.seen: list[str] = []
        self.over = threading.Event()


@pytest.fixture
def far() -> Iterator[FarServer]:
    with FarServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


Made = Callable[..., TestClient]


@pytest.fixture
def fetching(shop: Path, serve: Serve, far: FarServer) -> Made:
    """Return what serves the shop with a fetcher that may connect to what `is_allowed` says."""

    def make(is_allowed: Callable[[str], bool] = is_public, seconds: float = 10) -> TestClient:
        client = serve(shop, fetch_urls=True)
        client.app.state.fetcher = Fetcher(  # type: ignore[attr-defined]
            ports=(80, 443, far.server_port),
            most_bytes=100_000,
            seconds=seconds,
            resolve=Names(),
            is_allowed=is_allowed,
        )
        return client

    return make


def sent(client: TestClient, url: str) -> tuple[int, str]:
    answer = client.post("/api/v1/uploads/url", json={"url": url})
    return answer.status_code, answer.text


@pytest.fixture(scope="module")
def hostile_client(
    shop: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[TestClient, Names]]:
    from lookalike.service.app import make_app
    from lookalike.service.settings import Settings

    app = make_app(Settings(collection=str(shop), cache=tmp_path_factory.mktemp("cache"), fetch_urls=True))
    names = Names()
    app.state.fetcher = Fetcher(ports=(80, 443), most_bytes=1000, seconds=5, resolve=names)
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client, names


def test_there_are_a_hundred_hostile_urls() -> None:
    assert len(set(HOSTILE)) >= 100


@pytest.mark.parametrize("url", HOSTILE, ids=ascii)
def test_a_hostile_url_is_refused(
    hostile_client: tuple[TestClient, Names], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import httpcore

    async def connect(*_: Any, **__: Any) -> None:
        pytest.fail("a connection was tried")

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)
    status, told = sent(hostile_client[0], url)
    assert status == 422, told
    assert '"field":"url"' in told


def test_by_default_no_url_is_fetched(shop: Path, serve: Serve, far: FarServer) -> None:
    client = serve(shop)
    assert sent(client, f"http://127.0.0.1:{far.server_port}/picture")[0] == 403
    assert far.seen == []


def test_a_picture_whose_address_is_allowed_is_searched_by(fetching: Made, far: FarServer) -> None:
    client = fetching(lambda address: address == "127.0.0.1")
    answer = client.post("/api/v1/uploads/url", json={"url": f"http://far.test:{far.server_port}/picture"})
    assert answer.status_code == 201, answer.text
    hits = client.post("/api/v1/search", json={"query": {"upload": answer.json()["id"]}}).json()["hits"]
    assert hits[0]["distance"] < 1e-3
    assert far.seen == ["/picture"]


def test_the_same_address_is_refused_where_it_is_not_allowed(fetching: Made, far: FarServer) -> None:
    status, _ = sent(fetching(), f"http://far.test:{far.server_port}/picture")
    assert (status, far.seen) == (422, [])


def test_a_connection_goes_to_the_address_that_was_checked(fetching: Made, far: FarServer) -> None:
    """The name's second answer would lead to the server of the test, and is never asked for."""
    client = fetching(lambda address: address == "192.0.2.1", seconds=0.5)
    names = client.app.state.fetcher._network._resolve  # type: ignore[attr-defined]
    status, _ = sent(client, f"http://rebinding.test:{far.server_port}/picture")
    assert (status, names.asked, far.seen) == (422, ["rebinding.test"], [])


@pytest.mark.parametrize(
    "place",
    [
        "http://10.0.0.1/", "http://169.254.169.254/latest/", "http://[::1]/", "http://both.test/", "//10.0.0.1/",
        "file:///etc/passwd", "http://user:secret@127.0.0.1/", "http://127.0.0.1:22/", "http://[", "http://name-2.test/",
    ],
)  # fmt: skip
def test_a_redirect_leads_no_further_than_a_url_itself(fetching: Made, far: FarServer, place: str) -> None:
    client = fetching(lambda address: address == "127.0.0.1")
    status, told = sent(client, f"http://far.test:{far.server_port}/to?{place}")
    assert (status, len(far.seen)) == (422, 1), told
    assert "cannot be used" in told


def test_a_redirect_to_an_allowed_place_is_followed(fetching: Made, far: FarServer) -> None:
    client = fetching(lambda address: address == "127.0.0.1")
    assert sent(client, f"http://far.test:{far.server_port}/to?/picture")[0] == 201
    assert len(far.seen) == 2


def test_redirects_end(fetching: Made, far: FarServer) -> None:
    client = fetching(lambda address: address == "127.0.0.1")
    assert sent(client, f"http://far.test:{far.server_port}/loop")[0] == 422
    assert len(far.seen) == 4


@pytest.mark.parametrize(
    ("path", "status"),
    [("large", 413), ("endless", 413), ("packed", 422), ("page", 415), ("missing", 422), ("nowhere", 422)],
)
def test_what_is_no_picture_of_the_right_size_is_refused(
    fetching: Made, far: FarServer, path: str, status: int
) -> None:
    client = fetching(lambda address: address == "127.0.0.1")
    assert sent(client, f"http://far.test:{far.server_port}/{path}")[0] == status


def test_a_server_that_sends_slowly_is_left(fetching: Made, far: FarServer) -> None:
    client = fetching(lambda address: address == "127.0.0.1", seconds=0.5)
    status, told = sent(client, f"http://far.test:{far.server_port}/slow")
    assert (status, "within 0.5 seconds" in told) == (422, True)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001:800::200e"]
)
def test_public_addresses_are_told(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", [*INSIDE, "x", "", "127.1"])
def test_other_addresses_are_told(address: str) -> None:
    assert not is_public(address)


def test_a_client_searches_by_url(fetching: Made, far: FarServer) -> None:
    with Client("http://localhost", http=as_http(fetching(is_allowed=lambda _: True))) as shop:
        url = f"http://far.test:{far.server_port}/picture"
        hits = shop.search(UrlQuery(url), k=1)
        assert (hits[0].distance, hits.query["url"]) == (0, url)
        assert [found[0].id for found in shop.search_many([UrlQuery(url)], k=1)] == [hits[0].id]
        assert shop.explain(UrlQuery(url), hits[0].id).rank == 1
        with pytest.raises(InputError, match="status 404"):
            shop.search(UrlQuery(f"http://far.test:{far.server_port}/missing"))


def test_a_client_is_told_that_no_urls_are_fetched(shop: Path, serve: Serve) -> None:
    with (
        Client("http://localhost", http=as_http(serve(shop))) as client,
        pytest.raises(ServiceError, match="--fetch-urls"),
    ):
        client.search(UrlQuery("https://example.org/shoe.jpg"))
