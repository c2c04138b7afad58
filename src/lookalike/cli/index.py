"""`lookalike index`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lookalike.cli.common import collection_option, json_option, open_collection, place_options
from lookalike.cli.info import lines
from lookalike.cli.streams import print_json, put, shown

FAMILIES = (
    "learned",
    "hyperplane",
    "cross-polytope",
    "p-stable",
    "clusters",
    "clusterings",
    "min-hash",
    "bit-sampling",
)


@click.command("index", short_help="Show or choose how a feature is searched.")
@click.argument("feature")
@collection_option
@click.option("--family", type=click.Choice(FAMILIES), help="Search by buckets of this kind from now on.")
@place_options(
    "Keep the buckets there from now on; embedded is beside the catalogue.",
    "Search in that search engine from now on, by tokens.",
)
@click.option("--graph/--no-graph", default=None, help="Whether the engine builds its own graph, too.")
@click.option("--tables", type=click.IntRange(min=1), help="Hash tables. [all but learned, clusters]")
@click.option(
    "--bits", type=click.IntRange(min=1), help="Bits of a key. [hyperplane, cross-polytope, bit-sampling]"
)
@click.option("--hashes", type=click.IntRange(min=1), help="Least elements of a key. [min-hash]")
@click.option("--floors", type=click.IntRange(min=1), help="Projections of a key. [p-stable]")
@click.option("--bucket-size", type=float, help="Width of a slot, in the unit of the distance. [p-stable]")
@click.option(
    "--distance", type=click.Choice(["euclidean", "l1"]), help="What slots are drawn for. [p-stable]"
)
@click.option("--sections", type=click.IntRange(min=1), help="Sections of a vector, a table each. [clusters]")
@click.option("--clusters", type=click.IntRange(min=1), help="Centroids of a table. [clusters, clusterings]")
@click.option("--components", type=click.IntRange(min=1), help="Principal components kept. [clusterings]")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of what is drawn. [all but learned]")
@json_option
def index(
    feature: str,
    folder: Path,
    family: str | None,
    buckets: str | None,
    engine: str | None,
    graph: bool | None,
    as_json: bool,
    **parameters: Any,
) -> None:
    """Show how FEATURE is searched; with --family, --buckets or --engine, search it otherwise from now on.

    The index is built anew, and the choice is kept: later additions and rebuilds follow it. Parameters that are not
    given are fitted to the vectors. "learned", the default, learns its buckets from them, and keeps them beside the
    catalogue alone. For sets there is min-hash, for binary codes bit-sampling.

    \b
    Examples:
      lookalike index look
      lookalike index look --family p-stable --tables 16
      lookalike index look --family p-stable --buckets redis://localhost
      lookalike index look --engine opensearch://localhost:9200
      lookalike index look --family learned --buckets embedded
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    if family is None and given:
        raise click.UsageError(
            f"--{next(iter(given)).replace('_', '-')} is for a family; name one with --family"
        )
    if family is None and buckets is None and engine is None and graph is None:
        told = open_collection(folder).index(feature)
    else:
        told = open_collection(folder).set_index(
            feature, family, buckets=buckets, engine=engine, graph=graph, **given
        )
    if as_json:
        print_json(told)
        return
    for line in lines(told, ""):
        put(f"{shown(line)}\n")
