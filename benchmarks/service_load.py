"""Clients of a service, many in one process and cheap: raw HTTP/1.1 on connections that are kept.

Each client sends its next request once the last was answered; one that is told to wait (Retry-After) waits.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

BOUNDARY = "lookalike-benchmark"
SLOW_SECONDS = 1.0
"""Between two bytes of a slow client."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as it is sent, and what its time is told under."""

    kind: str
    sent: bytes


@dataclass(slots=True)
class Answer:
    """One answer."""

    status: int
    body: bytes
    retry_after: float
    closes: bool


Script = Iterator[Request]
"""What one client sends, without end."""


@dataclass
class Taken:
    """What came of a load."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Of answers with 2xx, by kind of request."""
    statuses: Counter[int] = field(default_factory=Counter)
    broken: int = 0
    """Connections that ended amid an answer."""
    lasted: float = 0.0

    @property
    def rate(self) -> float:
        """Answers with 2xx a second."""
        return sum(map(len, self.seconds.values())) / self.lasted

    def milliseconds(self, kind: str, percentile: float) -> float:
        """Return a percentile of the times of a kind of request."""
        return float(np.percentile(self.seconds[kind], percentile)) * 1000

    def failures(self) -> dict[str, int]:
        """Return what was answered neither well nor by a deliberate 429 or 503, with how often."""
        bad = {str(one): n for one, n in self.statuses.items() if one // 100 != 2 and one not in (429, 503)}
        return bad | ({"broken": self.broken} if self.broken else {})


def get(kind: str, path: str) -> Request:
    """Return a GET request."""
    return Request(kind, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())


def post(kind: str, path: str, body: bytes, media_type: str = "application/json") -> Request:
    """Return a POST request."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media_type}\r\n"
    return Request(kind, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


def send_files(kind: str, path: str, field_name: str, files: Sequence[bytes]) -> Request:
    """Return a POST request with JPEG files, as a form has them."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field_name}"; filename="{number}.jpg"\r\n'
        f"Content-Type: image/jpeg\r\n\r\n".encode()
        + data
        + b"\r\n"
        for number, data in enumerate(files)
    ]
    body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    return post(kind, path, body, f"multipart/form-data; boundary={BOUNDARY}")


class Connection(asyncio.Protocol):
    """One connection, with one request at a time. Answers have to have a Content-Length, as all of the API do."""

    def __init__(self) -> None:
        """Wait for nothing yet."""
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._answer: asyncio.Future[Answer] | None = None
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport, self.is_open = transport, True

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._buffer[:end]).lower()
        length = int(_header(head, b"content-length") or 0)
        if len(self._buffer) < end + 4 + length:
            return
        body = bytes(self._buffer[end + 4 : end + 4 + length])
        self._buffer.clear()
        closes = _header(head, b"connection") == b"close"
        answer = Answer(int(head[9:12]), body, float(_header(head, b"retry-after") or 0), closes)
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        """Take note of the end."""
        self.is_open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("closed before the answer"))

    def ask(self, sent: bytes) -> asyncio.Future[Answer]:
        """Send a request, and return what its answer will be."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(sent)
        return self._answer

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


def _header(head: bytes, name: bytes) -> bytes | None:
    start = head.find(b"\r\n" + name + b":")
    if start < 0:
        return None
    start += len(name) + 3
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else None].strip()


async def connect(port: int) -> Connection:
    """Return a new connection to a service of this machine."""
    _, made = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return made


async def drive(port: int, scripts: Sequence[Script], seconds: float) -> Taken:
    """Have as many clients as there are scripts send their requests for so long."""
    taken = Taken()
    started = time.perf_counter()
    await asyncio.gather(*(_client(port, script, started + seconds, taken) for script in scripts))
    taken.lasted = time.perf_counter() - started
    return taken


async def _client(port: int, script: Script, end: float, taken: Taken) -> None:
    connection = await connect(port)
    for request in script:
        begun = time.perf_counter()
        if begun >= end:
            break
        if not connection.is_open:
            connection = await connect(port)
        try:
            answer = await connection.ask(request.sent)
        except ConnectionError:
            taken.broken += 1
            continue
        taken.statuses[answer.status] += 1
        if answer.status // 100 == 2:
            taken.seconds[request.kind].append(time.perf_counter() - begun)
        if answer.closes:
            connection.close()
            connection = await connect(port)
        if answer.retry_after:
            await asyncio.sleep(min(answer.retry_after, max(0.0, end - time.perf_counter())))
    connection.close()


class Crowd:
    """Clients that send a byte a second of a request, and come again once they are cut off."""

    def __init__(self, port: int, requests: Sequence[bytes], heads: Sequence[int], count: int) -> None:
        """Have `count` clients send one of `requests` each.

        Args:
            heads: bytes of each request's headers. Half of the clients send these at once, and only the body slowly.
        """
        self._port, self._count = port, count
        self._requests = [
            (sent, begin) for sent, head in zip(requests, heads, strict=True) for begin in (0, head)
        ]
        self._tasks: list[asyncio.Task[None]] = []
        self.cut_off = 0

    async def __aenter__(self) -> Crowd:
        """Begin, and be all there after a second."""
        for number in range(self._count):
            self._tasks.append(asyncio.create_task(self._slow(number)))
        await asyncio.sleep(2 * SLOW_SECONDS)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Go away."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _slow(self, number: int) -> None:
        sent, head = self._requests[number % len(self._requests)]
        await asyncio.sleep(SLOW_SECONDS * number / self._count)
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self._port)
                writer.write(sent[:head])
                for place in range(head, len(sent)):
                    writer.write(sent[place : place + 1])
                    await writer.drain()
                    await asyncio.sleep(SLOW_SECONDS)
            except ConnectionError:
                self.cut_off += 1
