"""Searching."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Request, UploadFile
from starlette.concurrency import run_in_threadpool

from lookalike.collection import Collection
from lookalike.collection.hits import Hits
from lookalike.collection.query import Query as Asked
from lookalike.collection.query import SourceQuery, VectorQuery
from lookalike.collection.request import SearchRequest
from lookalike.errors import OptionError
from lookalike.images.thumbnail import thumbnail
from lookalike.service.access import READS, Kept, Served, Told
from lookalike.service.home import Home, as_vector
from lookalike.service.messages import BatchBody, Options, Page, Query, SearchBody, UploadMessage, as_filters
from lookalike.service.paging import hit_message, page_of
from lookalike.service.problems import ProblemError
from lookalike.service.settings import Settings
from lookalike.service.uploads import Upload, Uploads, upload_id

router = APIRouter(prefix="/api/v1", tags=["search"], dependencies=READS)
SIDE = 320
"""Of the thumbnail of a picture that was sent."""


@router.post("/search")
def search(body: SearchBody, collection: Served, settings: Told, request: Request) -> Page:
    """Find what looks like a source, an uploaded picture or a vector; or what words tell of."""
    query = asked(body.query, request.app.state.uploads)

    def ask(k: int) -> Hits:
        return collection.answer_one(query, _options(body, k))

    return page_of(body, ask, settings.limits.most_hits)


@router.post("/search/batch")
def search_batch(body: BatchBody, collection: Served, settings: Told, request: Request) -> list[Page]:
    """Answer several searches at once, all from one state of the collection."""
    most = settings.limits.most_queries
    if len(body.queries) > most:
        raise ProblemError(422, f"a batch has at most {most} queries; send several", field="queries")
    queries = [asked(query, request.app.state.uploads) for query in body.queries]
    if any(query is None for query in queries):
        raise ProblemError(422, "each query of a batch needs an id, an upload or a vector", field="queries")
    found = collection.answer([query for query in queries if query is not None], _options(body, body.limit))
    return [
        Page(hits=[hit_message(hit, rank) for rank, hit in enumerate(hits, 1)], next=None, notes=list(hits.notes))
        for hits in found
    ]


@router.post("/uploads", status_code=201)
async def upload(
    picture: Annotated[UploadFile, File(description="A picture.")], home: Kept, request: Request
) -> UploadMessage:
    """Take a picture to search by, for a while: it is not added to the collection."""
    data = await picture.read()
    kept: Uploads = request.app.state.uploads
    described = await run_in_threadpool(_described, data, home)
    kept.put(described)
    return UploadMessage(id=described.id)


def _described(picture: bytes, home: Home) -> Upload:
    query = home.described(picture)  # in a process of its own, which may crash or hang
    return Upload(upload_id(picture), thumbnail(picture, SIDE), query)


def asked(query: Query, uploads: Uploads) -> Asked | None:
    """Return the query that a message stands for; None where it has none. Raises ProblemError, OptionError."""
    given = [name for name in ("id", "upload", "vector") if getattr(query, name) is not None]
    if len(given) > 1:
        raise ProblemError(422, f"a query has {' and '.join(given)}; give one of them", field="query")
    if query.id is not None:
        return SourceQuery(query.id)
    if query.upload is not None:
        return uploads.get(query.upload).query
    if query.vector is None:
        return None
    vector = query.vector
    return as_vector(vector.values if vector.feature is None else {vector.feature: vector.values})


def _options(body: Options, k: int) -> SearchRequest:
    return SearchRequest.of(
        k=k,
        text=body.text,
        where=as_filters(body.where),
        features=body.features,
        blend=body.blend,
        max_distance=body.max_distance,
    )
