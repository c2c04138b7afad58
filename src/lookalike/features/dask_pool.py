"""Extraction on other machines, by the workers of a Dask cluster (extra `dask`).

Pictures travel as bytes within the tasks, which the scheduler keeps until they are done: a worker that dies costs
nothing, as Dask gives its tasks to another. What workers run is `lookalike.features.dask_worker`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import io
import logging
import pkgutil
import threading
from collections.abc import Collection, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, Self, TypeVar

import dask
from distributed import Client, KilledWorker

from lookalike import __version__, errors
from lookalike.errors import (
    ClusterError,
    ClusterUnavailableError,
    FeatureError,
    PictureError,
)
from lookalike.features import dask_worker
from lookalike.features.base import Extractor
from lookalike.features.registry import FeatureSpec
from lookalike.features.time_limit import Pictures, Results
from lookalike.features.worker_protocol import read_frame, write_frame
from lookalike.features.worker_results import decoded

CONNECT_SECONDS = 15.0
"""A scheduler that does not answer for so long is not there."""

ALONE_SECONDS = 60.0
"""A cluster that has had no worker for so long is lost."""

_POLL_SECONDS = 2.0
_LOSSES_IN_A_ROW = 10  # pictures on which workers die one after another, after which the fault is not theirs
_WARN_AT = "distributed.admin.large-graph-warning-threshold"
_AGAIN = "what was added is kept; run the command again to go on"

T = TypeVar("T")


class _OtherThreads(logging.Filter):
    """Leaves out what one thread logs, with all loggers of Dask and of Tornado, on which it is built."""

    def __init__(self, thread: threading.Thread) -> None:
        super().__init__()
        self._thread = thread
        names = [
            name for name in logging.root.manager.loggerDict if name.startswith(("distributed", "tornado"))
        ]
        self._loggers = [logging.getLogger(name) for name in names]

    def filter(self, record: logging.LogRecord) -> bool:
        """See `logging.Filter`."""
        return record.thread != self._thread.ident

    def attach(self) -> None:
        """Begin to leave it out."""
        for logger in self._loggers:
            logger.addFilter(self)

    def detach(self) -> None:
        """Let it through again."""
        for logger in self._loggers:
            logger.removeFilter(self)


class DaskPool:
    """An `ExtractionPool` of all workers that a Dask scheduler has, also of those that come later.

    Everything of Dask happens in one thread with an event loop of its own. A scheduler that is lost is told of by the
    error, once: what Dask logs in that thread, with tracebacks of connections that are tried again, is left out, and
    so are errors that its tasks leave behind.

    Raises:
        ClusterUnavailableError: there is no scheduler, when it is entered.
        ClusterError: scheduler or workers have another version of Lookalike, or none.
    """

    frame_bytes = 0

    def __init__(
        self,
        address: str,
        specs: Mapping[str, FeatureSpec],
        made: Mapping[str, Extractor],
        *,
        max_pixels: int,
        time_limit: float | None,
    ) -> None:
        self.jobs = 1
        self._address = address
        self._run = dask_worker.extract
        self._setup = {
            "extractors": [spec.to_json() for spec in specs.values()],
            "identities": {name: dask_worker.identity(made[name]) for name in specs},
            "max_pixels": max_pixels,
            "time_limit": time_limit,
        }
        self._client: Client = None
        self._losses = 0
        self._failed: ClusterError | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(_handle)
        self._thread = threading.Thread(target=self._loop.run_forever, name="lookalike-cluster", daemon=True)
        self._log = _OtherThreads(self._thread)

    def submit(self, pictures: Pictures, wanted: Sequence[Collection[str]]) -> Future[Results]:
        """Send pictures, as (name, bytes), with the features that are wanted of each."""
        results: Future[Results] = Future()
        self._loop.call_soon_threadsafe(self._start, self._extracted(pictures, wanted), results)
        return results

    def __enter__(self) -> Self:
        self._log.attach()
        self._thread.start()
        try:
            self._wait(self._connect())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self._wait(self._close())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            self._log.detach()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _start(self, work: Coroutine[Any, Any, T], outcome: Future[T] | None = None) -> None:
        """Begin with some work, and tell `outcome` what comes of it."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if outcome is not None:
            task.add_done_callback(partial(self._tell, outcome))

    def _tell(self, outcome: Future[T], task: asyncio.Task[T]) -> None:
        if task.cancelled():
            outcome.set_exception(self._failed or FeatureError("the pool on the cluster is closed"))
        elif (error := task.exception()) is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(task.result())

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                self._client = Client(
                    self._address,
                    asynchronous=True,
                    set_as_default=False,
                    name="lookalike",
                    timeout=CONNECT_SECONDS,
                )
                await self._client
                await self._check_version(self._client)
                await self._count(self._client)
        except (OSError, TimeoutError) as error:
            raise ClusterUnavailableError(
                f"there is no Dask scheduler that answers at {self._address} "
                f"({_line(error) or f'waited {CONNECT_SECONDS:g} s'}); start one, or check the address"
            ) from None
        self._start(self._watch(self._client))

    async def _close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_SECONDS):
                    await self._client.close()

    async def _check_version(self, client: Client) -> None:
        """Ask the scheduler, which reads tasks too, what Lookalike it has. Workers look at the version in each task."""
        found: Any
        try:
            found = await client.run_on_scheduler(pkgutil.resolve_name, "lookalike:__version__")
        except ImportError as error:
            found = error
        if found != __version__:
            what = f"Lookalike {found}" if isinstance(found, str) else f"no Lookalike ({_line(found)})"
            raise ClusterError(
                f"the Dask scheduler {self._address} has {what}, and this is {__version__}; install the same version "
                "there, and with its workers"
            )

    async def _count(self, client: Client) -> bool:
        """Learn how many threads the workers have; whether there are any."""
        threads = sum((await client.nthreads()).values())
        self.jobs = max(1, threads)
        return bool(threads)

    async def _watch(self, client: Client) -> None:
        """End the run once the scheduler does not answer, or has had no workers for long."""
        alone_since: float | None = None
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    has_workers = await self._count(client)
            except Exception as error:  # Dask has many kinds of its own
                return self._lose(
                    f"the Dask scheduler {self._address} does not answer any more ({_line(error)})"
                )
            now = self._loop.time()
            alone_since = None if has_workers else alone_since or now
            if alone_since is not None and now - alone_since >= ALONE_SECONDS:
                return self._lose(
                    f"the Dask scheduler {self._address} has had no workers for {ALONE_SECONDS:g} s"
                )

    def _lose(self, why: str) -> None:
        self._failed = self._failed or ClusterUnavailableError(f"{why}; {_AGAIN}")
        for task in self._tasks - {asyncio.current_task(self._loop)}:
            task.cancel()

    async def _extracted(self, pictures: Pictures, wanted: Sequence[Collection[str]]) -> Results:
        try:
            results = await self._answer(pictures, wanted)
        except KilledWorker:
            if len(pictures) > 1:
                return [
                    result
                    for picture, features in zip(pictures, wanted, strict=True)
                    for result in await self._extracted([picture], [features])
                ]
            self._losses += 1
            if self._losses == _LOSSES_IN_A_ROW:
                raise ClusterError(
                    f"workers of {self._address} die one after another; look at their logs, and give them more "
                    f"memory or fewer threads; {_AGAIN}"
                ) from None
            return [PictureError(pictures[0][0], "the decoder crashed on it (workers of the cluster died)")]
        self._losses = 0
        return results

    async def _answer(self, pictures: Pictures, wanted: Sequence[Collection[str]]) -> Results:
        """Have a batch extracted by one task.

        Raises:
            KilledWorker: several workers, one after another, died with it.
        """
        if self._failed is not None:
            raise self._failed
        described = [[name, list(features)] for (name, _), features in zip(pictures, wanted, strict=True)]
        task = io.BytesIO()
        write_frame(
            task,
            {"version": __version__, "setup": self._setup, "pictures": described},
            [data for _, data in pictures],
        )
        assert self._client is not None
        future: Any = None
        try:
            with dask.config.set({_WARN_AT: "1 TiB"}):  # Dask means data that is sent with every task
                future = self._client.submit(self._run, task.getvalue(), pure=False)
            del task
            answer = await future
        except KilledWorker:
            raise
        except Exception as error:
            # A client that is closed takes nothing. Dask cancels what was under way, by an error that is not asyncio's;
            # what was done is not to be had.
            cancelled = future is None or isinstance(error, concurrent.futures.CancelledError)
            if cancelled or (isinstance(error, OSError) and future.status != "error"):
                self._lose(f"the connection to the Dask scheduler {self._address} was lost")
                assert self._failed is not None
                raise self._failed from None
            raise ClusterError(
                f"a task fails on the cluster {self._address} ({type(error).__name__}: {_line(error)}); {_AGAIN}"
            ) from None
        header, parts = read_frame(io.BytesIO(answer))
        if "message" in header:
            raise getattr(errors, header["kind"], FeatureError)(header["message"])
        return decoded([name for name, _ in pictures], header, parts)


def _handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what goes wrong in an event loop, but for tasks that nobody waits for: ours are told of, those are Dask's."""
    if not {"future", "task"} & context.keys():
        loop.default_exception_handler(context)


def _line(error: object) -> str:
    """Return what an error says, in one line."""
    return " ".join(str(error).split())
