"""`lookalike remove`."""

from __future__ import annotations

from pathlib import Path

import click

from lookalike.cli.common import collection_option, open_collection


@click.command(short_help="Remove sources by id, path or folder.")
@click.argument("what", nargs=-1, required=True, metavar="ID|PATH...")
@collection_option
def remove(what: tuple[str, ...], folder: Path) -> None:
    """Remove sources by id or by path; a folder stands for all that lies in it.

    The files themselves are never touched. A source that also lies elsewhere loses only the named place.

    \b
    Examples:
      lookalike remove 3f1c2c58-52c0-5d0a-a2a7-5b1f9f1d3f0e
      lookalike remove ~/Pictures/2019
    """
    count = open_collection(folder).remove(what)
    click.echo(f"{count:,} removed")
