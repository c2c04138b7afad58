"""Failures as problem details (RFC 9457): which HTTP status an error has, and which field it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from lookalike import errors
from lookalike.problem_types import type_of
from lookalike.service.request_id import HEADER, request_id

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5
"""After which whoever is told 503 may ask again."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'"
)
"""Nothing of another origin, and no script or style within a page."""
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
STATUSES: tuple[tuple[type[errors.LookalikeError], int], ...] = (
    (errors.UnknownIdError, 404),
    (errors.DuplicateIdError, 409),
    (errors.PictureTooLargeError, 413),
    (errors.PictureFormatError, 415),
    (errors.PictureMissingError, 404),
    (errors.PictureError, 422),
    (errors.InputError, 422),
    (errors.UnknownFeatureError, 422),
    (errors.FeatureMismatchError, 422),
    (errors.MissingDependencyError, 501),
)
"""The first that fits counts. Every other error of the project is the server's own state, which may pass: 503."""


class ProblemError(Exception):
    """A refusal that the service itself makes."""

    def __init__(
        self, status: int, detail: str, *, field: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Take what the client is told.

        Args:
            field: what it is about, as in "query.id".
        """
        super().__init__(detail)
        self.status, self.detail, self.field, self.headers = status, detail, field, dict(headers or {})


def problem(
    status: int,
    detail: str,
    *,
    kind: str = "about:blank",
    fields: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem document.

    Args:
        kind: a URI that names the kind of problem.
        fields: each `{"field": ..., "message": ...}`.
    """
    told: dict[str, Any] = {
        "type": kind,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if (id_ := request_id()) is not None:
        told["request_id"] = id_
    if fields:
        told["errors"] = [dict(one) for one in fields]
    sent = {"cache-control": "no-store", **(headers or {})}
    if status == 503:
        sent.setdefault("retry-after", str(RETRY_SECONDS))
    return JSONResponse(told, status, headers=sent, media_type=MEDIA_TYPE)


def status_of(error: errors.LookalikeError) -> int:
    """Return the HTTP status that an error of the project has."""
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 503)


def add_handlers(app: FastAPI) -> None:
    """Have all failures of `app` told as problem details."""

    @app.exception_handler(ProblemError)
    def refused(_: Request, error: ProblemError) -> Response:
        fields = [] if error.field is None else [{"field": error.field, "message": error.detail}]
        return problem(error.status, error.detail, fields=fields, headers=error.headers)

    @app.exception_handler(errors.LookalikeError)
    def failed(request: Request, error: errors.LookalikeError) -> Response:
        if isinstance(error, errors.CollectionError) and not isinstance(error, errors.CollectionLockedError):
            request.app.state.home.doubt()
        return problem(status_of(error), str(error), kind=type_of(error))

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> Response:
        told = {(_field(one["loc"]), str(one["msg"])): None for one in error.errors()}
        fields = [{"field": field, "message": message} for field, message in told]
        first = fields[0]
        return problem(422, f"{first['field']}: {first['message']}", fields=fields)

    @app.exception_handler(HTTPException)
    def http(_: Request, error: HTTPException) -> Response:
        return problem(error.status_code, str(error.detail), headers=error.headers)

    @app.exception_handler(Exception)
    def unexpected(_: Request, __: Exception) -> Response:
        # Told by what stands before all else, so that the others' headers are added here.
        return problem(
            500,
            "something went wrong that nobody foresaw; the server's log says what",
            headers={**HEADERS, HEADER: request_id() or ""},
        )


def _field(location: Sequence[str | int]) -> str:
    """Return where a value was: of the body its path, of the address the parameter's name."""
    parts = [str(part) for part in location]
    named = [
        part for part in parts[1:] if "[" not in part
    ]  # where several kinds may be given, the kinds are named too
    return ".".join(named or parts[:1]) or "body"
