"""Searches that wait at the same time are answered together, each as if it had asked alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread

from lookalike import Collection
from lookalike.errors import UnknownIdError
from lookalike.service.bounded_folder import BoundedFolder
from lookalike.service.find import find
from lookalike.service.messages import Page, Query, SearchBody
from lookalike.service.together import AT_ONCE, Together
from lookalike.service.uploads import Uploads

MOST = 1000


def like(id_: str, **more: Any) -> SearchBody:
    return SearchBody(query=Query(id=id_), **more)


class Asked:
    """A collection that counts how many queries come at once, and lets none go on until it is told."""

    def __init__(self, collection: Collection, *, waits: bool = True) -> None:
        self.collection, self.sizes = collection, list[int]()
        self.go_on = threading.Event()
        if not waits:
            self.go_on.set()

    def answer(self, queries: Sequence[Any], request: Any) -> Any:
        self.sizes.append(len(queries))
        assert self.go_on.wait(30)
        return self.collection.answer(queries, request)

    def answer_one(self, query: Any, request: Any) -> Any:
        return self.answer([query], request)[0]


def pages(
    collection: Any, bodies: Sequence[SearchBody], tmp_path: Path, go_on: threading.Event | None = None
) -> list[Page | BaseException]:
    """Ask for all of them at once."""
    together = Together(Uploads(BoundedFolder(tmp_path / "uploads", 1 << 20)), MOST)

    async def all_of_them() -> list[Page | BaseException]:
        asked = [asyncio.create_task(together.page(body, collection)) for body in bodies]
        await asyncio.sleep(0.1)
        if go_on is not None:
            go_on.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(all_of_them())


@pytest.fixture
def ids(shop: Path) -> list[str]:
    with Collection.open(shop) as opened:
        return [source.id for source in opened.list()]


def test_what_waits_meanwhile_is_answered_in_one_go(shop: Path, ids: list[str], tmp_path: Path) -> None:
    with Collection.open(shop) as opened:
        watched = Asked(opened)
        pages(watched, [like(id_) for id_ in ids[:10]], tmp_path, watched.go_on)
    assert sum(watched.sizes) == 10
    assert len(watched.sizes) <= AT_ONCE + 1


def test_each_gets_the_page_that_it_would_get_alone(shop: Path, ids: list[str], tmp_path: Path) -> None:
    bodies = [like(id_, limit=limit) for id_ in ids[:8] for limit in (3, 5)]
    with Collection.open(shop) as opened:
        uploads = Uploads(BoundedFolder(tmp_path / "uploads", 1 << 20))
        assert pages(opened, bodies, tmp_path) == [find(body, opened, uploads, MOST) for body in bodies]


def test_one_that_fails_fails_alone(shop: Path, ids: list[str], tmp_path: Path) -> None:
    with Collection.open(shop) as opened:
        found = pages(opened, [like(ids[0]), like(ids[1]), like("nobody"), like(ids[2])], tmp_path)
    assert [isinstance(page, UnknownIdError) for page in found] == [False, False, True, False]
    assert all(isinstance(page, Page) for page in (found[0], found[1], found[3]))


def test_a_search_that_says_the_defaults_is_answered_with_others(
    shop: Path, ids: list[str], tmp_path: Path
) -> None:
    """As the client's do, which names all that it knows."""
    with Collection.open(shop) as opened:
        watched = Asked(opened)
        bodies = [like(id_, cursor=None, also=[], text=None) for id_ in ids[:10]]
        pages(watched, bodies, tmp_path, watched.go_on)
    assert sum(watched.sizes) == 10
    assert len(watched.sizes) <= AT_ONCE + 1


@pytest.mark.parametrize("turns", range(12))
def test_a_search_that_comes_while_others_end_is_answered(
    shop: Path, ids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    async def at_once(call: Callable[..., Any], *arguments: Any) -> Any:
        await asyncio.sleep(0)
        return call(*arguments)

    monkeypatch.setattr(to_thread, "run_sync", at_once)
    with Collection.open(shop) as opened:
        together = Together(Uploads(BoundedFolder(tmp_path / "uploads", 1 << 20)), MOST)

        async def two_and_one() -> None:
            first = [
                asyncio.create_task(together.page(like(id_, limit=limit), opened))
                for limit, id_ in enumerate(ids[:AT_ONCE], 3)
            ]
            for _ in range(turns):
                await asyncio.sleep(0)
            assert (await asyncio.wait_for(together.page(like(ids[2]), opened), 20)).hits
            await asyncio.gather(*first)

        asyncio.run(two_and_one())


def test_what_nobody_foresaw_is_told_to_all_who_wait_and_those_after_are_answered(
    shop: Path, ids: list[str], tmp_path: Path
) -> None:
    class Broken(Asked):
        def answer(self, queries: Sequence[Any], request: Any) -> Any:
            self.sizes.append(len(queries))
            if sum(self.sizes) <= 3:
                raise ZeroDivisionError
            return self.collection.answer(queries, request)

    with Collection.open(shop) as opened:
        together = Together(Uploads(BoundedFolder(tmp_path / "uploads", 1 << 20)), MOST)
        broken: Any = Broken(opened)

        async def first_and_later() -> Page:
            asked = [asyncio.create_task(together.page(like(id_), broken)) for id_ in ids[:3]]
            failed = await asyncio.gather(*asked, return_exceptions=True)
            assert all(isinstance(one, ZeroDivisionError) for one in failed)
            return await together.page(like(ids[3]), broken)

        assert asyncio.run(first_and_later()).hits


def test_a_search_that_may_take_long_keeps_nobody_waiting(shop: Path, ids: list[str], tmp_path: Path) -> None:
    with Collection.open(shop) as opened:
        slow, quick = Asked(opened), Asked(opened, waits=False)
        together = Together(Uploads(BoundedFolder(tmp_path / "uploads", 1 << 20)), MOST)

        async def both() -> None:
            texts: list[Any] = [
                asyncio.create_task(together.page(like(id_, text="shoe"), slow))  # type: ignore[arg-type]
                for id_ in ids[:4]
            ]
            page = await asyncio.wait_for(together.page(like(ids[0]), quick), 20)  # type: ignore[arg-type]
            assert page.hits
            slow.go_on.set()
            await asyncio.gather(*texts)

        asyncio.run(both())


def test_whoever_goes_away_leaves_the_others_their_pages(shop: Path, ids: list[str], tmp_path: Path) -> None:
    with Collection.open(shop) as opened:
        watched: Any = Asked(opened)
        together = Together(Uploads(BoundedFolder(tmp_path / "uploads", 1 << 20)), MOST)

        async def one_goes() -> list[Any]:
            asked = [asyncio.create_task(together.page(like(id_), watched)) for id_ in ids[:4]]
            await asyncio.sleep(0.05)
            asked[0].cancel()
            watched.go_on.set()
            return await asyncio.gather(*asked, return_exceptions=True)

        found = asyncio.run(one_goes())
    assert isinstance(found[0], asyncio.CancelledError)
    assert all(isinstance(page, Page) for page in found[1:])
