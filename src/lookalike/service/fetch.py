"""Pictures by URL: fetched from the public internet alone, whatever a URL, a redirect or a name server says.

A name is resolved once for each connection, every address that it has is checked, and the connection is made to an
address that was checked: so a name that answers otherwise the next time (DNS rebinding) leads nowhere.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Collection, Iterable
from functools import cache
from typing import Any

import anyio
import httpcore
import httpx

from lookalike.service.problems import ProblemError
from lookalike.service.public_address import is_public

MOST_REDIRECTS = 3
MOST_AT_ONCE = 8
"""URLs that are fetched at a time, so that slow ones keep nobody else out."""
REDIRECTS = (301, 302, 303, 307, 308)
HEADERS = (
    (b"Accept-Encoding", b"identity"),
    (b"Connection", b"close"),
    (b"User-Agent", b"lookalike"),
)
DEFAULT_PORTS = {"http": 80, "https": 443}
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""From a host's name and a port to the addresses that it has. Raises OSError where it has none."""


class Fetcher:
    """Fetches what a URL names, within limits of size and time."""

    def __init__(
        self,
        *,
        ports: Collection[int],
        most_bytes: int,
        seconds: float,
        resolve: Resolve | None = None,
        is_allowed: Callable[[str], bool] = is_public,
    ) -> None:
        """Take the limits.

        Args:
            ports: that may be connected to.
            seconds: within which all is there, redirects included.
            resolve: asks the system's resolver by default.
            is_allowed: says of an address whether it may be connected to.
        """
        self._ports, self._most, self._seconds = frozenset(ports), most_bytes, seconds
        self._network = _CheckedNetwork(resolve or _addresses, is_allowed)
        self._fetching = 0

    async def fetch(self, url: str, *, accept: bytes = b"image/*", most_bytes: int | None = None) -> bytes:
        """Return what is there.

        Args:
            accept: the kind of what is wanted, as HTTP has it.
            most_bytes: fewer than otherwise.

        Raises:
            ProblemError: it cannot be had; nothing of addresses is told.
        """
        most = self._most if most_bytes is None else min(self._most, most_bytes)
        if self._fetching >= MOST_AT_ONCE:
            raise ProblemError(
                503, "too many URLs are being fetched; try again", headers={"retry-after": "2"}
            )
        self._fetching += 1
        try:
            with anyio.fail_after(self._seconds):
                return await self._followed(self._checked(url), accept, most)
        except TimeoutError:
            raise _refused(f"nothing whole came within {self._seconds:g} seconds") from None
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError):
            raise _refused("its server cannot be reached, or does not speak HTTP") from None
        finally:
            self._fetching -= 1

    async def _followed(self, url: httpx.URL, accept: bytes, most: int) -> bytes:
        for _ in range(1 + MOST_REDIRECTS):
            async with httpcore.AsyncConnectionPool(
                ssl_context=_trusted(), network_backend=self._network, http2=False
            ) as pool:
                raw = httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                )
                headers = [(b"Host", url.netloc), (b"Accept", accept), *HEADERS]
                async with pool.stream("GET", raw, headers=headers) as answer:
                    if answer.status not in REDIRECTS:
                        return await self._body(answer, most)
                    url = self._next(url, answer)
        raise _refused(f"it redirects more than {MOST_REDIRECTS} times")

    async def _body(self, answer: httpcore.Response, most: int) -> bytes:
        if answer.status != 200:
            raise _refused(f"its server answers with status {answer.status}")
        if _header(answer, b"content-encoding") not in (None, b"identity"):
            raise _refused("its server sends it in an encoding that was not asked for")
        length = _header(answer, b"content-length")
        data = bytearray()
        if length is not None and length.isdigit() and int(length) > most:
            raise _too_large(most)
        async for part in answer.aiter_stream():
            data += part
            if len(data) > most:
                raise _too_large(most)
        return bytes(data)

    def _next(self, url: httpx.URL, answer: httpcore.Response) -> httpx.URL:
        place = _header(answer, b"location")
        if place is None:
            raise _refused("it redirects to nowhere")
        try:
            following = url.join(place.decode("ascii"))
        except (httpx.InvalidURL, ValueError):
            raise _refused("it redirects to what is no URL") from None
        return self._checked(str(following))

    def _checked(self, written: str) -> httpx.URL:
        """Return a URL that may be tried; its address is checked when it is connected to."""
        try:
            url = httpx.URL(written)
        except (httpx.InvalidURL, ValueError):
            raise _refused("it is no URL") from None
        if url.scheme not in DEFAULT_PORTS or not url.raw_host:
            raise _refused("it is not of http or https; give one such as https://example.org/shoe.jpg")
        if url.userinfo or "@" in written.partition("//")[2].partition("/")[0]:
            raise _refused("it has a user's name or a password; give one without")
        if (url.port or DEFAULT_PORTS[url.scheme]) not in self._ports:
            raise _refused(f"its port is none of {', '.join(map(str, sorted(self._ports)))}")
        return url


class _CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were checked, by no name."""

    def __init__(self, resolve: Resolve, is_allowed: Callable[[str], bool]) -> None:
        self._resolve, self._is_allowed = resolve, is_allowed
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            addresses = await self._resolve(host.strip("[]"), port)
        except UnicodeError:  # a label that is empty, or longer than names may have
            raise httpcore.ConnectError("no such name") from None
        if not addresses or not all(map(self._is_allowed, addresses)):
            raise _refused("its host has no address on the public internet")
        failed: Exception = httpcore.ConnectError("no address")
        for address in addresses[:2]:
            try:
                return await self._network.connect_tcp(address, port, timeout=timeout)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise httpcore.ConnectError("no sockets of files")

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


async def _addresses(host: str, port: int) -> list[str]:
    def look_up() -> list[str]:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(one[4][0]).partition("%")[0] for one in found))

    # A name server may take longer than the request may: its thread is left behind then, in a limit of its own.
    return await anyio.to_thread.run_sync(look_up, abandon_on_cancel=True, limiter=_resolving())


@cache
def _resolving() -> anyio.CapacityLimiter:
    return anyio.CapacityLimiter(MOST_AT_ONCE)


@cache
def _trusted() -> Any:
    return httpcore.default_ssl_context()


def _header(answer: httpcore.Response, name: bytes) -> bytes | None:
    return next((value for key, value in answer.headers if key.lower() == name), None)


def _too_large(most: int) -> ProblemError:
    return ProblemError(
        413, f"what the URL names is larger than {most:,} bytes; give a smaller one", field="url"
    )


def _refused(reason: str) -> ProblemError:
    return ProblemError(422, f"the URL cannot be used: {reason}", field="url")
