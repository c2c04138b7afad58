"""The comparison of Lookalike's index with its peers.

    python -m benchmarks                    a small set, in minutes
    python -m benchmarks --full             every data set and peer that is there
    python -m benchmarks sift-300k --peer lookalike --peer faiss-ivf

Libraries that are not installed are passed over with a line that says how to install them; they may live in another
Python, which `--python` or LOOKALIKE_BENCH_PYTHON names.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import click

from benchmarks.datasets import DATASETS, SMALL, load
from benchmarks.missing import DatasetMissingError
from benchmarks.peers import PEERS
from benchmarks.runner import ROOT, Plan, machine, measure, parse_pythons
from benchmarks.table import read, report
from lookalike.errors import LookalikeError

SMALL_PEERS = ("lookalike", "faiss-ivf", "scann", "symphonyqg", "hnswlib", "faiss-lsh", "brute-force")


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, metavar="[DATASET]...")
@click.option("--full", is_flag=True, help="Every data set and peer, several builds each, three runs.")
@click.option("--peer", "peers", multiple=True, type=click.Choice(list(PEERS)), help="Measure only these.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data"),
    envvar="LOOKALIKE_BENCH_DATA",
    show_default=True,
    help="The folder of the data sets; see benchmarks/datasets.py.",
)
@click.option("--python", "pythons", multiple=True, metavar="[PEER=]PYTHON", help="The Python of the peers.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--cpu", "cpus", multiple=True, type=int, help="Stay on these processors.")
@click.option("--runs", type=click.IntRange(min=1), help="Whole runs; tables take their median.")
@click.option("--builds", type=click.IntRange(min=1), help="Build options tried for each library.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File of the result lines.")
@click.option("--curves/--no-curves", default=True, help="Draw them, where matplotlib is installed.")
def main(
    names: tuple[str, ...],
    full: bool,
    peers: tuple[str, ...],
    data: Path,
    pythons: tuple[str, ...],
    threads: int,
    cpus: tuple[int, ...],
    runs: int | None,
    builds: int | None,
    out: Path | None,
    curves: bool,
) -> None:
    try:
        chosen = pythons or tuple(filter(None, os.environ.get("LOOKALIKE_BENCH_PYTHON", "").split(",")))
        plan = Plan(
            threads=threads,
            cpus=cpus,
            runs=runs or (3 if full else 1),
            builds=builds or (2 if full else 1),
            seconds=0.3 if full else 0.1,
            pythons=parse_pythons(chosen),
        )
        out = out or ROOT / "benchmarks" / "results" / f"{time.strftime('%Y-%m-%d-%H%M%S')}.jsonl"
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("a", encoding="utf-8") as file:
            print(json.dumps({"machine": machine()}), file=file)
            for name in names or (DATASETS if full else SMALL):
                try:
                    dataset = load(name, data)
                except DatasetMissingError as error:
                    if names:
                        raise
                    click.echo(f"{name} passed over: {error}", err=True)
                    continue
                measured = peers or (tuple(PEERS) if full else SMALL_PEERS)
                for row in measure(dataset, measured, plan, lambda line: click.echo(line, err=True)):
                    print(json.dumps(row), file=file, flush=True)
    except LookalikeError as error:
        raise click.ClickException(str(error)) from None
    rows = read([out])
    click.echo(report(rows))
    click.echo(f"result lines: {out}")
    if curves:
        try:
            from benchmarks.curves import draw_all

            for picture in draw_all(rows, out.parent / out.stem):
                click.echo(f"curves: {picture}")
        except ImportError:
            click.echo("no curves without matplotlib: pip install matplotlib", err=True)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
