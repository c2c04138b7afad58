"""Hits as HTML: a page of its own, and the fragment that notebooks show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from jinja2 import Environment, PackageLoader, StrictUndefined

from lookalike.errors import PictureError
from lookalike.images import MAX_PIXELS
from lookalike.images.thumbnail import thumbnail_data_uri

if TYPE_CHECKING:
    from jinja2 import Template


class ShownHit(Protocol):
    """What a page shows of a hit; see `lookalike.collection.hits.Hit`."""

    @property
    def id(self) -> str: ...
    @property
    def path(self) -> str | None: ...
    @property
    def title(self) -> str | None: ...
    @property
    def distance(self) -> float: ...
    @property
    def features(self) -> Mapping[str, float]: ...
    @property
    def text_score(self) -> float | None: ...
    @property
    def metadata(self) -> Mapping[str, Any]: ...
    @property
    def places(self) -> Sequence[str]: ...
    @property
    def pixels(self) -> int: ...


class ShownHits(Protocol):
    """What a page shows of an answer; see `lookalike.collection.hits.Hits`."""

    @property
    def query(self) -> Mapping[str, Any]: ...
    @property
    def query_pixels(self) -> int: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[ShownHit]: ...


def hits_page(hits: ShownHits) -> str:
    """Return a complete HTML page."""
    return template("page.html").render(hits=hits)


def hits_fragment(hits: ShownHits) -> str:
    """Return the `<div>` that notebooks show."""
    return template("fragment.html").render(hits=hits)


@cache
def template(name: str) -> Template:
    """Return the template of that name, which escapes what it shows."""
    environment = Environment(
        loader=PackageLoader("lookalike.pages"),
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


def _title(hit: ShownHit) -> str:
    if hit.title is not None:
        return hit.title
    place = hit.path or next(iter(hit.places), None)
    return place.replace("\\", "/").rsplit("/", 1)[-1] if place else hit.id


def _details(hit: ShownHit) -> list[tuple[str, Any]]:
    """Return the metadata that the title does not show already."""
    return [(key, value) for key, value in hit.metadata.items() if value != hit.title]
