"""Take the pictures of the page that README.md shows, into docs/images/page.webp and page-phone.webp.

python -m docs.draw_page

They show the demo's own photographs (`make demo` first), in the browser that the tests use: what looks like its query,
on a desktop in the light; and the collection, shuffled, on a phone in the dark.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from tests.service.browser import chromium, served

if TYPE_CHECKING:
    from playwright.sync_api import Page, ViewportSize

IMAGES = Path(__file__).parent / "images"
COLLECTION, QUERY = Path("demo/collection"), Path("demo/query.jpg")
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 800}
SCALE, QUALITY = 1.5, 78
SEED = 5
"""Of the shuffle that the phone shows."""


def main() -> None:
    """Take both."""
    path = chromium()
    from playwright.sync_api import sync_playwright

    with (
        tempfile.TemporaryDirectory() as cache,
        served(COLLECTION, Path(cache)) as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport=DESKTOP, color_scheme="light", device_scale_factor=SCALE)
        page.goto(address)
        page.set_input_files("input[type=file]", QUERY)
        page.wait_for_url("**upload=**")
        keep(page, "page")
        page = browser.new_page(viewport=PHONE, color_scheme="dark", device_scale_factor=SCALE)
        page.goto(f"{address}/?seed={SEED}")
        keep(page, "page-phone")
        browser.close()


def keep(page: Page, name: str) -> None:
    """Keep what is to be seen, once all pictures are there."""
    page.wait_for_load_state("networkidle")
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        picture.save(IMAGES / f"{name}.webp", quality=QUALITY, method=6)


if __name__ == "__main__":
    main()
