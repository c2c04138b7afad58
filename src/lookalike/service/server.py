"""The web server that runs the application."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from fastapi import FastAPI
from threadpoolctl import threadpool_limits
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.supervisors import Multiprocess

from lookalike.errors import ServiceError
from lookalike.heap import share_arenas
from lookalike.service.app import make_app
from lookalike.service.configure import settings_of
from lookalike.service.request_log import log_to_stdout
from lookalike.service.settings import Settings

HEADER_SECONDS = 10.0
"""Within which a client that began to send a request has to have sent its headers."""
WRITE_SECONDS = 10.0
SLOWEST = 16 << 10
"""Bytes a second: a client that reads its answers slower is cut off once it has been late by `WRITE_SECONDS` in all."""
BACKLOG = 1024
GRACE_SECONDS = 20
"""Within which requests are finished when the service is stopped."""
GARBAGE = 10_000, 20, 100
"""Objects after which the garbage collector goes over the youngest, and how often over the older ones: seldom, since a
search makes thousands of objects and few rings of them."""
MOST_ARENAS = 2
"""Places where threads keep what they free."""


class PromptH11(H11Protocol):
    """HTTP/1.1 by h11, which cuts off clients that send their headers slowly, or read answers slowly: they would keep a
    connection, and a place among the requests that are worked on, for ever.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Take what uvicorn gives."""
        super().__init__(*arguments, **options)
        self._late: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._patience = WRITE_SECONDS

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # told of whatever a client does not take at once
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take what came; what is no whole request yet has to go on in time."""
        super().data_received(data)
        is_waiting = self.cycle is None or self.cycle.response_complete
        if not is_waiting:
            self._stop_waiting()
        elif self._late is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        if self._unread is not None:
            self._unread.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait for the client to read, as long as what it has not read may take."""
        super().pause_writing()
        seconds = self._patience + self.transport.get_write_buffer_size() / SLOWEST
        self._unread = self.loop.call_later(seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Take note of how late the client was, all of whose answer so far is on its way."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._patience = min(WRITE_SECONDS, self._unread.when() - self.loop.time())
            self._unread = None

    def _wait(self) -> None:
        self._late = self.loop.call_later(HEADER_SECONDS, self._cut_off)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _cut_off(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


def make_configured() -> FastAPI:
    """Return the application that the environment and `lookalike.toml` describe: what each of several workers runs."""
    settings = settings_of(os.environ["LOOKALIKE_COLLECTION"], {})
    log_to_stdout(settings.log_format)
    return _made(settings)


def config_of(app: Any, *, workers: int = 1) -> uvicorn.Config:
    """Return how an ASGI application is run: `app` itself, or where several workers find what makes it."""
    return uvicorn.Config(
        app,
        factory=workers > 1,
        http=PromptH11,
        log_config=None,
        access_log=False,
        workers=workers,
        server_header=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def run(settings: Settings, workers: int, ready: Callable[[str], None]) -> None:
    """Serve until the process is told to stop; requests and the job at hand are finished then.

    Args:
        workers: processes that answer. With more than one, each takes its settings from the environment.
        ready: is told the service's address once it can be reached.

    Raises:
        ServiceError: the address cannot be listened at.
    """
    try:
        listening = listen(settings.host, settings.port)
    except OSError as error:
        raise ServiceError(
            f"cannot listen at {settings.host} port {settings.port} ({error.strerror or error}); choose another"
        ) from None
    log_to_stdout(settings.log_format)
    config = config_of(
        _made(settings) if workers == 1 else f"{__name__}:{make_configured.__name__}", workers=workers
    )
    name = "localhost" if settings.is_local else settings.host
    ready(f"http://{name}:{listening.getsockname()[1]}")
    with listening:
        if workers == 1:
            uvicorn.Server(config).run([listening])
        else:
            Multiprocess(config, [listening]).run()


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, protocol)
    try:
        if os.name != "nt":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    listening.set_inheritable(True)
    return listening


def _made(settings: Settings) -> FastAPI:
    """Return the application, for which this process is made ready.

    Threads of BLAS would wait for one another, spinning; the garbage collector would go over all that was loaded, for a
    few dozen milliseconds each second under load.
    """
    threadpool_limits(1, user_api="blas")
    share_arenas(MOST_ARENAS)
    app = make_app(settings)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    return app
