"""`lookalike rebuild`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from lookalike.cli.add import print_skipped
from lookalike.cli.common import (
    EXIT_SKIPPED,
    collection_option,
    json_option,
    open_collection,
)
from lookalike.cli.streams import print_json, put


@click.command(short_help="Build every index anew, or a feature's vectors.")
@collection_option
@click.option(
    "--feature",
    metavar="NAME or [NAME:]KIND[=ARGUMENT]",
    help="Make the vectors of this feature anew from the pictures: by the newest version of its extractor, or by "
    "what is given, such as look=1 or net:onnx=better.onnx.",
)
@click.option("--jobs", type=click.IntRange(min=1), help="Processes to extract with. [default: all cores]")
@json_option
def rebuild(folder: Path, feature: str | None, jobs: int | None, as_json: bool) -> None:
    """Build every index anew from the catalogue, or a feature's vectors from the pictures.

    The catalogue is the truth: after this, searches answer as they did before the index files were lost.

    With --feature, all pictures are read again and their vectors replaced at once in the end. A picture that is gone
    or cannot be read has no vector of the feature then; these are listed, and the exit status is 3. Where a disk is
    away, nothing is changed.

    \b
    Examples:
      lookalike rebuild
      lookalike rebuild -c shop.lookalike
      lookalike rebuild --feature look
      lookalike rebuild --feature net:onnx=better.onnx
    """
    from lookalike.cli.progress import ProgressBar

    if feature is not None:
        _renew(folder, feature, jobs, as_json)
        return
    with ProgressBar("rebuilding") as listener:
        built = open_collection(folder).rebuild(listener=listener)
    if as_json:
        print_json(built)
        return
    for name, count in built.items():
        put(f"{name}: {count:,} vectors indexed\n")
    if not built:
        put("there is nothing to index yet\n")


def _renew(folder: Path, feature: str, jobs: int | None, as_json: bool) -> None:
    from lookalike.cli.progress import ProgressBar

    with ProgressBar("reading pictures") as listener:
        report = open_collection(folder).renew(feature, jobs=jobs, listener=listener)
    if as_json:
        print_json(report.to_json())
    else:
        version = f" of version {report.version}" if report.version else ""
        put(f"{report.feature}: {report.renewed:,} vectors{version} made\n")
        print_skipped(report.skipped)
    if report.skipped:
        sys.exit(EXIT_SKIPPED)
