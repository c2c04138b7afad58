"""The service as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from anyio import to_thread
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles

from lookalike import __version__
from lookalike.service.bounded_folder import BoundedFolder
from lookalike.service.facets import Facets
from lookalike.service.fetch import Fetcher
from lookalike.service.groups import Groups
from lookalike.service.guard import Guard
from lookalike.service.home import Home
from lookalike.service.jobs import Jobs
from lookalike.service.messages import Problem
from lookalike.service.metrics import Metrics
from lookalike.service.problems import MEDIA_TYPE, add_handlers
from lookalike.service.request_log import RequestLog
from lookalike.service.routes import export, health, page, searching, sources, telling, writing
from lookalike.service.settings import Settings
from lookalike.service.thumbnails import Thumbnails
from lookalike.service.together import Together
from lookalike.service.uploads import Uploads

ROUTERS = tuple(room.router for room in (searching, sources, writing, telling, health, page, export))
PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem: what was wrong, with which field, and what to do.",
        "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
    }
}
THREADS = 8
"""Requests that are worked on at once; with more, what answers all of them has to wait for each thread in turn."""
STATIC = Path(__file__).parent / "static"
ABOUT = """
Finds what looks alike in a collection. Errors are problem details (RFC 9457), which name the field that was wrong.
A service that has keys wants the read key, or to change anything the write key, in the header `X-API-Key`.
"""


def make_app(settings: Settings) -> FastAPI:
    """Return the application that serves the collection that `settings` name."""
    home, jobs = Home(settings), Jobs(settings.cache_folder / "jobs")

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        yield
        await run_in_threadpool(jobs.close)  # the job at hand may wait for what this loop fetches
        home.close()

    metrics = Metrics()
    app = FastAPI(
        title="Lookalike",
        version=__version__,
        description=ABOUT,
        lifespan=living,
        docs_url=None,
        redoc_url=None,
        middleware=[
            Middleware(RequestLog),
            Middleware(metrics.measured),
            Middleware(Guard, settings=settings),
        ],
    )
    app.state.settings, app.state.home, app.state.metrics = settings, home, metrics
    kept = BoundedFolder(settings.cache_folder / "pictures", settings.cache_bytes)
    app.state.uploads, app.state.thumbnails, app.state.jobs = Uploads(kept), Thumbnails(kept), jobs
    app.state.together = Together(app.state.uploads, settings.limits.most_hits)
    app.state.facets = Facets()
    app.state.groups = Groups()
    app.state.fetcher = Fetcher(
        ports=settings.url_ports,
        most_bytes=settings.limits.request_bytes,
        seconds=settings.limits.receive_seconds,
    )
    add_handlers(app)
    for router in ROUTERS:
        app.include_router(router, responses=PROBLEMS)
    app.mount("/static", StaticFiles(directory=STATIC))
    app.mount("/static-docs", StaticFiles(packages=[("fastapi_offline", "static")]))
    return app
