"""Whether the service runs and can answer, for whoever watches it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from lookalike.errors import LookalikeError
from lookalike.service.access import READS, Kept, KeyedRoute
from lookalike.service.metrics import MEDIA_TYPE, Metrics
from lookalike.service.problems import problem

router = APIRouter(route_class=KeyedRoute, tags=["operation"])


@router.get("/health")
async def health() -> dict[str, str]:
    """Say that the process runs."""
    return {"status": "ok"}


@router.get("/ready", responses={503: {"description": "The collection cannot be searched, and why."}})
def ready(home: Kept) -> Response:
    """Say whether the collection can be searched. Of why not, those are told who may read it."""
    try:
        home.collection().features()
    except LookalikeError:
        home.doubt()
        return problem(503, "the collection cannot be searched at the moment")
    return Response('{"status":"ready"}', media_type="application/json")


@router.get("/metrics", dependencies=READS, response_class=Response)
def metrics(request: Request) -> Response:
    """Return counts and times of requests, as Prometheus reads them."""
    kept: Metrics = request.app.state.metrics
    return Response(kept.written(), media_type=MEDIA_TYPE)
