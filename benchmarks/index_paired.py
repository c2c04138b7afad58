"""Searches of this build beside another build's: each builds once in a process of its own, and they search in turn.

    git worktree add ../other COMMIT
    python -m benchmarks.index_paired sift-300k --against ../other/src --data DATA

One thread each. In every round each asked recall is timed, by the processor's time, in a batch and one query at a time;
rates are at the recall that was found, interpolated. The table has the medians of the rounds, and of the ratio in each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from benchmarks import truth
from benchmarks.asked_recall import SETS
from benchmarks.builds import Build, against_option, chosen
from benchmarks.datasets import Dataset, load
from benchmarks.missing import DatasetMissingError
from benchmarks.recall import recall
from benchmarks.runner import ROOT, machine
from benchmarks.table import KINDS, RECALLS, rate_at, unbeaten
from benchmarks.worker import fastest
from lookalike.index import Index

AIMS = (0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99, 0.995)
SINGLE_QUERIES = 500
Answer = dict[str, Any]


def _loaded(name: str, data: Path) -> Dataset:
    """Return a set of `benchmarks.datasets`, or of `benchmarks.asked_recall`."""
    return SETS[name](data) if name in SETS else load(name, data)


def _each(search: Callable[..., object], queries: Sequence[npt.NDArray[Any]]) -> None:
    for query in queries:
        search(query)


def work(name: str, data: Path, k: int, queries: int) -> None:
    """Build, say so, and print the points of one round for each line that is read."""
    dataset = _loaded(name, data)
    asked = np.ascontiguousarray(dataset.queries[:queries], dtype=np.float32)
    some = list(asked[:SINGLE_QUERIES])
    farthest = truth.cached(dataset.base, asked, dataset.metric)[1][:, k - 1]
    built: list[Index] = []
    with threadpool_limits(1):
        seconds = fastest(
            lambda: built.append(Index.build(dataset.base, metric=dataset.metric, seed=0, n_jobs=1)), 1
        )
    index = built[0]
    found = {}
    for aim in AIMS:
        ids = index.search(asked, k, recall=aim)[0]
        found[aim] = recall(dataset.base, asked, ids, farthest, dataset.metric)
    print(json.dumps({"build": seconds, "found": found}), flush=True)
    for _ in sys.stdin:
        points: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
        for aim, reached in found.items():
            search = partial(index.search, k=k, recall=aim)
            batch = fastest(partial(search, asked), 1)
            single = fastest(partial(_each, search, some), 1)
            points["batch"].append((reached, len(asked) / batch))
            points["single"].append((reached, len(some) / single))
        print(json.dumps(points), flush=True)


class Worker:
    """One build at work in a process of its own."""

    def __init__(self, build: Build, arguments: list[str]) -> None:
        self.name = build.name
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.index_paired", *arguments, "--work"],
            cwd=ROOT,
            env=build.environment() | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.begun = self._read()

    def _read(self) -> Answer:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise click.ClickException(f"{self.name} ended with status {self.process.wait()}")
        answer: Answer = json.loads(line)
        return answer

    def round(self) -> Answer:
        """Return the points of one round, by the kind of search."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._read()

    @classmethod
    @contextmanager
    def started(cls, build: Build, arguments: list[str]) -> Iterator[Worker]:
        """Yield a worker, which ends with the block."""
        worker = cls(build, arguments)
        try:
            yield worker
        finally:
            worker.process.kill()
            worker.process.wait()


def report(workers: list[Worker], rounds: list[list[Answer]]) -> None:
    """Print what was found, built and searched, and the ratios."""
    for worker in workers:
        told = ", ".join(f"{aim}: {found:.3f}" for aim, found in worker.begun["found"].items())
        click.echo(f"{worker.name}: built in {worker.begun['build']:.1f} s; asked and found {told}")
    for kind in KINDS:
        click.echo(f"\n| {kind}, queries/s at recall | {' | '.join(f'{aim:.2f}' for aim in RECALLS)} |")
        click.echo("| --- |" + " --- |" * len(RECALLS))
        rates = [
            [[rate_at(unbeaten(map(tuple, answer[kind])), aim) for aim in RECALLS] for answer in answers]
            for answers in rounds
        ]
        for number, worker in enumerate(workers):
            middle = [median(line[number][i] or 0 for line in rates) for i in range(len(RECALLS))]
            click.echo(f"| {worker.name} | {' | '.join(f'{rate:,.0f}' for rate in middle)} |")
        if len(workers) == 2:
            ratios = [
                median((line[1][i] or 0) / (line[0][i] or np.inf) for line in rates)
                for i in range(len(RECALLS))
            ]
            click.echo(f"| ratio | {' | '.join(f'**{ratio:.2f}**' for ratio in ratios)} |")


@click.command(help=__doc__)
@click.argument("name", metavar="DATASET")
@against_option
@click.option("--data", type=click.Path(path_type=Path), default=Path("data"), envvar="LOOKALIKE_BENCH_DATA")
@click.option("--neighbours", "-k", "k", default=10, show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--queries", default=2_000, show_default=True, help="Queries in a batch.")
@click.option("--work", "working", is_flag=True, hidden=True)
def main(
    name: str, against: Path | None, data: Path, k: int, rounds: int, queries: int, working: bool
) -> None:
    if working:
        work(name, data, k, queries)
        return
    try:
        dataset = _loaded(name, data)
    except DatasetMissingError as error:
        raise click.ClickException(str(error)) from None
    arguments = [name, "--data", os.fspath(data.resolve()), "-k", str(k), "--queries", str(queries)]
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker.started(build, arguments)) for build in chosen(against)]
        answers = [[worker.round() for worker in workers] for _ in range(rounds)]
    rows, dimension = dataset.base.shape
    click.echo(f"{name}, {rows:,} x {dimension}, {dataset.metric}, k = {k}; {machine()['processor']}\n")
    report(workers, answers)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.index_paired")
