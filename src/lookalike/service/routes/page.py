"""The page, for people."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from functools import cache, partial
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse

from lookalike.catalogue import Source
from lookalike.collection.copies import Copies, copies_within
from lookalike.collection.filters import where_from_json
from lookalike.errors import LookalikeError
from lookalike.service.access import (
    COOKIE,
    Grouped,
    Kept,
    KeyedRoute,
    Offered,
    Sent,
    Served,
    Told,
    may_read,
    right_of,
)
from lookalike.service.elsewhere import place_of
from lookalike.service.find import find
from lookalike.service.keys import Right
from lookalike.service.messages import Id, Name, title_of
from lookalike.service.problems import ProblemError, status_of
from lookalike.service.thumbnails import SIDES
from lookalike.service.view import View

router = APIRouter(route_class=KeyedRoute, include_in_schema=False)
CARDS = 48
"""Of a page, before more are loaded."""
MOST_DAYS = 31
"""Of growth that is shown by the day; else it is by the month."""
SIGNED_IN_SECONDS = 30 * 24 * 3600


def view_of(request: Request) -> View:
    """Return what the address asks for."""
    return View.of(request.query_params.multi_items())


Shown = Annotated[View, Depends(view_of)]


@router.get("/", response_class=HTMLResponse)
def page(
    request: Request,
    home: Kept,
    settings: Told,
    sent: Sent,
    offered: Offered,
    right: Annotated[Right, Depends(right_of)],
) -> Response:
    """Show the collection, or what a search finds."""
    if right < Right.READ:
        return _page("sign_in.html", status=401, wrong=False)
    view = View()
    try:
        view = view_of(request)
        collection = home.collection()
        cards = _cards(view, collection, sent, settings.limits.most_hits, None)
        things = _things(view, collection)
        features = list(collection.features())
        facets = offered.of(view, collection)
    except (LookalikeError, ProblemError) as error:
        status = error.status if isinstance(error, ProblemError) else status_of(error)
        return _page("trouble.html", status=status, view=view, told=str(error))
    return _page(
        "search.html",
        view=view,
        things=things,
        features=features,
        facets=facets,
        fetches=settings.fetch_urls,
        **cards,
    )


@router.get("/more", response_class=HTMLResponse, dependencies=[Depends(may_read)])
def more(
    view: Shown,
    collection: Served,
    settings: Told,
    sent: Sent,
    cursor: Annotated[str, Query(max_length=2000)],
) -> Response:
    """Return the cards that follow, for the page to put after those that it has."""
    return _page("cards.html", view=view, **_cards(view, collection, sent, settings.limits.most_hits, cursor))


@router.get("/panel/{id_:path}", response_class=HTMLResponse, dependencies=[Depends(may_read)])
def panel(id_: Id, view: Shown, collection: Served) -> Response:
    """Return what is known of a source, for the page to show beside the hits."""
    source = collection.source(id_)
    title = title_of(source.metadata)
    elsewhere = place_of(source)
    told = [(name, value) for name, value in source.metadata.items() if value not in (None, "", [])]
    return _page(
        "panel.html",
        view=view,
        source=source,
        title=title or source.id,
        told=told,
        original=f"{_address(source.id)}/original",
        elsewhere=elsewhere,
        host=elsewhere and urlsplit(elsewhere).hostname,
    )


@router.get("/collection", response_class=HTMLResponse, dependencies=[Depends(may_read)])
def collection_page(collection: Served) -> Response:
    """Show what is in the collection."""
    return _page(
        "collection.html", view=View(), told=collection.info(), growth=_by_month(collection.growth())
    )


@router.get("/copies", response_class=HTMLResponse, dependencies=[Depends(may_read)])
async def copies(
    collection: Served,
    known: Grouped,
    feature: Annotated[Name | None, Query()] = None,
    within: Annotated[float | None, Query(ge=0, allow_inf_nan=False)] = None,
) -> Response:
    """Show groups of sources that look nearly the same."""
    records = await run_in_threadpool(collection.features)
    features = list(records)
    chosen = feature or next(iter(features), None)
    if within is None and chosen in records:
        within = copies_within(records[chosen])
    found = await known.found(collection, chosen, within) if features else Copies((), 0, 0)
    groups = [[_card(source) for source in group] for group in found.groups]
    return _page(
        "copies.html",
        view=View(),
        features=features,
        chosen=chosen,
        within=0 if within is None else within,
        found=found,
        groups=groups,
    )


def _by_month(days: Mapping[str, int]) -> dict[str, int]:
    """Return what was added by day, or by month where there are many days."""
    if len(days) <= MOST_DAYS:
        return dict(days)
    months: Counter[str] = Counter()
    for day, count in days.items():
        months[day[:7]] += count
    return dict(months)


@router.get("/docs", response_class=HTMLResponse)
def docs() -> Response:
    """Show the API, from the OpenAPI document, to read and to try."""
    return _page("docs.html")


@router.post("/sign-in")
def sign_in(key: Annotated[str, Form(max_length=500)], settings: Told, request: Request) -> Response:
    """Let a browser read from now on, by a session that scripts cannot read and other sites cannot use."""
    if not settings.keys:
        return RedirectResponse("/", 303)
    session = settings.keys.session(key, time.time() + SIGNED_IN_SECONDS)
    if session is None:
        return _page("sign_in.html", status=401, wrong=True)
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        COOKIE,
        session,
        max_age=SIGNED_IN_SECONDS,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


def _cards(view: View, collection: Any, sent: Any, most: int, cursor: str | None) -> dict[str, Any]:
    """Return what `cards.html` shows: hits or sources, and the address of what follows them."""
    if view.is_search:
        found = find(view.body(CARDS, cursor), collection, sent, most)
        following = found.next and view.address("/more", cursor=found.next)
        return {"cards": found.hits, "next": following, "notes": found.notes, "total": None}
    start = int(cursor) if cursor is not None and cursor.isascii() and cursor.isdigit() else 0
    sources, total = collection.browse(
        order=view.order, seed=view.seed, where=where_from_json(view.where), start=start, limit=CARDS
    )
    cards = [_card(one) for one in sources]
    end = start + len(cards)
    following = view.address("/more", cursor=str(end)) if end < total else None
    return {"cards": cards, "next": following, "notes": [], "total": total}


def _card(source: Source) -> dict[str, Any]:
    """Return what `cards.html` shows of a source that no search found."""
    return {
        "id": source.id,
        "title": title_of(source.metadata),
        "metadata": source.metadata,
        "has_picture": source.kind == "picture",
        "distance": None,
        "text_score": None,
    }


def _things(view: View, collection: Any) -> list[dict[str, Any]]:
    """Return what a search mixes, as the page shows it."""
    found = []
    for kind, ids in (("ids", view.ids), ("not_ids", view.not_ids)):
        for id_ in ids:
            source = collection.source(id_)
            found.append(
                {
                    "kind": kind,
                    "id": id_,
                    "title": title_of(source.metadata) or id_,
                    "picture": f"{_address(id_)}/thumbnail" if source.kind == "picture" else None,
                    "original": _to_crop(source),
                }
            )
    for kind, ids in (("uploads", view.uploads), ("not_uploads", view.not_uploads)):
        for id_ in ids:
            picture = f"/api/v1/uploads/{id_}/thumbnail"
            found.append(
                {"kind": kind, "id": id_, "title": "your picture", "picture": picture, "original": picture}
            )
    return found


def _address(id_: str) -> str:
    """Return the address of a source in the API."""
    return f"/api/v1/sources/{quote(id_, safe='')}"


def _to_crop(source: Source) -> str | None:
    """Return the address of the largest picture of a source that this origin has."""
    if source.kind != "picture":
        return None
    is_elsewhere = place_of(source) is not None
    return f"{_address(source.id)}/{f'thumbnail?side={SIDES[-1]}' if is_elsewhere else 'original'}"


def _page(name: str, *, status: int = 200, **shown: Any) -> Response:
    # Pages are made anew, but for the back button, which shows what was there.
    return HTMLResponse(
        _templates().get_template(name).render(**shown), status, {"cache-control": "private, no-cache"}
    )


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("lookalike.service"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = _shown
    environment.filters["quoted"] = partial(quote, safe="")
    return environment


def _shown(value: Any) -> str:
    """Return a value of metadata as people read it."""
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)
