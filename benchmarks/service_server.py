"""Services that are measured, each in a process of its own on this machine's loopback.

`python -m benchmarks.service_server PORT` serves the bare one: one route of FastAPI, which answers a constant, run as
`lookalike serve` runs its own.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Service:
    """A service that runs."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def resident(self) -> tuple[int, int]:
        """Return the bytes of memory that the process has which answers, and those that it started with it."""
        own, *others = (pages * os.sysconf("SC_PAGE_SIZE") for pages, _ in self._used())
        return own, own + sum(others)

    def processor_seconds(self) -> float:
        """Return the processor time that its processes have used."""
        return sum(ticks for _, ticks in self._used()) / os.sysconf("SC_CLK_TCK")

    def milliseconds(self, since: int = 0) -> dict[str, list[float]]:
        """Return what requests took by the service's own log, by route, of those that were answered with 2xx.

        Args:
            since: where to begin to read the log, a number of bytes.
        """
        found: dict[str, list[float]] = defaultdict(list)
        with self.log.open("rb") as lines:
            lines.seek(since)
            for line in lines:
                if line.startswith(b"{"):
                    told = json.loads(line)
                    if told["message"] == "request" and told["status"] // 100 == 2:
                        found[told["route"]].append(told["ms"])
        return found

    def _used(self) -> Iterator[tuple[int, int]]:
        """Yield pages of memory and ticks of processor time of each process, those that it started included."""
        found = [self.process.pid]
        for one in found:
            with suppress(FileNotFoundError, ProcessLookupError):  # it, or a thread of it, has just ended
                place = Path(f"/proc/{one}")
                told = (place / "stat").read_text().rpartition(")")[2].split()
                yield int((place / "statm").read_text().split()[1]), int(told[11]) + int(told[12])
                for thread in (place / "task").iterdir():
                    with suppress(FileNotFoundError, ProcessLookupError):
                        found += map(int, (thread / "children").read_text().split())


@contextmanager
def serving(collection: Path, folder: Path, *options: str) -> Iterator[Service]:
    """Run `lookalike serve`, with its cache and its log in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    command = ["lookalike", "serve", "-c", str(collection), "--port", str(port)]
    with _running(
        [*command, "--cache", str(folder / "cache"), *options], port, "/ready", folder / "log"
    ) as service:
        yield service


@contextmanager
def bare(folder: Path) -> Iterator[Service]:
    """Run one route that answers a constant."""
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    with _running(
        ["benchmarks.service_server", str(port)], port, "/constant", folder / "bare.log"
    ) as service:
        yield service


@contextmanager
def _running(module: Sequence[str], port: int, path: str, log: Path) -> Iterator[Service]:
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", *module], stdout=written, stderr=written, env=dict(os.environ)
        )
    try:
        _wait(process, port, path, log)
        yield Service(port, process, log)
    finally:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.kill()


def _wait(process: subprocess.Popen[bytes], port: int, path: str, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError):
            asking = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
            asking.request("GET", path)
            if asking.getresponse().status == 200:
                return
        time.sleep(0.1)
    raise RuntimeError(f"the service did not start: {log.read_text(encoding='utf-8')[-500:]}")


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
    return port


def main() -> None:
    """Serve a constant."""
    import uvicorn
    from fastapi import FastAPI

    from lookalike.service.server import config_of, listen

    app = FastAPI()

    @app.get("/constant")
    async def constant() -> dict[str, str]:
        return {"status": "ok"}

    with listen("127.0.0.1", int(sys.argv[1])) as listening:
        uvicorn.Server(config_of(app)).run([listening])


if __name__ == "__main__":
    main()
