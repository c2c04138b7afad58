"""A Dask cluster on loopback, whose scheduler and workers are processes that a test may kill."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

SECONDS = 60.0

needed = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None,
    reason="Dask is not installed: pip install 'lookalike[dask]'",
)


class DaskCluster:
    """A scheduler, and workers of one thread each, without nannies: one that is killed is gone."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
        self._file = folder / "scheduler.json"
        self.scheduler = self._started("scheduler", "--port", "0")
        deadline = time.monotonic() + SECONDS
        while not self._file.exists() or not self._file.read_text():
            assert self.scheduler.poll() is None, "the scheduler has ended"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        self.url = str(json.loads(self._file.read_text())["address"]).replace("tcp://", "dask://")
        self.workers: list[subprocess.Popen[bytes]] = []

    def start_workers(self, count: int) -> None:
        """Start workers; they come when they come."""
        for _ in range(count):
            options = ["--nthreads", "1", "--no-nanny", "--local-directory", str(self._folder)]
            self.workers.append(self._started("worker", *options))

    def kill_workers(self) -> None:
        """Kill all workers."""
        for worker in self.workers:
            worker.kill()
            worker.wait()

    def kill(self) -> None:
        """Kill everything."""
        self.kill_workers()
        self.scheduler.kill()
        self.scheduler.wait()

    def _started(self, program: str, *options: str) -> subprocess.Popen[bytes]:
        usual = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(self._file)]
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{program}", *usual, *options],
            env=self._environment,
            stderr=subprocess.DEVNULL,
        )


@contextmanager
def cluster(
    folder: Path, workers: int = 2, environment: Mapping[str, str] | None = None
) -> Iterator[DaskCluster]:
    """Give a cluster, which has ended afterwards."""
    folder.mkdir(exist_ok=True)
    started = DaskCluster(folder, environment or {})
    try:
        started.start_workers(workers)
        yield started
    finally:
        started.kill()
