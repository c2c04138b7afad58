"""The command-line reference: its generator, and that the committed page is what it generates."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import click
import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_command_line", DOCS / "generate_command_line.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@click.group()
def shop() -> None:
    """Sells fruit."""


@shop.command()
@click.argument("fruit")
@click.option("--count", default=1, show_default=True, help="How many.")
def buy(fruit: str, count: int) -> None:
    """Buys FRUIT, with ```backquotes```."""


@shop.group()
def shelf() -> None:
    """Keeps fruit."""


@shelf.command()
def fill() -> None:
    """Fills the shelf."""


@shop.command(hidden=True)
def steal() -> None:
    """Nobody should know."""


def test_every_visible_command_is_on_the_page_with_its_options(
    generator: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = generator.reference(shop, "shop")
    headings = [line for line in page.splitlines() if line.startswith("#")]
    assert headings == ["# Command line", "## shop", "### shop buy", "### shop shelf", "#### shop shelf fill"]
    assert "Usage: shop buy [OPTIONS] FRUIT" in page
    assert "--count INTEGER  How many.  [default: 1]" in page
    assert "Nobody should know" not in page
    assert "````text\nUsage: shop buy" in page, "backquotes in a help text must not end its block"
    for width in ("40", "300"):
        monkeypatch.setenv("COLUMNS", width)
        assert generator.reference(shop, "shop") == page


def test_the_committed_page_is_current(generator: ModuleType) -> None:
    from lookalike.cli.verbs import lookalike

    page = (DOCS / "command-line.md").read_text(encoding="utf-8")
    assert page == generator.reference(lookalike, "lookalike"), (
        "run `make docs` and commit docs/command-line.md"
    )
