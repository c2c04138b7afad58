"""Adding and changing sources: pictures in the background, as a job; vectors and metadata at once."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Response, UploadFile
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from lookalike.catalogue.metadata import encoded
from lookalike.errors import MetadataError
from lookalike.images.formats import HEAD_LENGTH, sniff
from lookalike.service.access import READS, WRITES, Kept, KeyedRoute, Queued, Remote, Served, Told
from lookalike.service.elsewhere import Adding, fetched
from lookalike.service.jobs import Jobs, Progress
from lookalike.service.messages import (
    ChangeBody,
    Id,
    IiifBody,
    JobMessage,
    SourceMessage,
    VectorsBody,
    VectorsMessage,
)
from lookalike.service.problems import ProblemError
from lookalike.service.routes.sources import message_of

router = APIRouter(route_class=KeyedRoute, prefix="/api/v1", tags=["writing"])
MOST_PICTURES = 1000
POLLED_EVERY = 0.2
"""Seconds between two looks at a job whose events are sent."""


@router.post("/sources", dependencies=WRITES, status_code=202)
async def add(
    pictures: Annotated[list[UploadFile], File(description="Picture files.")],
    home: Kept,
    settings: Told,
    jobs: Queued,
    response: Response,
    metadata: Annotated[
        str | None,
        Form(max_length=10_000_000, description="A JSON list: the fields of each picture, in their order."),
    ] = None,
) -> JobMessage:
    """Add pictures to the collection, in the background: the answer names a job to ask for."""
    if len(pictures) > MOST_PICTURES:
        raise ProblemError(
            422, f"{len(pictures)} pictures; send at most {MOST_PICTURES} at a time", field="pictures"
        )
    fields = _fields(metadata, len(pictures))
    folder = settings.pictures_folder
    paths = [await run_in_threadpool(_keep, folder, picture) for picture in pictures]
    told = {str(path): one for path, one in zip(paths, fields, strict=True) if one}

    def run(progress: Progress) -> None:
        limits = settings.limits
        home.collection().add(
            paths,
            metadata=told or None,
            max_pixels=limits.max_pixels,
            time_limit=limits.answer_seconds,
            isolated=True,
            listener=progress,
        )

    return _accepted(jobs, len(paths), run, response)


@router.post("/sources/iiif", dependencies=WRITES, status_code=202)
async def add_by_iiif(
    body: IiifBody, elsewhere: Remote, settings: Told, jobs: Queued, response: Response
) -> JobMessage:
    """Add pictures that lie on the servers of museums, by the IIIF Image API: each is fetched in a bounded size, in the
    background, and lies at its URL from then on. Where the service was told that it may fetch URLs.
    """
    _check_metadata([one.metadata for one in body.pictures], "pictures")
    loop = asyncio.get_running_loop()

    def fetch(url: str) -> tuple[str, bytes]:
        return asyncio.run_coroutine_threadsafe(fetched(elsewhere.fetcher, url), loop).result()

    adding = Adding(body.pictures, fetch, elsewhere.home, elsewhere.views, settings.limits)
    return _accepted(jobs, len(body.pictures), adding, response)


@router.post("/vectors", dependencies=WRITES, status_code=201)
def add_vectors(body: VectorsBody, collection: Served) -> VectorsMessage:
    """Add vectors, all of them or none."""
    import numpy as np

    try:
        with np.errstate(over="ignore"):
            rows = np.asarray(body.vectors, dtype=np.float32)
    except (ValueError, OverflowError):
        raise ProblemError(422, "vectors are not all of one length", field="vectors") from None
    report = collection.add_vectors(
        rows,
        ids=body.ids,
        feature=body.feature,
        metric=body.metric,
        metadata=body.metadata,
        on_duplicate=body.on_duplicate,
    )
    return VectorsMessage(added=report.added, refreshed=report.refreshed, duplicate=report.duplicate)


@router.patch("/sources/{id_:path}", dependencies=WRITES)
def change(id_: Id, body: ChangeBody, collection: Served) -> SourceMessage:
    """Change metadata of a source: new values of fields, null for those that are taken out; others stay."""
    collection.update_metadata(id_, body.metadata)
    return message_of(collection.source(id_))


@router.get("/jobs/{id_}", dependencies=READS)
def job(id_: Id, jobs: Queued) -> JobMessage:
    """Tell how far a job is."""
    return JobMessage(**asdict(jobs.get(id_)))


@router.get("/jobs/{id_}/events", dependencies=READS, response_class=StreamingResponse)
async def events(id_: Id, jobs: Queued) -> Response:
    """Tell how far a job is, as server-sent events, until it is over."""
    await run_in_threadpool(jobs.get, id_)  # which raises where there is none
    return StreamingResponse(
        _events(jobs, id_), media_type="text/event-stream", headers={"cache-control": "no-store"}
    )


async def _events(jobs: Jobs, id_: str) -> AsyncIterator[str]:
    last = ""
    while True:
        found = await run_in_threadpool(jobs.get, id_)
        told = json.dumps(asdict(found))
        if told != last:
            last = told
            yield f"data: {told}\n\n"
        if found.is_over:
            return
        await asyncio.sleep(POLLED_EVERY)


def _accepted(jobs: Jobs, total: int, run: Callable[[Progress], None], response: Response) -> JobMessage:
    """Have pictures added in the background, and tell of the job."""
    job = jobs.submit("add", total, run)
    if job is None:
        raise ProblemError(503, "too many jobs wait already; send the pictures again later")
    response.headers["location"] = f"/api/v1/jobs/{job.id}"
    return JobMessage(**asdict(jobs.get(job.id)))


def _fields(written: str | None, count: int) -> list[Mapping[str, Any]]:
    if written is None:
        return [{}] * count
    try:
        told = json.loads(written)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
        raise ProblemError(
            422, "metadata is no JSON list of objects; give one for each picture", field="metadata"
        )
    if len(told) != count:
        raise ProblemError(
            422,
            f"metadata tells of {len(told)} pictures, and {count} came; give one for each",
            field="metadata",
        )
    _check_metadata(told, "metadata")
    return told


def _check_metadata(told: Sequence[Mapping[str, Any]], field: str) -> None:
    """Raise ProblemError for metadata that no catalogue holds, before anything is fetched or written."""
    for place, one in enumerate(told):
        try:
            encoded(one, f"picture {place}")
        except MetadataError as error:
            raise ProblemError(422, str(error), field=f"{field}.{place}") from error


def _keep(folder: Path, upload: UploadFile) -> Path:
    """Write a picture under a name that its content gives, whatever the client calls it."""
    data = upload.file.read()
    kind = sniff(data[:HEAD_LENGTH])
    if kind is None:
        raise ProblemError(415, f"{_name(upload)} is not a picture in a known format", field="pictures")
    digest = hashlib.sha256(data).hexdigest()
    path = folder / digest[:2] / f"{digest}.{kind.lower().replace('jpeg', 'jpg')}"
    if not path.exists():
        part = path.with_suffix(f".{secrets.token_hex(8)}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise ProblemError(
                507, f"the picture cannot be kept ({error.strerror}); tell whoever runs it"
            ) from None
    return path.absolute()


def _name(upload: UploadFile) -> str:
    return repr(upload.filename[:100]) if upload.filename else "a picture"
