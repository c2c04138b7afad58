"""The id of the request that is being answered, by which its line in the log is found."""

from __future__ import annotations

import secrets
from contextvars import ContextVar

HEADER = "x-request-id"
_current: ContextVar[str | None] = ContextVar("request_id", default=None)


def new_request_id() -> str:
    """Draw an id for the request that this task begins to answer."""
    id_ = secrets.token_hex(8)
    _current.set(id_)
    return id_


def request_id() -> str | None:
    """Return the id of the request that is being answered; None outside of any."""
    return _current.get()
