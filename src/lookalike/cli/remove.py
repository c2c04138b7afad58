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
@click.option("--missing", is_flag=True, help="Remove what lies in no file any more instead.")
def remove(what: tuple[str, ...], folder: Path, feature: str | None, missing: bool) -> None:
    """Remove sources by id or by path; a folder stands for all that lies in it.

    The files themselves are never touched. A source that also lies elsewhere loses only the named place.
    With --feature, a feature goes with all its vectors and its index, and the sources stay. With --missing, pictures
    go whose files are all gone; those on a disk or share that is away are kept.

    \b
    Examples:
      lookalike remove 3f1c2c58-52c0-5d0a-a2a7-5b1f9f1d3f0e
      lookalike remove ~/Pictures/2019
      lookalike remove --feature onnx
      lookalike remove --missing
    """
    asked = bool(what) + (feature is not None) + missing
    if not asked:
        raise click.UsageError("name an ID|PATH, or a feature with --feature, or give --missing")
    if asked > 1:
        raise click.UsageError("an ID|PATH, --feature and --missing exclude each other; give one of them")
    if "" in what:  # would be the working folder
        raise click.BadParameter("a name is empty", param_hint="ID|PATH")
    if feature is not None:
        open_collection(folder).remove_feature(feature)
        put(f"feature {shown(feature)} removed\n")
        return
    if missing:
        report = open_collection(folder).remove_missing()
        put(f"{report.removed:,} removed, of which no file is left; {counted(report.forgotten)} forgotten\n")
        if report.away:
            kept = "is kept, as its folder is" if report.away == 1 else "are kept, as their folders are"
            put(f"{counted(report.away)} {kept} away\n")
        return
    count = open_collection(folder).remove(what)
    put(f"{count:,} removed\n")


def counted(files: int) -> str:
    """Return a number of files in words."""
    return "1 file" if files == 1 else f"{files:,} files"
