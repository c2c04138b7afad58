"""The sources of the collection, and their pictures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, RedirectResponse

from lookalike.catalogue import Source
from lookalike.collection.filters import where_from_json
from lookalike.service.access import READS, WRITES, KeyedRoute, Served, Told, Views, elsewhere_of
from lookalike.service.elsewhere import place_of
from lookalike.service.messages import (
    Id,
    RemoveBody,
    RemovedMessage,
    SourceMessage,
    Sources,
    json_of,
    title_of,
)
from lookalike.service.problems import ProblemError
from lookalike.service.settings import Settings
from lookalike.service.thumbnails import SIDES, Thumbnails
from lookalike.urls import is_web_address

router = APIRouter(route_class=KeyedRoute, prefix="/api/v1/sources", tags=["sources"])
SOME_DAYS = "private, max-age=604800"
"""A picture of an id hardly ever changes; its ETag tells when it did."""
TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".avif": "image/avif",
}
"""What browsers show as pictures. Anything else is sent to be saved, whatever its name says."""


@router.get("", dependencies=READS)
def browse(
    collection: Served,
    order: Literal["newest", "oldest", "random"] = "newest",
    seed: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    text: Annotated[str | None, Query(max_length=2000)] = None,
    where: Annotated[str | None, Query(max_length=20_000, description="Filters, as JSON.")] = None,
    start: Annotated[int, Query(ge=0, lt=2**31)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Sources:
    """Look through the sources: the newest, the oldest, or at random."""
    found, total = collection.browse(
        order=order,
        seed=seed,
        text=text,
        where=where_from_json(json_of(where)),
        start=start,
        limit=limit,
    )
    return Sources(sources=[message_of(source) for source in found], total=total)


@router.get("/{id_:path}/thumbnail", dependencies=READS, response_class=Response)
async def thumbnail(
    id_: Id,
    collection: Served,
    settings: Told,
    views: Views,
    request: Request,
    side: Annotated[int, Query(description=f"Pixels: one of {SIDES}.")] = SIDES[1],
) -> Response:
    """Return a small JPEG of a picture."""
    if side not in SIDES:
        raise ProblemError(422, f"side is {side}; choose one of {', '.join(map(str, SIDES))}", field="side")
    source = await run_in_threadpool(collection.source, id_)
    tag = f'"{source.sha256}-{side}"'
    headers = {"cache-control": SOME_DAYS, "etag": tag}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    data = await run_in_threadpool(_thumbnail_here, source, side, settings, views)
    url = place_of(source)
    if data is None and url is not None:
        data = await (await elsewhere_of(request)).thumbnail(source.sha256, url, side)
    return Response(data, media_type="image/jpeg", headers=headers)


@router.get("/{id_:path}/original", dependencies=READS, response_class=FileResponse)
def original(id_: Id, collection: Served) -> Response:
    """Return a picture's file as it is, or a range of its bytes; of one that lies elsewhere, the way to it."""
    source = collection.source(id_)
    url = place_of(source)
    if url is not None and not _files(source):
        return RedirectResponse(url, headers={"referrer-policy": "no-referrer", "cache-control": "no-store"})
    file = _file(source)
    kind = TYPES.get(file.suffix.lower())
    return FileResponse(
        file,
        media_type=kind or "application/octet-stream",
        filename=None if kind else file.name,
        headers={"cache-control": SOME_DAYS},
    )


@router.get("/{id_:path}", dependencies=READS)
def one(id_: Id, collection: Served) -> SourceMessage:
    """Tell what is known of a source."""
    return message_of(collection.source(id_))


@router.delete("/{id_:path}", dependencies=WRITES, status_code=204)
def remove(id_: Id, collection: Served) -> Response:
    """Remove a source from the collection. Its file stays."""
    collection.remove([collection.source(id_).id])
    return Response(status_code=204)


@router.post("/remove", dependencies=WRITES)
def remove_several(body: RemoveBody, collection: Served) -> RemovedMessage:
    """Remove sources from the collection: all of them, or none where one is not there. Their files stay."""
    return RemovedMessage(removed=collection.remove([collection.source(id_).id for id_ in body.ids]))


def _thumbnail_here(source: Source, side: int, settings: Settings, views: Thumbnails) -> bytes | None:
    """Return a thumbnail that is kept, or made of a file; None where the picture lies on the web alone."""
    data = views.kept(source.sha256, side)
    if data is not None or (place_of(source) is not None and not _files(source)):
        return data
    pixels = max(settings.limits.max_pixels, (source.width or 0) * (source.height or 0))
    return views.get(source.sha256, _file(source), side, pixels)


def _file(source: Source) -> Path:
    """Return the file of a picture: one that the catalogue names, and never one that a request does."""
    if source.kind != "picture":
        raise ProblemError(404, f"{source.id!r} is a vector without a picture")
    files = _files(source)
    if not files:
        raise ProblemError(404, f"the file of {source.id!r} is not there; its disk or share may be away")
    return files[0]


def _files(source: Source) -> list[Path]:
    """Return those files of a picture that can be read."""
    places = (place.path for place in source.places if not is_web_address(place.path))
    return [Path(path) for path in places if os.path.isfile(path) and os.access(path, os.R_OK)]


def message_of(source: Source) -> SourceMessage:
    """Return a source as clients get it: without the places of this machine's disk."""
    return SourceMessage(
        id=source.id,
        number=source.number,
        kind=source.kind,
        sha256=source.sha256,
        size=source.size,
        generation=source.generation,
        title=title_of(source.metadata),
        metadata=source.metadata,
        width=source.width,
        height=source.height,
        added_at=source.added_at,
        has_picture=source.kind == "picture",
        url=place_of(source),
    )
