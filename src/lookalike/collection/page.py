"""Hits as HTML: a page of its own, and the fragment that notebooks show."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from lookalike.collection.hits import TITLE_FIELDS, Hit, Hits
from lookalike.errors import PictureError
from lookalike.images.decode import MAX_PIXELS
from lookalike.images.thumbnail import thumbnail_data_uri

if TYPE_CHECKING:
    from jinja2 import Template


def hits_page(hits: Hits) -> str:
    """Return a complete HTML page."""
    return _template("page.html").render(hits=hits)


def hits_fragment(hits: Hits) -> str:
    """Return the `<div>` that notebooks show."""
    return _template("fragment.html").render(hits=hits)


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=PackageLoader("lookalike.collection"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["thumbnail"] = _thumbnail
    environment.filters["title_of"] = _title
    environment.filters["details"] = _details
    return environment.get_template(name)


def _thumbnail(path: str | None, pixels: int) -> str | None:
    """Return the picture at `path` as a data URI, or None where there is none to show.

    It may be as large as it was when it was let in, by adding it or by searching for it: of so many `pixels`.
    """
    if path is None:
        return None
    try:
        return thumbnail_data_uri(Path(path), side=200, max_pixels=max(MAX_PIXELS, pixels))
    except PictureError:
        return None


def _title(hit: Hit) -> str:
    if hit.title is not None:
        return hit.title
    return hit.path.replace("\\", "/").rsplit("/", 1)[-1] if hit.path else hit.id


def _details(hit: Hit) -> list[tuple[str, Any]]:
    """Return the metadata that the title does not show already."""
    return [(key, value) for key, value in hit.metadata.items() if key not in TITLE_FIELDS]
