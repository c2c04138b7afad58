"""Hits that a person takes away: as a table, as JSON, as a list of paths, or with their pictures."""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, Response
from starlette.responses import StreamingResponse

from lookalike.catalogue import Source
from lookalike.service.access import KeyedRoute, Served, may_read
from lookalike.service.messages import Id
from lookalike.service.problems import ProblemError

router = APIRouter(route_class=KeyedRoute, include_in_schema=False)
MOST = 500
MOST_ZIP_BYTES = 2 << 30
BLOCK = 1 << 20
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""With these a spreadsheet takes text for a formula, which could run programs or send the sheet away."""


@router.post("/export", dependencies=[Depends(may_read)])
def export(
    collection: Served,
    format: Annotated[Literal["csv", "json", "paths", "zip"], Form()],  # noqa: A002
    id: Annotated[list[Id], Form()],  # noqa: A002
) -> Response:
    """Return the sources that were selected, in the order in which they were."""
    if len(id) > MOST:
        raise ProblemError(422, f"{len(id)} sources are selected; take at most {MOST} at a time", field="id")
    sources = [collection.source(one) for one in dict.fromkeys(id)]
    if format == "csv":
        return _file(_csv(sources), "text/csv; charset=utf-8", "lookalike.csv")
    if format == "json":
        return _file(
            json.dumps([_json(one) for one in sources], indent=2), "application/json", "lookalike.json"
        )
    if format == "paths":
        paths = "".join(f"{one.places[0].path}\n" for one in sources if one.places)
        return _file(paths, "text/plain; charset=utf-8", "lookalike.txt")
    files = [(one, _path(one)) for one in sources]
    size = sum(_size(path) for _, path in files if path is not None)
    if size > MOST_ZIP_BYTES:
        raise ProblemError(
            422, f"the pictures have {size:,} bytes; take fewer than {MOST_ZIP_BYTES:,} at a time"
        )
    return StreamingResponse(
        _zip([(one, path) for one, path in files if path is not None], sources),
        media_type="application/zip",
        headers={"content-disposition": 'attachment; filename="lookalike.zip"'},
    )


def as_cell(value: Any) -> str:
    """Return a value as a cell of CSV that no spreadsheet takes for a formula."""
    text = (
        json.dumps(value, ensure_ascii=False)
        if isinstance(value, list | dict)
        else ""
        if value is None
        else str(value)
    )
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"'{text}" if text.startswith(FORMULA) and not is_number else text


def _csv(sources: list[Source]) -> str:
    fields = list(dict.fromkeys(name for one in sources for name in one.metadata))
    written = io.StringIO(newline="")
    table = csv.writer(written)
    table.writerow(["id", "path", *map(as_cell, fields)])
    for one in sources:
        path = one.places[0].path if one.places else ""
        table.writerow(
            [as_cell(one.id), as_cell(path), *(as_cell(one.metadata.get(name)) for name in fields)]
        )
    return written.getvalue()


def _json(source: Source) -> dict[str, Any]:
    return {"id": source.id, "places": [place.path for place in source.places], "metadata": source.metadata}


def _zip(files: list[tuple[Source, str]], sources: list[Source]) -> Iterator[bytes]:
    """Yield a ZIP of pictures, under names of their own, and `lookalike.csv` of all sources."""

    class Sink(io.RawIOBase):
        """Keeps what was written last, as a ZIP that is streamed is never read again."""

        def __init__(self) -> None:
            self.kept = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            self.kept += data
            return len(data)

        def taken(self) -> bytes:
            data = bytes(self.kept)
            self.kept.clear()
            return data

    sink = Sink()
    used: set[str] = set()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:  # pictures do not get smaller
        archive.writestr("lookalike.csv", _csv(sources).encode("utf-8", "surrogateescape"))
        for number, (_, path) in enumerate(files, 1):
            name = os.path.basename(path).encode("utf-8", "replace").decode()
            name = f"{number}-{name}" if name.lower() in used else name
            used.add(name.lower())
            try:
                picture = open(path, "rb")  # noqa: SIM115 - closed below
            except OSError:
                continue  # it went meanwhile
            with picture, archive.open(name, "w", force_zip64=True) as entry:
                while block := picture.read(BLOCK):
                    entry.write(block)
                    yield sink.taken()
    yield sink.taken()


def _path(source: Source) -> str | None:
    if source.kind != "picture":
        return None
    return next((place.path for place in source.places if os.path.isfile(place.path)), None)


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def _file(text: str, kind: str, name: str) -> Response:
    return Response(
        text.encode("utf-8", "surrogateescape"),
        media_type=kind,
        headers={"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"},
    )
