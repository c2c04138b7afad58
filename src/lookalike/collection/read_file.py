"""Files that are to be added, read whole and no larger than they may be."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from lookalike.catalogue import StoredLocation
from lookalike.collection.identity import content_id
from lookalike.collection.walk import Found

MAX_FILE_BYTES = 1 << 29


class ReadFile(NamedTuple):
    """A file that was read, the place that it had, its content and the id of that."""

    found: Found
    place: StoredLocation | None
    raw: bytes
    id: str


def read_file(file: Found, place: StoredLocation | None) -> ReadFile:
    """Return a file that is to be added, with its content. Raises OSError; a file of more than 512 MiB is one too."""
    if file.raw is not None:
        return ReadFile(replace(file, raw=None), place, file.raw, content_id(file.raw))
    if (file.size or 0) > MAX_FILE_BYTES:
        raise OSError(0, f"the file has more than {MAX_FILE_BYTES >> 20} MiB")
    with open(file.path, "rb") as stream:
        raw = stream.read(MAX_FILE_BYTES + 1)
    if len(raw) > MAX_FILE_BYTES:  # it has grown since
        raise OSError(0, f"the file has more than {MAX_FILE_BYTES >> 20} MiB")
    return ReadFile(file, place, raw, content_id(raw))
