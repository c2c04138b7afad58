"""Searches that wait at the same time are answered together: one pass over the vectors, one thread, for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from anyio import to_thread

from lookalike.collection import Collection
from lookalike.collection.hits import Hits
from lookalike.errors import LookalikeError
from lookalike.service.find import asked, find, options_of
from lookalike.service.messages import Page, SearchBody
from lookalike.service.paging import first_hits, page_of
from lookalike.service.problems import ProblemError
from lookalike.service.uploads import Uploads

AT_ONCE = 1
"""Threads that answer plain searches. What waits for them goes along with the next."""
MOST = 32
"""Searches that are answered together."""

Answered = Page | Exception


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """A search that waits for its page."""

    body: SearchBody
    collection: Collection
    page: asyncio.Future[Page]


class Together:
    """Answers searches of one event loop."""

    def __init__(self, uploads: Uploads, most: int) -> None:
        """Take where uploads are kept, and how many hits all pages of a search may have."""
        self._uploads, self._most = uploads, most
        self._waiting: list[Waiting] = []
        self._workers: set[asyncio.Task[None] | None] = set()

    async def page(self, body: SearchBody, collection: Collection) -> Page:
        """Return a page of hits. Raises ProblemError, LookalikeError."""
        if not _is_plain(body):
            return await to_thread.run_sync(find, body, collection, self._uploads, self._most)
        page = asyncio.get_running_loop().create_future()
        self._waiting.append(Waiting(body, collection, page))
        if len(self._workers) < AT_ONCE:
            self._workers.add(asyncio.create_task(self._work()))
        found: Page = await page
        return found

    async def _work(self) -> None:
        try:
            await self._answer_all()
        finally:  # at once after the last look at what waits: what comes later starts another
            self._workers.discard(asyncio.current_task())

    async def _answer_all(self) -> None:
        while self._waiting:
            first = self._waiting[0]
            some = [
                one
                for one in self._waiting
                if one.body.limit == first.body.limit and one.collection is first.collection
            ][:MOST]
            self._waiting = [one for one in self._waiting if one not in some]
            bodies = [one.body for one in some]
            try:
                answers: Sequence[Answered] = await to_thread.run_sync(
                    _answered, bodies, first.collection, self._uploads, self._most
                )
            except Exception as error:  # told to everybody who waits, as if each had asked alone
                answers = [error] * len(some)
            for one, answer in zip(some, answers, strict=True):
                if one.page.cancelled():
                    continue
                if isinstance(answer, Exception):
                    one.page.set_exception(answer)
                else:
                    one.page.set_result(answer)


def _is_plain(body: SearchBody) -> bool:
    """Whether a search is for what looks like one thing, and says nothing else that may take long."""
    one = body.query.id is not None or body.query.upload is not None
    return one and not body.model_dump(exclude={"query", "limit"}, exclude_defaults=True)


def _answered(
    bodies: Sequence[SearchBody], collection: Collection, uploads: Uploads, most: int
) -> list[Answered]:
    """Return the page of each of plain searches of one limit, or what it fails by."""
    if len(bodies) > 1:
        try:
            queries = [
                query
                for body in bodies
                if (query := asked(body.query, collection, uploads, body.features)) is not None
            ]
            found = collection.answer(queries, options_of(bodies[0], first_hits(bodies[0], most)))
            return [_page(body, hits, most) for body, hits in zip(bodies, found, strict=True)]
        except (LookalikeError, ProblemError):
            pass  # one of them fails, and the others need not
    return [_alone(body, collection, uploads, most) for body in bodies]


def _alone(body: SearchBody, collection: Collection, uploads: Uploads, most: int) -> Answered:
    try:
        return find(body, collection, uploads, most)
    except (LookalikeError, ProblemError) as error:
        return error


def _page(body: SearchBody, hits: Hits, most: int) -> Page:
    return page_of(body, lambda _: hits, most)
