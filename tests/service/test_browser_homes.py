"""The page, wherever the collection lives: in a folder, on PostgreSQL and Redis, in a search engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.service.browser import CARDS, DESKTOP, chromium, dragged, launched, opened, served, titles
from tests.service.conftest import make_shop
from tests.service.shop import COUNT, picture
from tests.services.engines import GROUPED, EngineServer
from tests.services.postgres import PostgresServer
from tests.services.redis import RedisServer

if TYPE_CHECKING:
    from playwright.sync_api import Page

in_the_browser = pytest.mark.xdist_group("browser")


@in_the_browser
def test_a_shop_in_a_folder(tmp_path: Path) -> None:
    chromium()
    make_shop(tmp_path / "shop", tmp_path / "files")
    with served(tmp_path / "shop", tmp_path / "cache") as address, shown(address) as page:
        use(page, home="beside the catalogue")


@in_the_browser
def test_a_shop_on_postgresql_and_redis(
    tmp_path: Path, one_postgres: PostgresServer, one_redis: RedisServer
) -> None:
    chromium()
    url, buckets = one_postgres.new_database(), one_redis.url()
    make_shop(url, tmp_path / "files", buckets=buckets)
    with served(url, tmp_path / "cache", LOOKALIKE_BUCKETS=buckets) as address, shown(address) as page:
        use(page, home="redis://")


@pytest.mark.parametrize("engine_server", GROUPED[:1], indirect=True)
def test_a_shop_in_a_search_engine(tmp_path: Path, engine_server: EngineServer) -> None:
    chromium()
    make_shop(tmp_path / "shop", tmp_path / "files", engine=engine_server.url)
    with served(tmp_path / "shop", tmp_path / "cache") as address, shown(address) as page:
        use(page, home=engine_server.url)


@contextmanager
def shown(address: str) -> Iterator[Page]:
    with launched() as browser:
        yield from opened(browser, address, DESKTOP)


def use(page: Page, *, home: str) -> None:
    """Do what a person does: drop a picture, ask why, filter, say words, share the address, look at the collection."""
    assert page.locator("h1").inner_text() == f"{COUNT} sources"
    data = dragged(page, picture(4))
    page.dispatch_event("body", "dragover", {"dataTransfer": data})
    page.dispatch_event("body", "drop", {"dataTransfer": data})
    page.wait_for_url("**/?upload=*")
    assert titles(page)[0] == "Green hat number 4"
    assert page.locator(".figures").first.inner_text() == "0.000"
    assert not page.locator("main .note").count()

    page.locator(f"{CARDS} .title").nth(2).click()
    panel = page.locator("#panel")
    panel.get_by_text("It is hit 3").wait_for()
    assert "look" in panel.locator("table").inner_text()
    page.keyboard.press("Escape")

    colours = page.get_by_role("complementary").locator("section", has_text="colour")
    colours.get_by_role("link", name="red").click()
    page.wait_for_url("**where=*")
    assert {title.split()[0] for title in titles(page)} == {"Red"}
    page.get_by_role("searchbox").fill("hat")
    page.get_by_role("searchbox").press("Enter")
    page.wait_for_url("**text=hat*")
    narrowed = titles(page)
    assert len(narrowed) == COUNT // 9
    assert {title.rpartition(" number")[0] for title in narrowed} == {"Red hat"}
    assert "words" in page.locator(".figures").first.inner_text()

    address = page.url
    page.goto("/")
    page.goto(address)
    assert titles(page) == narrowed

    page.get_by_role("link", name="Collection").click()
    page.get_by_role("heading", name="What is in the collection").wait_for()
    row = page.locator("table", has_text="Home").locator("tbody tr")
    assert home in row.inner_text()
    assert "well" in row.inner_text()
