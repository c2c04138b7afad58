"""What to do about damage, and how a damaged source is named."""

from __future__ import annotations

from shlex import quote

RESTORE = "restore the file from a copy, or add everything to a new collection"
REBUILD = "run lookalike rebuild, which makes the index of words anew too"


def place_of_source(id_: str, kind: str, place: str | None) -> str:
    """Where a problem of a source is."""
    return f"source {id_}" if place is None else f"source {id_} ({place})"


def make_anew(id_: str, kind: str, place: str | None, *, feature: str | None = None) -> str:
    """The commands that make a source anew."""
    remove = f"run lookalike remove {'-- ' if id_.startswith('-') else ''}{quote(id_)}"
    if place is None:
        return f"{remove}, then add its vectors again"
    if kind == "picture":
        return f"{remove}, then lookalike add {quote(place)}"
    into = f" --feature {quote(feature)}" if feature else ""
    file = quote(place.rpartition("#")[0])
    return f"{remove}, then lookalike import {file}{into} --on-duplicate skip"
