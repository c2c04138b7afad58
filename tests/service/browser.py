"""A served shop and a browser: the system's Chromium, by Playwright."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

REQUIRED = os.environ.get("LOOKALIKE_REQUIRE_SERVICES") == "1"
NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str:
    """Return the browser's path; the test is skipped where there is none, or fails where services are required."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    try:
        import playwright  # noqa: F401
    except ImportError:
        found = None
    if found is None:
        told = "needs Chromium (Debian: apt install chromium) and pip install playwright"
        if REQUIRED:
            pytest.fail(told)
        pytest.skip(told)
    return found


class Served(str):
    """The address of a service."""

    process: int
    """That serves."""


@contextmanager
def served(
    folder: Path | str, cache: Path, *options: str, log: IO[str] | None = None, **environment: str
) -> Iterator[Served]:
    """Run `lookalike serve` at a free port, and give its address; it writes its log to `log`."""
    command = [
        sys.executable,
        "-m",
        "lookalike",
        "serve",
        "-c",
        str(folder),
        "--port",
        "0",
        "--cache",
        str(cache),
    ]
    with subprocess.Popen(
        [*command, *options], stdout=log, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    ) as process:
        try:
            assert process.stderr is not None
            told = process.stderr.readline()
            found = re.search(r"http://\S+", told)
            assert found is not None, told + process.stderr.read()
            address = Served(found[0])
            address.process = process.pid
            yield address
        finally:
            process.terminate()
            process.wait(30)
