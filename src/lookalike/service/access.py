"""What routes depend on: the served collection, and the right to use it.

All but the opening of a collection takes microseconds, so each is a coroutine: FastAPI gives any other a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from copy import copy
from typing import Annotated, Any

from fastapi import Depends, Request, Response, Security
from fastapi.routing import APIRoute
from fastapi.security import APIKeyCookie, APIKeyHeader
from starlette.concurrency import run_in_threadpool

from lookalike.collection import Collection
from lookalike.service.elsewhere import Elsewhere
from lookalike.service.facets import Facets
from lookalike.service.fetch import Fetcher
from lookalike.service.groups import Groups
from lookalike.service.guard import CLOSING, has_body
from lookalike.service.home import Home
from lookalike.service.jobs import Jobs
from lookalike.service.keys import Right
from lookalike.service.problems import ProblemError
from lookalike.service.settings import Settings
from lookalike.service.thumbnails import Thumbnails
from lookalike.service.uploads import Uploads

COOKIE = "lookalike-session"
HEADER = "X-API-Key"
_header = APIKeyHeader(name=HEADER, auto_error=False, description="The read key, or the write key.")
_cookie = APIKeyCookie(
    name=COOKIE, auto_error=False, description="What the page keeps instead; it reads only."
)


async def settings_of(request: Request) -> Settings:
    """Return what the service was told."""
    return _settings(request)


async def home_of(request: Request) -> Home:
    """Return the home of the collection."""
    home: Home = request.app.state.home
    return home


async def right_of(
    request: Request,
    header: Annotated[str | None, Security(_header)],
    cookie: Annotated[str | None, Security(_cookie)],
) -> Right:
    """Return what the request may do. A cookie lets pages of this origin read only: browsers send it unasked."""
    keys = _settings(request).keys
    if header is not None or not keys:
        return keys.right(header)
    return max(keys.session_right(cookie), keys.right(None))


def key_kind(request: Request) -> str:
    """Return which key a request carries: "none", "read", "write", or "wrong"."""
    header, cookie = request.headers.get(HEADER), request.cookies.get(COOKIE)
    keys = _settings(request).keys
    if not keys or (header is None and cookie is None):
        return "none"
    right = keys.session_right(cookie) if header is None else keys.right(header)
    return "wrong" if right is Right.NOTHING else right.name.lower()


async def may_read(right: Annotated[Right, Depends(right_of)]) -> None:
    """Refuse a request that may not read."""
    if right < Right.READ:
        raise ProblemError(401, "send the read key or the write key in the header X-API-Key")


async def may_write(right: Annotated[Right, Depends(right_of)]) -> None:
    """Refuse a request that may not write."""
    if right < Right.READ:
        raise ProblemError(401, "send the write key in the header X-API-Key")
    if right < Right.WRITE:
        raise ProblemError(403, "the read key may not change anything; send the write key")


class KeyedRoute(APIRoute):
    """A route that asks for its key before it reads the body, which FastAPI would read first."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        checks = [one.dependency for one in self.dependencies if one.dependency in (may_read, may_write)]
        whole = self.dependant
        self.dependant = copy(whole)  # what answers need not check again
        self.dependant.dependencies = [one for one in whole.dependencies if one.call not in checks]
        answer = super().get_route_handler()
        self.dependant = whole

        async def checked(request: Request) -> Response:
            header, cookie = request.headers.get(HEADER) or None, request.cookies.get(COOKIE) or None
            try:
                for check in checks:
                    await check(await right_of(request, header, cookie))
            except ProblemError as refused:
                if has_body(request.headers):
                    refused.headers |= CLOSING
                raise
            return await answer(request)

        return checked


async def collection_of(home: Annotated[Home, Depends(home_of)]) -> Collection:
    """Return the collection."""
    opened = home.opened
    return await run_in_threadpool(home.collection) if opened is None else opened


async def views_of(request: Request) -> Thumbnails:
    """Return the cache of thumbnails."""
    views: Thumbnails = request.app.state.thumbnails
    return views


async def sent_to(request: Request) -> Uploads:
    """Return the pictures that were sent to search by."""
    uploads: Uploads = request.app.state.uploads
    return uploads


Served = Annotated[Collection, Depends(collection_of)]
Told = Annotated[Settings, Depends(settings_of)]
Kept = Annotated[Home, Depends(home_of)]
Views = Annotated[Thumbnails, Depends(views_of)]


async def jobs_of(request: Request) -> Jobs:
    """Return the jobs of the service."""
    jobs: Jobs = request.app.state.jobs
    return jobs


async def groups_of(request: Request) -> Groups:
    """Return the groups of look-alikes that are known."""
    groups: Groups = request.app.state.groups
    return groups


async def facets_of(request: Request) -> Facets:
    """Return what knows the fields that are worth offering."""
    facets: Facets = request.app.state.facets
    return facets


async def fetcher_of(request: Request) -> Fetcher:
    """Return what fetches pictures. Raises ProblemError where the service fetches none."""
    if not _settings(request).fetch_urls:
        raise ProblemError(
            403, "this service fetches no URLs; send the picture itself, or have it started with --fetch-urls"
        )
    fetcher: Fetcher = request.app.state.fetcher
    return fetcher


async def elsewhere_of(request: Request) -> Elsewhere:
    """Return the pictures that lie on the web. Raises ProblemError where the service fetches none."""
    state = request.app.state
    return Elsewhere(await fetcher_of(request), state.home, state.thumbnails, _settings(request).limits)


Remote = Annotated[Elsewhere, Depends(elsewhere_of)]
Fetching = Annotated[Fetcher, Depends(fetcher_of)]
Offered = Annotated[Facets, Depends(facets_of)]
Grouped = Annotated[Groups, Depends(groups_of)]
Queued = Annotated[Jobs, Depends(jobs_of)]
Sent = Annotated[Uploads, Depends(sent_to)]
READS = [Depends(may_read)]
WRITES = [Depends(may_write)]


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings
