"""`lookalike list`."""

from __future__ import annotations

from pathlib import Path

import click

from lookalike.cli.common import (
    collection_option,
    json_option,
    jsonl_option,
    open_collection,
)
from lookalike.cli.streams import print_json, put, shown, tell


@click.command("list", short_help="List the sources.")
@collection_option
@click.option("--text", metavar="WORDS", help="Only sources that all these words match.")
@click.option(
    "--where", multiple=True, metavar="FILTER", help="Only sources whose metadata fits, as in search."
)
@click.option("-n", "--limit", type=click.IntRange(min=1), help="No more than this many. [default: all]")
@json_option
@jsonl_option
def list_(
    folder: Path, text: str | None, where: tuple[str, ...], limit: int | None, as_json: bool, as_jsonl: bool
) -> None:
    """List the sources of the collection.

    \b
    Examples:
      lookalike list -n 20
      lookalike list --where articleType=Jeans --jsonl
    """
    collection = open_collection(folder)
    sources = collection.list(text=text, where=where or None, limit=limit)
    if as_json:
        print_json([source.to_json() for source in sources])
    elif as_jsonl:
        for source in sources:
            print_json(source.to_json(), indent=None)
    else:
        found = False
        for source in sources:
            found = True
            size = f"{source.width}x{source.height}" if source.width else ""
            where_ = source.places[0].path if source.places else ""
            line = shown(f"{source.id}  {size:>11}  {where_}")
            put(f"{line}\n")
        if not found:
            for note in collection.unmet(where or None):
                tell(note)
