"""Searching."""

from __future__ import annotations

from functools import cache
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, File, Request, Response, UploadFile
from starlette.concurrency import run_in_threadpool

from lookalike.images.thumbnail import thumbnail
from lookalike.service.access import READS, Fetching, Kept, KeyedRoute, Sent, Served, Told
from lookalike.service.find import asked, options_of
from lookalike.service.home import Home
from lookalike.service.messages import BatchBody, Id, Page, SearchBody, UploadMessage, UrlBody
from lookalike.service.paging import page_message
from lookalike.service.problems import ProblemError
from lookalike.service.settings import Settings
from lookalike.service.together import Together
from lookalike.service.uploads import Upload, Uploads, upload_id

router = APIRouter(route_class=KeyedRoute, prefix="/api/v1", tags=["search"], dependencies=READS)
UPLOADS = 8
"""Pictures that are described, or wait for it, in threads of their own."""
SIDE = 320
"""Of the thumbnail of a picture that was sent."""


@router.post("/search", response_model=Page)
async def search(body: SearchBody, request: Request, collection: Served) -> Response:
    """Find what looks like a source, an uploaded picture, a vector or a mix of them; or what words tell of."""
    together: Together = request.app.state.together
    page = await together.page(body, collection)
    return Response(page.model_dump_json(), media_type="application/json")


@router.post("/search/batch")
def search_batch(body: BatchBody, collection: Served, settings: Told, sent: Sent) -> list[Page]:
    """Answer several searches at once, all from one state of the collection."""
    most = settings.limits.most_queries
    if len(body.queries) > most:
        raise ProblemError(422, f"a batch has at most {most} queries; send several", field="queries")
    queries = [asked(query, collection, sent, body.features) for query in body.queries]
    if any(query is None for query in queries):
        raise ProblemError(422, "each query of a batch needs an id, an upload or a vector", field="queries")
    found = collection.answer([query for query in queries if query is not None], options_of(body, body.limit))
    return [page_message(hits) for hits in found]


@router.post("/uploads", status_code=201)
async def upload(
    picture: Annotated[UploadFile, File(description="A picture.")],
    home: Kept,
    settings: Told,
    sent: Sent,
) -> UploadMessage:
    """Take a picture to search by, for a while: it is not added to the collection."""
    return await _kept(await picture.read(), home, settings, sent)


@router.post("/uploads/url", status_code=201)
async def upload_by_url(
    body: UrlBody, fetcher: Fetching, home: Kept, settings: Told, sent: Sent
) -> UploadMessage:
    """Fetch a picture to search by from the public internet, where the service was told that it may."""
    return await _kept(await fetcher.fetch(body.url), home, settings, sent)


async def _kept(data: bytes, home: Home, settings: Settings, sent: Uploads) -> UploadMessage:
    """Describe a picture, and keep that for a while."""
    described = await to_thread.run_sync(
        _described, data, home, settings.limits.max_pixels, limiter=_uploading()
    )
    await run_in_threadpool(sent.put, described)
    return UploadMessage(id=described.id)


@router.get("/uploads/{id_}/thumbnail", response_class=Response)
def uploaded(id_: Id, sent: Sent) -> Response:
    """Return a small JPEG of a picture that was sent."""
    return Response(
        sent.get(id_).thumbnail, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"}
    )


@cache
def _uploading() -> CapacityLimiter:
    """Return what holds down how many threads wait for workers, so that searches have theirs."""
    return CapacityLimiter(UPLOADS)


def _described(picture: bytes, home: Home, most_pixels: int) -> Upload:
    vectors = home.described(picture)  # in a process of its own, which may crash or hang
    return Upload(upload_id(picture), thumbnail(picture, SIDE, max_pixels=most_pixels), vectors)
