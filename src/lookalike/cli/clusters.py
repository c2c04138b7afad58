"""`lookalike clusters`."""

from __future__ import annotations

from pathlib import Path

import click

from lookalike.cli.common import NamedPath, collection_option, json_option, open_collection
from lookalike.cli.groups import write_file
from lookalike.cli.streams import print_json, put, shown
from lookalike.cli.table import table


@click.command(short_help="Show what a collection is made of.")
@collection_option
@click.option("--feature", metavar="NAME", help="By which sources are compared. [default: the first]")
@click.option(
    "-k",
    "--count",
    type=click.IntRange(min=1),
    help="How many clusters. [default: the root of half the sources, up to 50]",
)
@click.option(
    "--html", type=NamedPath(dir_okay=False), metavar="FILE", help="Write a page with thumbnails there."
)
@json_option
def clusters(folder: Path, feature: str | None, count: int | None, html: Path | None, as_json: bool) -> None:
    """Show what a collection is made of: clusters by k-means, the largest first, and the words of each.

    Words are those of the metadata that a cluster has more often than the others, by tf-idf.

    \b
    Examples:
      lookalike clusters
      lookalike clusters -k 12 --html clusters.html
    """
    found = open_collection(folder).clusters(feature, count=count)
    if html is not None:
        write_file(html, found.to_html())
    if as_json:
        print_json(found.to_json())
        return
    rows = []
    for number, cluster in enumerate(found, 1):
        first = cluster.examples[0]
        where = first.places[0].path if first.places else first.id
        words = ", ".join(cluster.words)
        rows.append([str(number), f"{cluster.size:,}", f"{cluster.spread:.4f}", shown(words), shown(where)])
    put(table(["#", "sources", "spread", "words", "such as"], rows, numbers=3))
