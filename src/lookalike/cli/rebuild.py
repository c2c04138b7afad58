"""`lookalike rebuild`."""

from __future__ import annotations

from pathlib import Path

import click

from lookalike.cli.common import collection_option, open_collection
from lookalike.cli.streams import put


@click.command(short_help="Build every index anew from the catalogue.")
@collection_option
def rebuild(folder: Path) -> None:
    """Build every index anew from the catalogue.

    The catalogue is the truth: after this, searches answer as they did before the index files were lost.

    \b
    Examples:
      lookalike rebuild
      lookalike rebuild -c shop.lookalike
    """
    from lookalike.cli.progress import ProgressBar

    with ProgressBar("rebuilding") as listener:
        built = open_collection(folder).rebuild(listener=listener)
    for name, count in built.items():
        put(f"{name}: {count:,} vectors indexed\n")
    if not built:
        put("there is nothing to index yet\n")
