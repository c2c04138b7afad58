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
from typing import IO, TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

REQUIRED = os.environ.get("LOOKALIKE_REQUIRE_SERVICES") == "1"
DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 800}
CARDS = "#grid .card"
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


@contextmanager
def launched() -> Iterator[Browser]:
    """Run the browser."""
    path = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def opened(browser: Browser, address: str, size: dict[str, int]) -> Iterator[Page]:
    """Open a page, for a fixture; its test fails where the console told an error, or it asked another origin."""
    context = browser.new_context(viewport=size, base_url=address, accept_downloads=True)  # type: ignore[arg-type]
    page = context.new_page()
    told: list[str] = []
    page.on(
        "console", lambda message: told.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: told.append(str(error)))
    elsewhere: list[str] = []
    page.on("request", lambda asked: elsewhere.append(asked.url) if not own(asked.url, address) else None)
    page.goto("/")
    yield page
    context.close()
    assert not told
    assert not elsewhere


def own(url: str, address: str) -> bool:
    return url.startswith((address, "blob:", "data:"))


def titles(page: Page) -> list[str]:
    """Return the titles of the pictures that a page shows."""
    return page.locator(f"{CARDS} .title").all_inner_texts()


def dragged(page: Page, data: bytes) -> Any:
    """Return a picture as the browser has it that is dragged over the page."""
    return page.evaluate_handle(
        """(bytes) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "mine.png", { type: "image/png" }));
            return data;
        }""",
        list(data),
    )
