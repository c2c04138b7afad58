"""Worker processes that outlive a picture that kills one of them.

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
from collections.abc import Sequence
from concurrent.futures import Future
from multiprocessing import spawn
from typing import IO, Any, cast

import numpy as np

from lookalike import errors
from lookalike.errors import FeatureError, PictureError
from lookalike.features.batch import Extracted
from lookalike.features.registry import FeatureSpec
from lookalike.features.worker_protocol import read_frame, write_frame

Results = list[Extracted | PictureError]
Pictures = Sequence[tuple[str, bytes]]

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


class _WorkerDiedError(Exception):
    """The process ended amid its work; says how."""


class Batch:
    """Pictures, as (name, bytes), on their way through a worker."""

    def __init__(self, pictures: Pictures) -> None:
        self.pictures = pictures
        self.size = sum(len(data) for _, data in pictures)
        self.results: Future[Results] = Future()


class WorkerPool:
    """Up to `jobs` workers, started as batches come in; a context manager, which kills them when it is left."""

    def __init__(self, specs: Sequence[FeatureSpec], *, jobs: int, max_pixels: int) -> None:
        self.setup = {"extractors": [spec.to_json() for spec in specs], "max_pixels": max_pixels}
        self.batches: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self.closed = False
        self.lock = threading.Lock()
        self._jobs = jobs
        self._attendants: list[_Attendant] = []

    def submit(self, pictures: Pictures) -> Batch:
        """Queue a batch."""
        batch = Batch(pictures)
        self.batches.put(batch)
        if len(self._attendants) < self._jobs:
            self._attendants.append(_Attendant(self))
            self._attendants[-1].start()
        return batch

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *exception: object) -> None:
        with self.lock:
            self.closed = True
            for attendant in self._attendants:
                if attendant.process is not None:
                    attendant.process.kill()
        for _ in self._attendants:
            self.batches.put(None)
        for attendant in self._attendants:
            attendant.join()


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
                except _WorkerDiedError:
                    self._discard()
                    self._again.extend(list(self._given)[1:])
                    self._given = deque([batch])
                    results = self._one_by_one(batch.pictures)
                self._given.popleft()
                batch.results.set_result(results)
        except BaseException as error:
            for batch in (*self._given, *self._again):
                batch.results.set_exception(error)
        finally:
            self._discard()

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
            if batch is None or self._pool.closed:
                return False
            self._given.append(batch)
            with contextlib.suppress(_WorkerDiedError):  # `receive` finds it dead, too
                self._worker().send(batch.pictures)
        return True

    def _one_by_one(self, pictures: Pictures) -> Results:
        """Find out which of the pictures kills its worker."""
        results: Results = []
        for picture in pictures:
            try:
                self._worker().send([picture])
                results += self._worker().receive([picture])
                self._deaths = 0
            except _WorkerDiedError as error:
                self._discard()
                self._deaths += 1
                if self._pool.closed or self._deaths == _DEATHS_IN_A_ROW:
                    raise FeatureError(
                        f"worker processes die one after another (the last {error}); if memory is short, use "
                        "fewer jobs"
                    ) from None
                results.append(PictureError(picture[0], f"the decoder crashed on it ({error})"))
        return results

    def _worker(self) -> _Process:
        if self.process is None:
            with self._pool.lock:  # so that none starts unseen while the pool is being closed
                if self._pool.closed:
                    raise FeatureError("the pool of workers is closed")
                self.process = _Process()
            self.process.set_up(self._pool.setup)
        return self.process

    def _discard(self) -> None:
        if self.process is not None:
            with self._pool.lock:
                process, self.process = self.process, None
            process.discard()


class _Process:
    """One worker process and its two pipes."""

    def __init__(self) -> None:
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

    def set_up(self, setup: dict[str, Any]) -> None:
        try:
            self._write(setup)
            self._read()
        except _WorkerDiedError as error:
            raise FeatureError(f"worker processes do not start ({error}); use one job") from None

    def send(self, pictures: Pictures) -> None:
        self._write(
            {"pictures": [[name, len(data)] for name, data in pictures]}, [data for _, data in pictures]
        )

    def receive(self, pictures: Pictures) -> Results:
        header, body = self._read()
        described = header["pictures"]
        extracted = [one for one in described if isinstance(one, list)]
        matrices, start = {}, 0
        for feature, dimension in header["features"]:
            stop = start + 4 * dimension * len(extracted)
            matrices[feature] = np.frombuffer(body[start:stop], dtype="<f4").reshape(
                len(extracted), dimension
            )
            start = stop
        results: Results = []
        row = 0
        for (name, _), one in zip(pictures, described, strict=True):
            if isinstance(one, dict):
                results.append(getattr(errors, one["kind"])(name, one["reason"]))
            else:
                width, height, picture_format = one
                vectors = {feature: matrix[row] for feature, matrix in matrices.items()}
                results.append(Extracted(width, height, picture_format, vectors))
                row += 1
        return results

    def kill(self) -> None:
        self._popen.kill()

    def discard(self) -> None:
        """Kill, and release what the process held."""
        self._popen.kill()
        self._popen.wait()
        for pipe in (self._to, self._from):
            with contextlib.suppress(OSError):
                pipe.close()

    def _write(self, header: dict[str, Any], parts: Sequence[bytes] = ()) -> None:
        try:
            write_frame(self._to, header, parts)
        except OSError:
            raise _WorkerDiedError(self._how()) from None

    def _read(self) -> tuple[dict[str, Any], memoryview]:
        try:
            header, body = read_frame(self._from)
        except (EOFError, OSError):
            raise _WorkerDiedError(self._how()) from None
        if "message" in header:
            raise getattr(errors, header["kind"], FeatureError)(header["message"])
        return header, body

    def _how(self) -> str:
        status = self._popen.wait()
        try:
            return f"ended by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        except ValueError:
            return f"ended by signal {-status}"
