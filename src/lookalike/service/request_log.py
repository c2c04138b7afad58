"""The log: a line a request, and one for whatever else happens; as JSON, or as text for people."""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import Any, Literal

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


class TextLines(logging.Formatter):
    """Formats a record as a line for people, with the traceback of an error below it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the time of day here, and what happened."""
        when = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        told: dict[str, Any] | None = getattr(record, "told", None)
        if told is None:
            id_ = request_id()
            line = f"{when} {record.levelname.lower()}: {record.getMessage()}{f' (request {id_})' if id_ else ''}"
        else:
            key = "" if told["key"] == "none" else f" {told['key']} key"
            line = f"{when} {told['status']} {told['method']} {told['route']} {told['ms']} ms{key} {told['request']}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def log_to_stdout(log_format: Literal["json", "text"] | None) -> None:
    """Have this process write its log, and that of its web server, to standard output.

    Args:
        log_format: of the lines; None for text in a terminal, and JSON elsewhere.
    """
    handler = logging.StreamHandler(sys.stdout)
    is_text = sys.stdout.isatty() if log_format is None else log_format == "text"
    handler.setFormatter(TextLines() if is_text else JsonLines())
    for name, level in ((log.name, logging.INFO), ("uvicorn.error", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(level)
        logger.propagate = False
