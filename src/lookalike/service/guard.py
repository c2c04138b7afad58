"""What stands before every route: who may ask, how much, and how often; and what every answer carries."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections import OrderedDict

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.service.problems import HEADERS, problem
from lookalike.service.settings import Limits, Settings

BUSY = "too much to do at the moment; try again"
CLOSING = {"connection": "close"}
"""What is left of a request is not waited for."""
SAFE = ("GET", "HEAD", "OPTIONS")
CARRIED = [(name.encode("ascii"), value.encode("latin-1")) for name, value in HEADERS.items()]
"""By every answer that does not say otherwise."""
MOST_CLIENTS = 10_000
"""Of whom is known how often they asked lately."""


class Guard:
    """An ASGI middleware: the Host header, the rate of a client, the load, the size and the time of a body."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        """Stand before `app`."""
        self._app, self._limits, self._hosts = app, settings.limits, settings.allowed_hosts
        self._rates = Rates(settings.limits)
        self._working = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _with_headers(send)
        headers = Headers(scope=scope)
        refused = self._refusal(scope, headers)
        if refused is not None:
            await refused(scope, receive, send)
            return
        await self._within_limits(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        host = _host(headers.get("host", ""))
        if host not in self._hosts:
            return problem(
                421,
                f"this service is not called {host!r}; use its own name, or add this one with --allow-host",
            )
        if not _is_length(headers.get("content-length")):
            return problem(400, "Content-Length is no number of bytes")
        if int(headers.get("content-length", "0")) > self._limits.request_bytes:
            return problem(413, _too_large(self._limits.request_bytes), headers=CLOSING)
        if scope["method"] not in SAFE and not _is_own(headers):
            return problem(
                403, "another site's page may not change anything here; use this service's own page"
            )
        client = (scope.get("client") or ("", 0))[0]
        wait = 0.0 if _is_loopback(client) else self._rates.wait(client, time.monotonic())
        if wait > 0:
            seconds = str(int(wait) + 1)
            return problem(
                429,
                f"too many requests; send the next in {seconds} seconds",
                headers={"retry-after": seconds},
            )
        if self._working >= self._limits.concurrency:
            return problem(503, BUSY, headers={"retry-after": "1"})
        return None

    async def _within_limits(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the app answer, which reads the body by a `receive` that counts its bytes and its seconds.

        FastAPI lets an HTTPException through that reading a body raises, and no other error.
        """
        deadline = time.monotonic() + self._limits.receive_seconds
        count, whole = 0, not has_body(Headers(scope=scope))
        self._working += whole

        async def bounded() -> Message:
            nonlocal count, whole
            if whole:
                return await receive()
            try:
                async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                    message = await receive()
            except TimeoutError:
                seconds = f"{self._limits.receive_seconds:g}"
                raise HTTPException(
                    408, f"the request was not there within {seconds} seconds; send it quicker", CLOSING
                ) from None
            count += len(message.get("body", b""))
            if count > self._limits.request_bytes:
                raise HTTPException(413, _too_large(self._limits.request_bytes), CLOSING)
            if message["type"] != "http.request" or not message.get("more_body", False):
                if self._working >= self._limits.concurrency:
                    raise HTTPException(503, BUSY, {"retry-after": "1"})
                whole = True
                self._working += 1  # whoever sends slowly is no work yet, and keeps nobody out
            return message

        try:
            await self._app(scope, bounded, send)
        finally:
            self._working -= whole


class Rates:
    """Token buckets, one a client: each fills at the rate, up to the burst."""

    def __init__(self, limits: Limits) -> None:
        """Begin with full buckets."""
        self._rate, self._burst = limits.requests_a_second, float(limits.burst)
        self._known: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str, now: float) -> float:
        """Return how many seconds a client has to wait; 0 lets it through, and counts."""
        tokens, then = self._known.pop(client, (self._burst, now))
        tokens = min(self._burst, tokens + (now - then) * self._rate)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self._rate
        self._known[client] = (tokens - 1 if wait == 0 else tokens, now)
        while len(self._known) > MOST_CLIENTS:
            self._known.popitem(last=False)
        return wait


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            said = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [*message["headers"], *(one for one in CARRIED if one[0] not in said)]
        await send(message)

    return sending


def _host(header: str) -> str:
    """Return the name in a Host header, without its port."""
    name = header.rsplit("]", 1)[0].lstrip("[") if header.startswith("[") else header.partition(":")[0]
    return name.lower().rstrip(".")


def _too_large(limit: int) -> str:
    return f"the request is larger than {limit:,} bytes; send less"


def has_body(headers: Headers) -> bool:
    """Whether a request has a body."""
    return "transfer-encoding" in headers or int(headers.get("content-length", "0")) > 0


def _is_own(headers: Headers) -> bool:
    """Whether a request is no browser's, or one of a page of this service: other sites' pages can send forms here."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host")


def _is_loopback(client: str) -> bool:
    try:
        return ipaddress.ip_address(client).is_loopback
    except ValueError:
        return False


def _is_length(written: str | None) -> bool:
    return written is None or (written.isascii() and written.isdigit() and len(written) < 20)
