"""`lookalike migrate`."""

from __future__ import annotations

from pathlib import Path

import click

from lookalike.cli.common import collection_option, json_option, open_collection, place_options
from lookalike.cli.streams import print_json, put, shown


@click.command(short_help="Move a feature's index to a server, or back.")
@click.argument("feature")
@collection_option
@place_options("The store to move to; embedded is beside the catalogue.", "The search engine to move to.")
@click.option(
    "--queries",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Sources to search for before and after.",
)
@json_option
def migrate(
    feature: str, folder: Path, buckets: str | None, engine: str | None, queries: int, as_json: bool
) -> None:
    """Move the index of FEATURE to a store of buckets or a search engine, or back, and compare what is found then.

    The vectors stay in the catalogue. The URL is kept there without its password, which LOOKALIKE_BUCKETS,
    LOOKALIKE_ENGINE or lookalike.toml in the working folder gives from then on.

    \b
    Examples:
      lookalike migrate look --buckets redis://localhost
      lookalike migrate look --buckets postgresql://shop@localhost/shop
      lookalike migrate look --engine opensearch://localhost:9200
      lookalike migrate look --buckets embedded
    """
    if buckets is None and engine is None:
        raise click.UsageError("where to? give --buckets or --engine")
    report = open_collection(folder).migrate(feature, buckets=buckets, engine=engine, queries=queries)
    if as_json:
        print_json(report.to_json())
        return
    put(
        f"{shown(report.feature)} is in {shown(report.buckets)}: {report.equal:,} of {report.hits:,} hits of "
        f"{report.queries:,} queries are equal\n"
    )
