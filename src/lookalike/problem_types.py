"""Errors by name, as problem documents (RFC 9457) tell them: the service writes these, and its client reads them."""

from __future__ import annotations

from lookalike import errors

PREFIX = "tag:lookalike,2026:"


def type_of(error: errors.LookalikeError) -> str:
    """Return the URI of an error's type."""
    return f"{PREFIX}{type(error).__name__}"


def error_of(uri: str, detail: str) -> errors.LookalikeError | None:
    """Return the error that a problem of type `uri` tells of; None where it is none of ours."""
    kind = getattr(errors, uri.removeprefix(PREFIX), None) if uri.startswith(PREFIX) else None
    if not isinstance(kind, type) or not issubclass(kind, errors.LookalikeError):
        return None
    if issubclass(kind, errors.PictureError):
        name, _, reason = detail.partition(": ")
        return kind(name, reason)
    return kind(detail)
