"""The page, used as a person uses it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.service.browser import CARDS, DESKTOP, PHONE, chromium, dragged, launched, opened, served, titles
from tests.service.conftest import make_shop
from tests.service.shop import COUNT, picture

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    chromium()
    folder = tmp_path_factory.mktemp("browser")
    make_shop(folder / "shop", folder / "files")
    with served(folder / "shop", folder / "cache") as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as found:
        yield found


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """Return a page on a desktop; a test fails where its console told an error, or it asked another origin."""
    yield from opened(browser, address, DESKTOP)


@pytest.fixture
def phone(browser: Browser, address: str) -> Iterator[Page]:
    yield from opened(browser, address, PHONE)


def test_it_opens_on_the_collection_and_shuffles(page: Page) -> None:
    assert page.locator("h1").inner_text() == f"{COUNT} sources"
    first = titles(page)
    page.get_by_role("link", name="Shuffle").click()
    page.wait_for_load_state()
    shuffled = titles(page)
    assert shuffled not in ([], first)
    page.go_back()
    assert titles(page) == first
    page.reload()
    assert titles(page) not in (first, shuffled)


def test_more_are_loaded_on_scrolling(page: Page) -> None:
    page.mouse.wheel(0, 20_000)
    page.locator(CARDS).nth(COUNT - 1).wait_for()
    assert len(set(titles(page))) == COUNT
    assert page.locator(".next").count() == 0


def test_a_click_on_a_picture_finds_what_looks_like_it(page: Page) -> None:
    page.goto("/?order=oldest")
    page.locator(f"{CARDS} .picture").first.click()
    page.wait_for_url("**/?id=*")
    assert page.locator("h1").inner_text() == "What looks like this"
    assert "Red shoe number 0" in page.locator(".things").inner_text()
    distances = [float(one) for one in page.locator(".figures").all_inner_texts()]
    assert distances == sorted(distances)
    page.go_back()
    assert "order=oldest" in page.url


def test_a_dropped_picture_is_searched_by(page: Page) -> None:
    data = dragged(page, picture(4))
    page.dispatch_event("body", "dragover", {"dataTransfer": data})
    assert page.locator("#drop").is_visible()
    page.dispatch_event("body", "drop", {"dataTransfer": data})
    page.wait_for_url("**/?upload=*")
    assert titles(page)[0] == "Green hat number 4"
    assert page.locator(".figures").first.inner_text() == "0.000"


def test_a_chosen_picture_is_searched_by_and_what_is_none_is_told(page: Page, tmp_path: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Picture", exact=True).click()
    chooser.value.set_files({"name": "x.png", "mimeType": "image/png", "buffer": picture(7)})
    page.wait_for_url("**/?upload=*")
    assert titles(page)[0] == "Green bag number 7"


def test_words_narrow_and_the_address_is_the_search(page: Page, browser: Browser, address: str) -> None:
    page.goto("/?order=oldest")
    page.locator(f"{CARDS} .picture").first.click()
    page.wait_for_url("**/?id=*")
    page.get_by_role("searchbox").fill("hat")
    page.get_by_role("searchbox").press("Enter")
    page.wait_for_url("**text=hat*")
    assert {"hat"} == {title.split()[1] for title in titles(page)}
    shared = browser.new_page()
    shared.goto(page.url)
    assert titles(shared) == titles(page)
    shared.close()
    page.get_by_label("weigh in beside the looks").check()
    page.wait_for_url("**blend=1*")
    assert "shoe" in {title.split()[1] for title in titles(page)}


def test_several_are_mixed_wanted_and_unwanted(page: Page) -> None:
    page.goto("/?order=oldest")
    page.locator(f"{CARDS} .picture").first.click()
    page.wait_for_url("**/?id=*")
    liked = titles(page)[0]
    page.get_by_label(f"More like {liked}, too").click()
    page.wait_for_load_state()
    assert page.locator("h1").inner_text() == "What looks like these"
    assert liked not in titles(page)
    disliked = titles(page)[0]
    page.get_by_label(f"Less like {disliked}").click()
    page.wait_for_load_state()
    assert page.locator(".things li").count() == 3
    assert f"Not {disliked}" in page.locator(".unwanted").inner_text()
    page.locator(".unwanted").get_by_role("link", name="Remove").click()
    page.wait_for_load_state()
    assert page.locator(".things li").count() == 2


def test_a_region_is_searched_by(page: Page) -> None:
    page.goto("/?order=oldest")
    page.locator(f"{CARDS} .picture").first.click()
    page.wait_for_url("**/?id=*")
    page.get_by_role("button", name="Crop").click()
    canvas = page.locator("#crop-canvas")
    canvas.wait_for()
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.up()
    canvas.press("ArrowRight")
    page.get_by_role("button", name="Search by this region").click()
    page.wait_for_url("**/?upload=*")
    assert page.locator(CARDS).count() > 10


def test_the_panel_tells_of_a_picture_and_why_it_is_here(page: Page) -> None:
    page.goto("/?order=oldest")
    page.locator(f"{CARDS} .picture").first.click()
    page.wait_for_url("**/?id=*")
    page.locator(f"{CARDS} .title").nth(2).click()
    panel = page.locator("#panel")
    panel.get_by_text("It is hit 3").wait_for()
    assert "colour" in panel.inner_text()
    assert "look" in panel.locator("table").inner_text()
    page.keyboard.press("Escape")
    assert not panel.is_visible()


def test_the_panel_tells_what_a_hit_shares_with_the_query(page: Page) -> None:
    tokens = [[f"0-{number}", 1.0] for number in range(7)]
    features = {
        "look": {"distance": 0.25, "path": "buckets", "tables": [{"shared": True}, {"shared": False}]},
        "codes": {"distance": 1645.0, "path": "buckets", "tokens": tokens},
        "late": {"distance": 1 / 3, "path": "tail", "tables": [], "tokens": []},
        "few": {"distance": 0, "path": "scan", "tables": [], "tokens": []},
    }
    part = {"comparable": 2.5, "weight": 0.25, "rank": 3}
    told = {"verdict": "It is hit 1 of 9.", "features": features, "parts": dict.fromkeys(features, part)}
    page.route("**/api/v1/explain", lambda route: route.fulfill(json=told))
    page.locator(f"{CARDS} .picture").first.click()
    page.wait_for_url("**/?id=*")
    page.locator(f"{CARDS} .title").first.click()
    table = page.locator("#panel table")
    table.wait_for()
    rows = [row.split("\t") for row in table.inner_text().splitlines()]
    assert rows[0] == ["Feature", "Distance", "Comparable", "Weight", "Rank", "Shared buckets"]
    assert rows[1:] == [
        ["look", "0.25", "2.50", "0.25", "3", "1 of 2"],
        ["codes", "1645", "2.50", "0.25", "3", "0-0, 0-1, 0-2, 0-3, 0-4 and 2 more"],
        ["late", "0.3333", "2.50", "0.25", "3", "added lately"],
        ["few", "0", "2.50", "0.25", "3", "—"],
    ]
    assert page.locator("#panel").evaluate("one => one.scrollWidth <= one.clientWidth")


@pytest.mark.parametrize("kind", ["CSV", "JSON", "Paths", "ZIP"])
def test_what_is_selected_is_taken_away(page: Page, kind: str) -> None:
    page.goto("/?order=oldest")
    for number in (0, 2):
        page.locator(f"{CARDS} input[type=checkbox]").nth(number).check()
    assert page.locator("#taken-count").inner_text() == "2 selected"
    with page.expect_download() as download:
        page.locator("#taken").get_by_role("button", name=kind).click()
    path = download.value.path()
    if kind == "ZIP":
        with zipfile.ZipFile(path) as archive:
            assert archive.read("002.png") == picture(2)
    elif kind == "JSON":
        told = json.loads(Path(path).read_text())
        assert [one["metadata"]["title"] for one in told] == ["Red shoe number 0", "Blue shoe number 2"]
    else:
        assert len(Path(path).read_text().splitlines()) == (3 if kind == "CSV" else 2)


def test_it_is_used_by_keyboard_alone(page: Page) -> None:
    page.goto("/?order=oldest")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the pictures"
    page.keyboard.press("Enter")
    for _ in range(4):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "picture":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/?id=*")


def test_it_fits_a_phone(phone: Page) -> None:
    phone.goto("/?order=oldest")
    assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    phone.locator(f"{CARDS} .picture").first.click()
    phone.wait_for_url("**/?id=*")
    assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    phone.locator(f"{CARDS} .title").first.click()
    phone.locator("#panel").wait_for()
    assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/?order=oldest", "/collection", "/copies?within=0.1", "search", "panel"])
def test_axe_finds_no_serious_fault(page: Page, scheme: str, path: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto("/?order=oldest" if path in ("search", "panel") else path)
    if path in ("search", "panel"):
        page.locator(f"{CARDS} .picture").first.click()
        page.wait_for_url("**/?id=*")
    if path == "panel":
        page.locator(f"{CARDS} .title").first.click()
        page.locator("#panel table").wait_for()
    found = Axe().run(page).response["violations"]
    serious = [
        (one["id"], [node["target"] for node in one["nodes"]][:3])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert not serious


def test_axe_finds_no_serious_fault_in_the_collection_on_a_phone(phone: Page) -> None:
    from axe_playwright_python.sync_playwright import Axe

    phone.goto("/collection")
    assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    found = Axe().run(phone).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []


def test_no_word_of_a_table_is_broken_on_a_phone(phone: Page) -> None:
    phone.goto("/collection")
    broken = phone.evaluate(
        """() => [...document.querySelectorAll("td, th")].flatMap((cell) => {
            const range = document.createRange();
            return [...cell.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).flatMap((node) =>
                [...node.textContent.matchAll(/\\S+/g)].filter((word) => {
                    range.setStart(node, word.index);
                    range.setEnd(node, word.index + word[0].length);
                    return range.getClientRects().length > 1;
                }).map((word) => word[0]));
        })"""
    )
    assert broken == []


def test_values_of_fields_narrow_with_their_counts(page: Page) -> None:
    colours = page.get_by_role("complementary").locator("section", has_text="colour")
    assert "21" in colours.inner_text()
    colours.get_by_role("link", name="red").click()
    page.wait_for_url("**where=*")
    assert page.locator("h1").inner_text() == "21 sources"
    assert {title.split()[0] for title in titles(page)} == {"Red"}
    colours = page.get_by_role("complementary").locator("section", has_text="colour")
    assert colours.locator("a[aria-current]").inner_text().split() == ["red", "21"]
    colours.get_by_role("link", name="blue").click()
    page.wait_for_load_state()
    assert page.locator("h1").inner_text() == "42 sources"
    page.get_by_role("link", name="Any colour").click()
    page.wait_for_load_state()
    assert page.locator("h1").inner_text() == f"{COUNT} sources"
