"""The log: a line of JSON a request, and one for whatever else happens."""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.service.access import key_kind
from lookalike.service.request_id import HEADER, new_request_id, request_id

NO_ROUTE = "none"
"""Stands for the route where none took the request."""
log = logging.getLogger("lookalike.service")


class RequestLog:
    """An ASGI middleware that gives every request an id and a line of the log.

    The line has the route's template, and neither the path nor the query: these may hold ids, file names and words.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the app answer, and write the line once it has."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status, id_ = time.perf_counter(), 500, new_request_id()

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = id_
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            told = {
                "method": scope["method"],
                "route": getattr(scope.get("route"), "path", NO_ROUTE),
                "status": status,
                "ms": round((time.perf_counter() - started) * 1000, 1),
                "key": key_kind(Request(scope)),
                "request": id_,
            }
            log.info("request", extra={"told": told})


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's time, level and message, what a request's record tells, and the traceback of an error."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        line |= getattr(record, "told", {})
        if "request" not in line and (id_ := request_id()) is not None:
            line["request"] = id_
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def log_to_stdout() -> None:
    """Have this process write its log, and that of its web server, to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    for name, level in ((log.name, logging.INFO), ("uvicorn.error", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(level)
        logger.propagate = False
