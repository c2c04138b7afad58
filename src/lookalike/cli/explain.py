"""`lookalike explain`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lookalike.cli.common import (
    QueryCommand,
    SearchOptions,
    collection_option,
    json_option,
    open_collection,
    query_options,
    read_query,
)
from lookalike.cli.streams import print_json, put, shown

if TYPE_CHECKING:
    from lookalike.collection.explain import Explanation


@click.command(cls=QueryCommand, short_help="Tell why a source is, or is not, a hit.")
@click.argument("query")
@click.argument("id_", metavar="ID")
@collection_option
@query_options("As in search.")
@json_option
def explain(
    query: str,
    id_: str,
    folder: Path,
    as_json: bool,
    options: SearchOptions,
) -> None:
    """Tell why the source ID is, or is not, among the hits of QUERY.

    ID is a source's id or the path of one of its files. Give the same options as to search.

    \b
    Examples:
      lookalike explain holiday.jpg ~/Pictures/beach.jpg
      lookalike explain shoe.jpg 3f1c2c58-52c0-5d0a-a2a7-5b1f9f1d3f0e --text "red shoes"
    """
    explanation = open_collection(folder).explain(read_query(query), id_, **options)
    if as_json:
        print_json(explanation.to_json())
    else:
        print_explanation(explanation)


def print_explanation(explanation: Explanation) -> None:
    """Print an explanation for people."""
    put(f"{shown(explanation.verdict)}\n")
    for line in explanation.lines():
        put(f"  {shown(line)}\n")
