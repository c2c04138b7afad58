"""`lookalike explain`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lookalike.cli.common import (
    collection_option,
    json_option,
    max_megapixels_option,
    open_collection,
    parse_weights,
    print_json,
    shown,
)

if TYPE_CHECKING:
    from lookalike.collection.explain import Explanation


@click.command(short_help="Tell why a source is, or is not, a hit.")
@click.argument("query")
@click.argument("id_", metavar="ID")
@collection_option
@click.option("-k", "k", type=click.IntRange(min=1), default=10, show_default=True, help="How many hits.")
@click.option("--text", metavar="WORDS", help="As in search.")
@click.option("--where", multiple=True, metavar="FILTER", help="As in search.")
@click.option("--feature", "features", multiple=True, metavar="NAME[=WEIGHT]", help="As in search.")
@click.option("--max-distance", type=float, help="As in search.")
@click.option("--blend", is_flag=True, help="As in search.")
@max_megapixels_option("As in search.")
@json_option
def explain(
    query: str,
    id_: str,
    folder: Path,
    k: int,
    text: str | None,
    where: tuple[str, ...],
    features: tuple[str, ...],
    max_distance: float | None,
    blend: bool,
    max_pixels: int,
    as_json: bool,
) -> None:
    """Tell why the source ID is, or is not, among the hits of QUERY.

    ID is a source's id or the path of one of its files. Give the same options as to search.

    \b
    Examples:
      lookalike explain holiday.jpg ~/Pictures/beach.jpg
      lookalike explain shoe.jpg 3f1c2c58-52c0-5d0a-a2a7-5b1f9f1d3f0e --text "red shoes"
    """
    from lookalike.collection.query import text_query

    explanation = open_collection(folder).explain(
        sys.stdin.buffer.read() if query == "-" else text_query(query),
        id_,
        k=k,
        text=text,
        where=where or None,
        features=parse_weights(features),
        max_distance=max_distance,
        blend=blend,
        max_pixels=max_pixels,
    )
    if as_json:
        print_json(explanation.to_json())
    else:
        print_explanation(explanation)


def print_explanation(explanation: Explanation) -> None:
    """Print an explanation for people."""
    click.echo(shown(explanation.verdict))
    for line in explanation.lines():
        click.echo(f"  {shown(line)}")
