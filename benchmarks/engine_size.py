"""What an index in a search engine needs at a million, ten, a hundred million and a billion documents.

    python -m benchmarks.engine_size --url opensearch://127.0.0.1:9200 bench-sift-1m-tuned

Disk is measured, by parts, on the index that is named, once its segments are merged; all else is multiplied from that
by the rules below, and is to be read so.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import click

from benchmarks.engine import row, table
from benchmarks.engine_indexes import parts
from benchmarks.runner import machine
from lookalike import EngineIndex
from lookalike.engine.client import Engine
from lookalike.errors import EngineError

COUNTS = (1_000_000, 10_000_000, 100_000_000, 1_000_000_000)
LARGEST_SHARD = 40e9
"""Bytes. OpenSearch and Elasticsearch both advise 10 to 50 GB, since a shard is moved and merged as a whole."""
MOST_DOCUMENTS = 200_000_000
"""Of a shard, as Elasticsearch advises; Lucene ends at 2^31."""
NODE_MEMORY = 64e9
"""Bytes of a node, half of it for the heap (31 GB at most), half for the files that queries read."""
SAMPLES, PAUSE = 20, 0.5


@dataclass(frozen=True, slots=True)
class Size:
    """What so many documents need."""

    documents: int
    disk: float
    """Bytes of one copy."""

    @property
    def shards(self) -> int:
        """Primary shards."""
        return max(1, math.ceil(self.disk / LARGEST_SHARD), math.ceil(self.documents / MOST_DOCUMENTS))

    @property
    def nodes_in_memory(self) -> int:
        """Nodes whose free memory holds one copy, so that no query waits for a disk."""
        return max(1, math.ceil(self.disk / (NODE_MEMORY / 2)))


def sizes(bytes_each: float) -> Iterator[Size]:
    """Yield what each of `COUNTS` documents of so many bytes need."""
    for count in COUNTS:
        yield Size(count, bytes_each * count)


def least_heap(engine: Engine) -> float:
    """Return the least heap in use, in bytes, of a node that was watched for some seconds: garbage comes on top."""
    used = []
    for _ in range(SAMPLES):
        told = engine.call(
            "GET", "/_nodes/stats/jvm", params={"filter_path": "nodes.*.jvm.mem.heap_used_in_bytes"}
        )
        used.append(max(node["jvm"]["mem"]["heap_used_in_bytes"] for node in told["nodes"].values()))
        time.sleep(PAUSE)
    return float(min(used))


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("name", metavar="INDEX")
@click.option("--url", required=True)
def main(name: str, url: str) -> None:
    """Print what was measured, and what follows from it."""
    try:
        with EngineIndex.open(url, name, timeout=600) as index:
            engine = Engine.open(url, timeout=600)
            documents = len(index)
            measured = parts(engine, name, documents)
            tokens = index.scheme.family.tables * index.scheme.ranks
            click.echo(
                f"{machine()}\n{engine.shown}, {name}: {documents:,} documents of {index.dimension} numbers, "
            )
            click.echo(f"{tokens} tokens each; least heap in use {least_heap(engine) / 1e6:,.0f} MB\n")
    except EngineError as error:
        raise click.ClickException(str(error)) from None
    table(("part", "bytes a document, measured"))
    for part, size in sorted(measured.items(), key=lambda item: -item[1]):
        row((part, f"{size:,.1f}"))
    row(("all", f"{sum(measured.values()):,.1f}"))
    click.echo()
    table(
        (
            "documents",
            "disk, one copy",
            "with a replica",
            "primary shards",
            "nodes of 64 GB to hold a copy in memory",
        )
    )
    for needed in sizes(sum(measured.values())):
        disk = (f"{copies * needed.disk / 1e9:,.1f} GB" for copies in (1, 2))
        row((f"{needed.documents:,}", *disk, needed.shards, needed.nodes_in_memory))


if __name__ == "__main__":
    main()
