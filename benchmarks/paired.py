"""Lookalike beside one other library in one process, in turn: for a machine that others use too.

    python -m benchmarks.paired sift-300k --peer symphonyqg --data DATA

Both are built once, by one thread, in this Python, which therefore needs both. In every round each setting of each is
timed, by the processor's time, and the rate at a recall interpolated between settings; the table has the medians of
the rounds, and the median of the ratio of ours to the other's in each.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np

from benchmarks import truth
from benchmarks.datasets import Dataset, load
from benchmarks.missing import DatasetMissingError
from benchmarks.peers import PEERS, peer_class
from benchmarks.peers.base import Peer, Vectors
from benchmarks.recall import recall
from benchmarks.runner import machine
from benchmarks.table import KINDS, OWN, RECALLS, Point, rate_at, unbeaten
from benchmarks.worker import ENOUGH, fastest

SINGLE_QUERIES = 300
Timed = dict[str, list[Point]]
"""Recall and rate of each setting, by the kind of search."""


class Runner:
    """One library's index, its settings, and the recall of each."""

    def __init__(self, name: str, dataset: Dataset, queries: Vectors, k: int) -> None:
        kind = peer_class(name)
        rows = dataset.base if kind.keeps_dtype else dataset.base.astype(np.float32)
        self.peer: Peer = kind(kind.builds(*rows.shape)[0])
        self.peer.build(rows, dataset.metric, 1)
        self.queries, self.some = queries, list(queries[:SINGLE_QUERIES])
        self.k = k
        farthest = truth.cached(dataset.base, queries, dataset.metric, k=k)[1][:, k - 1]
        self.settings: list[tuple[dict[str, Any], float]] = []
        for setting in (setting for group in self.peer.settings() for setting in group):
            self.peer.use(setting, k)
            found = recall(dataset.base, queries, self.peer.search(queries, k), farthest, dataset.metric)
            self.settings.append((setting, found))
            if found >= ENOUGH:
                break

    def measure(self) -> Timed:
        """Return the points of one round that none beats, by recall."""
        points: Timed = {kind: [] for kind in KINDS}
        for setting, found in self.settings:
            self.peer.use(setting, self.k)
            batch = fastest(lambda: self.peer.search(self.queries, self.k), 1)
            single = fastest(lambda: [self.peer.search_one(query, self.k) for query in self.some], 1)
            points["batch"].append((found, len(self.queries) / batch))
            points["single"].append((found, len(self.some) / single))
        return {kind: unbeaten(each) for kind, each in points.items()}


def table(rounds: list[tuple[Timed, Timed]], peer: str) -> str:
    """Return a Markdown table of the rounds: ours, the other's, and ours over the other's."""
    lines = []
    for kind in KINDS:
        lines += [
            f"| {kind} queries/s at recall | {' | '.join(f'{recall:.2f}' for recall in RECALLS)} |",
            "| --- |" + " --- |" * len(RECALLS),
        ]
        cells: dict[str, list[str]] = {OWN: [], peer: [], f"{OWN} / {peer}": []}
        for aim in RECALLS:
            rates = [tuple(rate_at(timed[kind], aim) for timed in pair) for pair in rounds]
            pairs = [(ours, other) for ours, other in rates if ours and other]
            cells[OWN].append(f"{median(ours for ours, _ in pairs):,.0f}" if pairs else "")
            cells[peer].append(f"{median(other for _, other in pairs):,.0f}" if pairs else "")
            ratio = f"**{median(ours / other for ours, other in pairs):.2f}**" if pairs else ""
            cells[f"{OWN} / {peer}"].append(ratio)
        lines += [f"| {name} | {' | '.join(values)} |" for name, values in cells.items()] + [""]
    return "\n".join(lines)


@click.command(help=__doc__)
@click.argument("name", metavar="DATASET")
@click.option("--peer", type=click.Choice([name for name in PEERS if name != OWN]), required=True)
@click.option("--data", type=click.Path(path_type=Path), default=Path("data"), envvar="LOOKALIKE_BENCH_DATA")
@click.option("--rounds", default=9, show_default=True)
@click.option("--queries", default=2_000, show_default=True, help="Queries in a batch.")
@click.option("-k", default=10, show_default=True, help="Neighbours.")
def main(name: str, peer: str, data: Path, rounds: int, queries: int, k: int) -> None:
    try:
        dataset = load(name, data)
    except DatasetMissingError as error:
        raise click.ClickException(str(error)) from None
    asked = np.ascontiguousarray(dataset.queries[:queries], dtype=np.float32)
    try:
        ours, other = (Runner(each, dataset, asked, k) for each in (OWN, peer))
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is not installed here; see the extra `peers`") from None
    timed = [(ours.measure(), other.measure()) for _ in range(rounds)]
    here = machine()
    rows, dimension = dataset.base.shape
    click.echo(f"{name}, {rows:,} x {dimension}, {dataset.metric}, k = {k}; {here['processor']}\n")
    click.echo(table(timed, peer))


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.paired")
