"""Pictures that lie on the servers of museums: fetched in a bounded size, and not kept but for thumbnails."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import anyio
from starlette.concurrency import run_in_threadpool

from lookalike.catalogue import Source
from lookalike.collection.identity import sha256
from lookalike.collection.report import Event, Listener
from lookalike.errors import PictureError
from lookalike.service.fetch import Fetcher
from lookalike.service.home import Home
from lookalike.service.iiif import IiifPicture, base_of
from lookalike.service.messages import IiifMessage
from lookalike.service.problems import ProblemError
from lookalike.service.settings import Limits
from lookalike.service.thumbnails import Thumbnails
from lookalike.urls import is_web_address

INFO_BYTES = 1 << 20
MOST_AT_ONCE = 4
"""Thumbnails that are fetched for at a time; others wait, without a thread."""
TOGETHER = 16
"""Pictures that are added together."""
TOGETHER_BYTES = 64 << 20
TRIES, PAUSE = 30, 2.0
"""Times that a picture is asked for while as many are fetched as may be, and seconds between."""

Fetch = Callable[[str], tuple[str, bytes]]


def place_of(source: Source) -> str | None:
    """Return the URL of a picture that lies on the web, None for others."""
    return next((place.path for place in source.places if is_web_address(place.path)), None)


async def fetched(fetcher: Fetcher, url: str) -> tuple[str, bytes]:
    """Return the URL of a picture in its full size, and what is there in a bounded one. Raises ProblemError."""
    base = base_of(url)
    info = await fetcher.fetch(f"{base}/info.json", accept=b"application/json", most_bytes=INFO_BYTES)
    picture = IiifPicture.read(base, info)
    return picture.whole, await fetcher.fetch(picture.bounded())


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The pictures of a collection that lie on the web."""

    fetcher: Fetcher
    home: Home
    views: Thumbnails
    limits: Limits

    async def thumbnail(self, sha256: str, url: str, side: int) -> bytes:
        """Return a thumbnail that is not kept any more, of a picture as it is on the web now.

        Raises:
            ProblemError, PictureError: it cannot be had.
        """
        async with _fetching():
            data = self.views.kept(sha256, side)
            if data is None:
                _, picture = await fetched(self.fetcher, url)
                await run_in_threadpool(self.home.described, picture)  # in a process, which it may crash
                data = (await run_in_threadpool(self.views.keep, sha256, picture, self.limits.max_pixels))[
                    side
                ]
        return data


class Adding:
    """Adds pictures by their URLs, a few at a time.

    Where the collection is locked, it may be called again: what was fetched is not fetched again.
    """

    def __init__(
        self, pictures: Sequence[IiifMessage], fetch: Fetch, home: Home, views: Thumbnails, limits: Limits
    ) -> None:
        """Take what is to be added; `fetch` does what `fetched` does, and waits for it."""
        self._left = deque(pictures)
        self._fetch, self._home, self._views, self._limits = fetch, home, views, limits
        self._fetched: dict[str, bytes] = {}
        self._metadata: dict[str, Mapping[str, Any]] = {}

    def __call__(self, progress: Listener) -> None:
        """Add what is left. Raises LookalikeError."""
        while self._left or self._fetched:
            self._fetch_some(progress)
            if self._fetched:
                self._add(progress)

    def _fetch_some(self, progress: Listener) -> None:
        while self._left and len(self._fetched) < TOGETHER and self._size() < TOGETHER_BYTES:
            wanted = self._left.popleft()
            try:
                place, data = self._patiently(wanted.url)
            except ProblemError as error:
                progress.event(Event("skipped", wanted.url, reason=error.detail))
                continue
            self._fetched[place] = data
            if wanted.metadata:
                self._metadata[place] = wanted.metadata

    def _patiently(self, url: str) -> tuple[str, bytes]:
        """Fetch, again and again where others fetch too much meanwhile. Raises ProblemError."""
        for _ in range(TRIES):
            try:
                return self._fetch(url)
            except ProblemError as error:
                if error.status != 503:
                    raise
            time.sleep(PAUSE)
        return self._fetch(url)

    def _add(self, progress: Listener) -> None:
        report = self._home.collection().add_fetched(
            self._fetched,
            metadata=self._metadata,
            max_pixels=self._limits.max_pixels,
            time_limit=self._limits.answer_seconds,
            listener=progress,
        )
        skipped = {event.path for event in report.skipped}
        for place, data in self._fetched.items():
            if place not in skipped:
                with suppress(PictureError):
                    self._views.keep(sha256(data), data, self._limits.max_pixels)
        self._fetched.clear()
        self._metadata.clear()

    def _size(self) -> int:
        return sum(map(len, self._fetched.values()))


@cache
def _fetching() -> anyio.CapacityLimiter:
    return anyio.CapacityLimiter(MOST_AT_ONCE)
