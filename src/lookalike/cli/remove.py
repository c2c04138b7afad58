"""`lookalike remove`."""

from __future__ import annotations

from pathlib import Path

import click

from lookalike.cli.common import collection_option, open_collection
from lookalike.cli.streams import put, shown


@click.command(short_help="Remove sources by id, path or folder; or a feature.")
@click.argument("what", nargs=-1, metavar="ID|PATH...")
@collection_option
@click.option("--feature", metavar="NAME", help="Remove this feature instead, from all sources.")
def remove(what: tuple[str, ...], folder: Path, feature: str | None) -> None:
    """Remove sources by id or by path; a folder stands for all that lies in it.

    The files themselves are never touched. A source that also lies elsewhere loses only the named place.
    With --feature, a feature goes with all its vectors and its index, and the sources stay.

    \b
    Examples:
      lookalike remove 3f1c2c58-52c0-5d0a-a2a7-5b1f9f1d3f0e
      lookalike remove ~/Pictures/2019
      lookalike remove --feature onnx
    """
    if not what and feature is None:
        raise click.UsageError("name an ID|PATH, or a feature with --feature")
    if what and feature is not None:
        raise click.UsageError("an ID|PATH and --feature exclude each other; give one of them")
    if "" in what:  # would be the working folder
        raise click.BadParameter("a name is empty", param_hint="ID|PATH")
    if feature is not None:
        open_collection(folder).remove_feature(feature)
        put(f"feature {shown(feature)} removed\n")
        return
    count = open_collection(folder).remove(what)
    put(f"{count:,} removed\n")
