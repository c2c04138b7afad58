"""`lookalike migrate`."""

from __future__ import annotations

from pathlib import Path

import click

from lookalike.cli.common import buckets_option, collection_option, json_option, open_collection
from lookalike.cli.streams import print_json, put, shown


@click.command(short_help="Move a feature's index to a store, or back.")
@click.argument("feature")
@collection_option
@buckets_option("The store to move to; embedded is beside the catalogue.", required=True)
@click.option(
    "--queries",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Sources to search for before and after.",
)
@json_option
def migrate(feature: str, folder: Path, buckets: str, queries: int, as_json: bool) -> None:
    """Move the index of FEATURE to a store of buckets, or back, and compare what is found before and after.

    The vectors stay in the catalogue. The URL is kept there without its password, which LOOKALIKE_BUCKETS or
    lookalike.toml in the working folder gives from then on.

    \b
    Examples:
      lookalike migrate look --buckets redis://localhost
      lookalike migrate look --buckets postgresql://shop@localhost/shop
      lookalike migrate look --buckets embedded
    """
    report = open_collection(folder).migrate(feature, buckets=buckets, queries=queries)
    if as_json:
        print_json(report.to_json())
        return
    put(
        f"{shown(report.feature)} is in {shown(report.buckets)}: {report.equal:,} of {report.hits:,} hits of "
        f"{report.queries:,} queries are equal\n"
    )
