"""`lookalike add`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lookalike.cli.common import (
    EXIT_SKIPPED,
    NamedPath,
    collection_option,
    has_collection,
    json_option,
    jsonl_option,
    max_megapixels_option,
)
from lookalike.cli.streams import print_json, put, shown
from lookalike.cli.table import table

if TYPE_CHECKING:
    from lookalike.collection.report import AddReport, Event


COPIES = "exact duplicates of others"


@click.command(short_help="Add picture files and folders.")
@click.argument("paths", nargs=-1, required=True, type=NamedPath(), metavar="PATH...")
@collection_option
@click.option(
    "--feature",
    "features",
    multiple=True,
    metavar="[NAME:]KIND[=MODEL]",
    help="What to extract, such as look, phog or onnx=model.onnx; may be given again. [default: the collection's "
    "features; look for a new one]",
)
@click.option(
    "--metadata",
    type=NamedPath(dir_okay=False),
    metavar="FILE",
    help="Table (CSV with any separator) or JSON Lines whose column 'image', 'path' or the like names the file; its "
    "other columns are metadata.",
)
@click.option("--file-column", metavar="NAME", help="What the column that names the file is called.")
@click.option(
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    help="Leave out files and folders of this name, or of this path below a folder; may be given again. @eaDir, "
    "#recycle and the like are left out anyway.",
)
@click.option("--jobs", type=click.IntRange(min=1), help="Processes to extract with. [default: all cores]")
@click.option(
    "--cluster",
    metavar="dask://HOST:PORT",
    help="Extract on the workers of a Dask cluster that is trusted, instead of here.",
)
@max_megapixels_option("Skip pictures of more pixels than this.")
@click.option(
    "--time-limit",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Skip pictures that take longer than this.",
)
@click.option("--reread", is_flag=True, help="Read all files again, also those that seem unchanged.")
@json_option
@jsonl_option
def add(
    paths: tuple[Path, ...],
    folder: Path,
    features: tuple[str, ...],
    metadata: Path | None,
    file_column: str | None,
    exclude: tuple[str, ...],
    jobs: int | None,
    cluster: str | None,
    max_pixels: int,
    time_limit: float,
    reread: bool,
    as_json: bool,
    as_jsonl: bool,
) -> None:
    """Add picture files and folders of them, to a collection that is made if need be.

    It can be stopped and run again at any time: files that have not changed are not read again, a picture that
    lies in many places is stored once, and moved files are recognised. Files that cannot be read are listed at
    the end, and the exit status is then 3. With --jsonl each file is reported once it is safely stored.

    \b
    Kinds of features, none but onnx of which needs a model:
      look, onnx=MODEL
      edge-histogram, phog, centrist, spatial-pyramid-centrist (shape)
      local-binary-patterns, rotation-invariant-local-binary-patterns,
      sp-local-binary-patterns, tamura, gabor (texture)
      color-layout, scalable-color, auto-color-correlogram, palette,
      simple-color-histogram, opponent-histogram, joint-histogram,
      fuzzy-color-histogram (colour)
      cedd, fcth, jcd, sp-cedd (colour and texture)
      text, text=FIELD,FIELD (words of metadata)

    \b
    Examples:
      lookalike add ~/Pictures
      lookalike add shop/images --metadata shop/products.csv
      lookalike add shop/images --feature look --feature text=title,tags
      lookalike add /volume1/photo --exclude thumbs --exclude 'raw/*.tif'
      lookalike add ~/Pictures --feature look --feature onnx=mobilenet.onnx
      lookalike add /archive --cluster dask://scheduler:8786
    """
    from lookalike.cli.progress import ProgressBar
    from lookalike.collection.add_plan import AddOptions, plan_add
    from lookalike.collection.checks import collection_to_fill

    class Reporter(ProgressBar):
        def event(self, event: Event) -> None:
            super().event(event)
            if as_jsonl:
                print_json(event.to_json(), indent=None, flush=True)

    # Wrong options are told before a collection is made.
    AddOptions.of(jobs=jobs, max_pixels=max_pixels, time_limit=time_limit, cluster=cluster)
    planned = (
        None
        if has_collection(folder)
        else plan_add(
            paths, features=features or None, metadata=metadata, file_column=file_column, exclude=exclude
        )
    )
    with collection_to_fill(folder) as collection, Reporter("adding") as listener:
        report = collection.add(
            paths,
            features=features or None,
            metadata=metadata,
            file_column=file_column,
            exclude=exclude,
            jobs=jobs,
            cluster=cluster,
            max_pixels=max_pixels,
            time_limit=time_limit,
            reread=reread,
            listener=listener,
            plan=planned,
        )
    if as_json:
        print_json(report.to_json())
    elif not as_jsonl:
        put(f"{summary(report)}\n")
    if not (as_json or as_jsonl):
        with suppress(OSError):  # there is nobody to tell
            sys.stderr.writelines(f"{shown(note)}\n" for note in report.notes())
        print_skipped(report.skipped)
    if not report.is_complete:
        sys.exit(EXIT_SKIPPED)


def summary(report: AddReport, duplicate: str = COPIES) -> str:
    """Return the counts as one line; `duplicate` says what duplicates are."""
    counts = [
        (report.added, "added"),
        (report.changed, "changed"),
        (report.moved, "moved"),
        (report.duplicate, duplicate),
        (report.refreshed, "brought up to date"),
        (report.unchanged, "unchanged"),
        (len(report.skipped), "skipped"),
    ]
    told = ", ".join(f"{count:,} {what}" for count, what in counts if count) or "nothing found to add"
    if report.unmatched_metadata:
        told += f"; {report.unmatched_metadata:,} rows of metadata named no picture"
    return f"{told} ({report.seconds:.1f} s)"


def print_skipped(skipped: Sequence[Event]) -> None:
    """Print a table of what was skipped and why on stderr, if anything was."""
    if not skipped:
        return
    rows = [(shown(event.path), shown(event.reason or "")) for event in skipped]
    with suppress(OSError):  # there is nobody to tell
        sys.stderr.write(table(("skipped", "why"), rows, numbers=0, stream=sys.stderr))
