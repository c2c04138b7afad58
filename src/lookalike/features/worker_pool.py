"""Worker processes that outlive a picture that kills one of them, or takes too long.

Workers are plain subprocesses that run `lookalike.features.worker`, not those of `multiprocessing`: a worker never
imports the main module of the program that uses Lookalike (so a script without a main guard, a notebook and standard
input all work), nothing is pickled, and a worker ends by itself when its input pipe closes, however the parent ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from multiprocessing import spawn
from typing import IO, Any, cast

from lookalike import errors
from lookalike.errors import FeatureError, PictureError
from lookalike.features.framing import Framer
from lookalike.features.registry import FeatureSpec
from lookalike.features.time_limit import Clock, Pictures, Results, poll_seconds, too_slow
from lookalike.features.worker_protocol import read_frame, write_frame
from lookalike.features.worker_results import decoded

_DEATHS_IN_A_ROW = (
    10  # pictures that kill their worker one after another, after which the fault is not theirs
)
_AT_ONCE = 2  # batches a worker is given: one that it works on and one to go on with
_START = (
    "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); import json, sys; "
    "sys.path[:] = json.loads(sys.argv[1]); from lookalike.features.worker import main; main()"
)
_ONE_THREAD = {
    f"{library}_THREADS": "1"
    for library in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "VECLIB_MAXIMUM", "NUMBA_NUM")
}


def can_start_workers() -> bool:
    """Whether this interpreter can be started again; an application frozen into one file cannot."""
    return bool(spawn.get_executable()) and not getattr(sys, "frozen", False)


def _closed() -> FeatureError:
    return FeatureError("the pool of workers is closed")


class _WorkerDiedError(Exception):
    """The process ended amid its work; says how."""


class _TooSlowError(_WorkerDiedError):
    """The process was ended since the pictures at `places` of its batch took too long."""

    def __init__(self, places: Sequence[int]) -> None:
        super().__init__("ended for its slowness")
        self.places = places


class Batch:
    """Pictures, as (name, bytes), on their way through a worker, and the features that are wanted of each."""

    def __init__(self, pictures: Pictures, wanted: Sequence[Collection[str]]) -> None:
        self.pictures = pictures
        self.wanted = wanted
        self.size = sum(len(data) for _, data in pictures)
        self.results: Future[Results] = Future()

    def each(self) -> Iterator[Batch]:
        """Yield a batch for each picture."""
        for picture, wanted in zip(self.pictures, self.wanted, strict=True):
            yield Batch([picture], [wanted])

    def finish(self, results: Results) -> None:
        """Give the results, and let go of the pictures."""
        self.pictures = ()
        self.results.set_result(results)


class WorkerPool:
    """Up to `jobs` workers, started as batches come in; a context manager, which kills them when it is left.

    A worker is ended, too, once a picture has taken longer than `time_limit` seconds. Of the features that have one of
    the `framers`, workers give frames.
    """

    def __init__(
        self,
        specs: Sequence[FeatureSpec],
        *,
        jobs: int,
        max_pixels: int,
        time_limit: float | None = None,
        framers: Mapping[str, Framer] | None = None,
    ) -> None:
        self.setup = {
            "extractors": [spec.to_json() for spec in specs],
            "framers": {feature: framer.to_json() for feature, framer in (framers or {}).items()},
            "max_pixels": max_pixels,
        }
        self.batches: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self.closed = False
        self.lock = threading.Lock()
        self.time_limit = time_limit
        self._jobs = jobs
        self._attendants: list[_Attendant] = []
        self._ended = threading.Event()
        self._submitting = threading.Lock()
        self._is_watched = False

    def submit(self, pictures: Pictures, wanted: Sequence[Collection[str]]) -> Batch:
        """Queue a batch."""
        batch = Batch(pictures, wanted)
        with self._submitting:
            if self.closed:
                raise _closed()
            self.batches.put(batch)
            if self.time_limit is not None and not self._is_watched:
                self._is_watched = True
                threading.Thread(target=self._watch, args=(self.time_limit,), daemon=True).start()
            with self.lock:
                self._attendants = [one for one in self._attendants if one.is_alive()]
                idle = len(self._attendants) < self._jobs
            if idle:
                attendant = _Attendant(self)
                with self.lock:
                    self._attendants.append(attendant)
                attendant.start()
        return batch

    def _watch(self, limit: float) -> None:
        while not self._ended.wait(poll_seconds(limit)):
            with self.lock:
                processes = [attendant.process for attendant in self._attendants]
            for process in processes:
                if process is not None:
                    process.end_if_overdue()

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        with self._submitting, self.lock:
            self.closed = True
            for attendant in self._attendants:
                if attendant.process is not None:
                    attendant.process.kill()
        for _ in self._attendants:
            self.batches.put(None)
        for attendant in self._attendants:
            attendant.join()
        while True:  # what nobody took
            try:
                batch = self.batches.get(block=False)
            except queue.Empty:
                return
            if batch is not None:
                batch.results.set_exception(_closed())


class _Attendant(threading.Thread):
    """A thread that feeds one worker process and starts another when it dies."""

    def __init__(self, pool: WorkerPool) -> None:
        super().__init__(name="lookalike-extraction", daemon=True)
        self.process: _Process | None = None
        self._pool = pool
        self._given: deque[Batch] = deque()  # to the process, in this order
        self._again: deque[Batch] = deque()  # were given to a process that died on another
        self._deaths = 0

    def run(self) -> None:
        try:
            while self._give():
                batch = self._given[0]
                try:
                    results = self._worker().receive(batch.pictures)
                    self._deaths = 0
                except _WorkerDiedError as error:
                    self._discard()
                    self._again.extend(list(self._given)[1:])
                    self._given = deque([batch])
                    slow = error.places if isinstance(error, _TooSlowError) else ()
                    results = self._one_by_one(batch, slow if len(slow) == 1 else ())
                self._given.popleft()
                batch.finish(results)
            failed: BaseException = _closed()
        except BaseException as error:
            failed = error
        finally:
            self._discard()
        for batch in (*self._given, *self._again):  # whoever waits for them would wait for ever
            batch.results.set_exception(failed)

    def _give(self) -> bool:
        """Hand batches to the worker until it has enough; False when the pool is closed."""
        while len(self._given) < _AT_ONCE:
            if self._again:
                batch: Batch | None = self._again.popleft()
            else:
                try:
                    batch = self._pool.batches.get(block=not self._given)
                except queue.Empty:
                    break
            if batch is None:
                return False
            if self._pool.closed:
                batch.results.set_exception(_closed())
                return False
            self._given.append(batch)
            with contextlib.suppress(_WorkerDiedError):  # `receive` finds it dead, too
                self._worker().send(batch)
        return True

    def _one_by_one(self, batch: Batch, slow: Sequence[int]) -> Results:
        """Find out which of the pictures kills its worker or takes too long; those at `slow` are known to."""
        results: Results = []
        for place, one in enumerate(batch.each()):
            ((name, _),) = one.pictures
            if place in slow:
                results.append(too_slow(name, self._pool.time_limit))
                continue
            try:
                self._worker().send(one)
                results += self._worker().receive(one.pictures)
                self._deaths = 0
            except _TooSlowError:
                self._discard()
                results.append(too_slow(name, self._pool.time_limit))
            except _WorkerDiedError as error:
                self._discard()
                self._deaths += 1
                if self._pool.closed or self._deaths == _DEATHS_IN_A_ROW:
                    raise FeatureError(
                        f"worker processes die one after another (the last {error}); if memory is short, use "
                        "fewer jobs"
                    ) from None
                results.append(PictureError(name, f"the decoder crashed on it ({error})"))
        return results

    def _worker(self) -> _Process:
        if self.process is None:
            with self._pool.lock:  # so that none starts unseen while the pool is being closed
                if self._pool.closed:
                    raise _closed()
                self.process = _Process(self._pool.time_limit)
            self.process.set_up(self._pool.setup)
        return self.process

    def _discard(self) -> None:
        if self.process is not None:
            with self._pool.lock:
                process, self.process = self.process, None
            process.discard()


class _Process:
    """One worker process, its two pipes, and a thread that reads what it says."""

    def __init__(self, time_limit: float | None) -> None:
        path = json.dumps([entry for entry in sys.path if isinstance(entry, str)])
        self._popen = subprocess.Popen(
            [os.fsdecode(spawn.get_executable()), "-P", "-c", _START, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # libtiff and others write there about damaged pictures
            env=os.environ | _ONE_THREAD,
        )
        self._to = cast(IO[bytes], self._popen.stdin)
        self._from = cast(IO[bytes], self._popen.stdout)
        self._replies: queue.SimpleQueue[tuple[dict[str, Any], list[bytes]] | None] = queue.SimpleQueue()
        self._clock = Clock(time_limit)
        self._slow: Sequence[int] = ()
        # Not read by the thread that sends: a worker that hangs reads nothing, and would let that one wait.
        self._reader = threading.Thread(target=self._listen, name="lookalike-extraction-reader", daemon=True)
        self._reader.start()

    def set_up(self, setup: dict[str, Any]) -> None:
        try:
            self._write(setup)
            self._reply()
        except _WorkerDiedError as error:
            raise FeatureError(f"worker processes do not start ({error}); use one job") from None

    def send(self, batch: Batch) -> None:
        described = [
            [name, list(wanted)] for (name, _), wanted in zip(batch.pictures, batch.wanted, strict=True)
        ]
        self._write({"pictures": described}, [data for _, data in batch.pictures])

    def receive(self, pictures: Pictures) -> Results:
        return decoded([name for name, _ in pictures], *self._reply())

    def kill(self) -> None:
        self._popen.kill()

    def end_if_overdue(self) -> None:
        """Kill the process if it has been at a picture for too long."""
        if slow := self._clock.overdue():
            self._slow = slow
            self._popen.kill()

    def discard(self) -> None:
        """Kill, and release what the process held."""
        self._popen.kill()
        self._popen.wait()
        self._reader.join()
        for pipe in (self._to, self._from):
            with contextlib.suppress(OSError):
                pipe.close()

    def _listen(self) -> None:
        try:
            while True:
                header, parts = read_frame(self._from)
                if "at" in header:
                    self._clock.at(header["at"])
                else:
                    self._clock.stop()
                    self._replies.put((header, parts))
        except (EOFError, OSError):
            self._clock.stop()
            self._replies.put(None)

    def _write(self, header: dict[str, Any], parts: Sequence[bytes] = ()) -> None:
        try:
            write_frame(self._to, header, parts)
        except OSError:
            raise self._death() from None

    def _reply(self) -> tuple[dict[str, Any], list[bytes]]:
        reply = self._replies.get()
        if reply is None:
            self._replies.put(None)
            raise self._death()
        header, parts = reply
        if "message" in header:
            raise getattr(errors, header["kind"], FeatureError)(header["message"])
        return header, parts

    def _death(self) -> _WorkerDiedError:
        status = self._popen.wait()
        if self._slow:
            return _TooSlowError(self._slow)
        try:
            return _WorkerDiedError(
                f"ended by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
            )
        except ValueError:
            return _WorkerDiedError(f"ended by signal {-status}")
