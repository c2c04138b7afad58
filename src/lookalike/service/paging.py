"""One search, page by page."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lookalike.collection.hits import Hit, Hits
from lookalike.errors import OptionError
from lookalike.service.cursor import Cursor
from lookalike.service.messages import HitMessage, Page, SearchBody, ValueCount

Ask = Callable[[int], Hits]
"""Returns the k best."""


def page_of(body: SearchBody, ask: Ask, most: int) -> Page:
    """Return the page that `body` asks for.

    Args:
        most: hits that all pages together may have.

    Raises:
        OptionError: the cursor is none of this search; and what `ask` raises.
    """
    search = body.model_dump(mode="json", exclude={"cursor", "limit", "facets"})
    cursor = None if body.cursor is None else Cursor.read(body.cursor, search)
    if cursor is not None and cursor.rank >= most:
        raise OptionError(f"a search has at most {most} hits, all its pages together; narrow it")
    k = first_hits(body, most) if cursor is None else min(most, cursor.rank + body.limit + 1)
    while True:
        hits = ask(k)
        start = 0 if cursor is None else cursor.start([hit.id for hit in hits], _keys(hits, body))
        # What was added meanwhile may have moved the page before, and so this one, farther down.
        if len(hits) < k or start + body.limit < k or k == most:
            break
        k = min(most, 2 * k)
    shown = hits.hits[start : start + body.limit]
    more = start + body.limit < len(hits)
    notes = list(hits.notes)
    if len(hits) == most and not more:
        notes.append(
            f"a search has at most {most:,} hits here, all its pages together; narrow it to see others"
        )
    following = None
    if shown and more:
        last = shown[-1]
        following = Cursor(last.id, start + len(shown), _key(last, body)).written(search)
    return page_message(replace(hits, hits=shown, notes=tuple(notes)), first=start + 1, following=following)


def page_message(hits: Hits, *, first: int = 1, following: str | None = None) -> Page:
    """Return hits as clients get them.

    Args:
        first: the rank of the first.
        following: the cursor of the next page.
    """
    return Page(
        hits=[hit_message(hit, rank) for rank, hit in enumerate(hits, first)],
        next=following,
        notes=list(hits.notes),
        estimated_recall=hits.estimated_recall,
        features=dict(hits.query["features"]),
        facets=counts_message(hits.facets),
    )


def counts_message(facets: Mapping[str, Sequence[tuple[Any, int]]]) -> dict[str, list[ValueCount]]:
    """Return how often values of metadata fields occur as clients get it."""
    return {
        name: [ValueCount(value=value, count=count) for value, count in counts]
        for name, counts in facets.items()
    }


def first_hits(body: SearchBody, most: int) -> int:
    """Return how many hits a first page asks for, once: one more than it shows, which tells whether there is a next."""
    return min(most, body.limit + 1)


def hit_message(hit: Hit, rank: int) -> HitMessage:
    """Return a hit as clients get it: without the places of this machine's disk."""
    return HitMessage(
        id=hit.id,
        title=hit.title,
        distance=None if math.isnan(hit.distance) else hit.distance,
        features=dict(hit.features),
        text_score=hit.text_score,
        metadata=dict(hit.metadata),
        has_picture=hit.pixels > 0 and hit.exists,
        pixels=hit.pixels,
        rank=rank,
    )


def _keys(hits: Hits, body: SearchBody) -> list[float] | None:
    keys = [_key(hit, body) for hit in hits]
    found = [key for key in keys if key is not None]
    return found if len(found) == len(keys) else None


def _key(hit: Hit, body: SearchBody) -> float | None:
    if body.blend:
        return None
    if math.isnan(hit.distance):
        return None if hit.text_score is None else -hit.text_score
    return hit.distance
