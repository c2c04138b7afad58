"""The page where the service fetches URLs: the address of a picture as a query, and pictures that lie elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.service.browser import CARDS, DESKTOP, chromium, launched, opened, titles
from tests.service.conftest import make_shop
from tests.service.in_thread import serving
from tests.service.museum import Museum, opened_museum
from tests.service.test_iiif import fetcher_to

from lookalike import Client
from lookalike.service.app import make_app
from lookalike.service.settings import Settings

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
def museum() -> Iterator[Museum]:
    with opened_museum() as server:
        yield server


@pytest.fixture
def address(tmp_path: Path, museum: Museum) -> Iterator[str]:
    chromium()
    make_shop(tmp_path / "shop", tmp_path / "files", count=12)
    app = make_app(Settings(collection=str(tmp_path / "shop"), cache=tmp_path / "cache", fetch_urls=True))
    app.state.fetcher = fetcher_to(museum)
    with serving(app) as found, Client(found) as client:
        told = [{"url": museum.url(f"3-2.{n}"), "metadata": {"title": f"Painting {n}"}} for n in range(4)]
        client._finished(client._transport.send("POST", "/api/v1/sources/iiif", json={"pictures": told}))
        yield found


@pytest.fixture
def page(address: str) -> Iterator[Page]:
    with launched() as browser:
        yield from opened(browser, address, DESKTOP)


def test_the_address_of_a_picture_is_searched_by(page: Page, museum: Museum) -> None:
    page.get_by_role("searchbox").fill(f"{museum.url('3-2.2')}/full/!500,500/0/default.jpg")
    page.get_by_role("searchbox").press("Enter")
    page.wait_for_url("**/?upload=*")
    assert titles(page)[0] == "Painting 2"


def test_an_address_that_is_dragged_from_another_page_is_searched_by(page: Page, museum: Museum) -> None:
    data = page.evaluate_handle(
        """(url) => {
            const data = new DataTransfer();
            data.setData("text/uri-list", url);
            return data;
        }""",
        f"{museum.url('3-2.1')}/full/!500,500/0/default.jpg",
    )
    page.dispatch_event("body", "drop", {"dataTransfer": data})
    page.wait_for_url("**/?upload=*")
    assert titles(page)[0] == "Painting 1"


def test_words_are_words(page: Page) -> None:
    page.get_by_role("searchbox").fill("painting")
    page.get_by_role("searchbox").press("Enter")
    page.wait_for_url("**text=painting*")
    assert len(titles(page)) == 4


def test_a_picture_that_lies_elsewhere_is_shown_from_here_and_leads_there(page: Page, museum: Museum) -> None:
    page.goto("/?text=painting")
    museum.is_closed = True  # everything that is seen comes from this origin
    pictures = page.locator(f"{CARDS} .picture img")
    widths = pictures.evaluate_all(
        "(all) => Promise.all(all.map((one) => one.decode().then(() => one.naturalWidth)))"
    )
    assert widths == [320] * 4
    page.locator(f"{CARDS} .title").first.click()
    link = page.locator("#panel").get_by_role("link", name="Original at museum.test")
    assert link.get_attribute("rel") == "noreferrer"
    assert str(link.get_attribute("href")).startswith(f"{museum.url('3-2')}.")
    page.keyboard.press("Escape")
    page.locator(f"{CARDS} .picture").first.click()
    page.wait_for_url("**/?id=*")
    page.get_by_role("button", name="Crop").click()
    page.get_by_role("button", name="Search by this region").click()
    page.wait_for_url("**/?upload=*")
    assert titles(page)[0].startswith("Painting")
