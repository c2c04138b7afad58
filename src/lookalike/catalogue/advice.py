"""What to do about damage, and how a damaged source is named; whatever was found in the place of its id."""

from __future__ import annotations

from shlex import quote

RESTORE = "restore the file from a copy, or add everything to a new collection"
REBUILD = "run lookalike rebuild, which makes the index of words anew too"


def place_of_source(id_: object, kind: object, place: object) -> str:
    """Where a problem of a source is."""
    if not isinstance(id_, str):
        return f"a source whose id is {id_!r}"
    return f"source {id_} ({place})" if isinstance(place, str) else f"source {id_}"


def make_anew(id_: object, kind: object, place: object, *, feature: str | None = None) -> str:
    """The commands that make a source anew."""
    if not isinstance(id_, str):
        return RESTORE
    remove = f"run lookalike remove {'-- ' if id_.startswith('-') else ''}{quote(id_)}"
    if not isinstance(place, str):
        return f"{remove}, then add its vectors again"
    if kind in ("picture", "file"):
        return f"{remove}, then lookalike add {quote(place)}"
    into = f" --feature {quote(feature)}" if feature else ""
    file = quote(place.rpartition("#")[0])
    return f"{remove}, then lookalike import {file}{into} --on-duplicate skip"
