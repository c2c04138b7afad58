"""The rate of extraction on a Dask cluster of this machine beside that of as many local processes.

    python -m benchmarks.cluster --data DIR [--workers 2] [--rounds 5]

DIR holds `images/`. A scheduler and workers of one thread each are started on loopback; both ways then extract all
pictures in turn, whole runs with all that they start. What a cluster costs beside its workers, the scheduler and the
way of the pictures through it, is thus taken from the same cores.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from benchmarks.corpus import pictures_of
from benchmarks.runner import machine
from lookalike.collection.walk import find_pictures
from lookalike.features.parallel import extract_stream
from lookalike.features.registry import FeatureSpec

NO_PROFILE = {"DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False"}
"""Without the stacks that workers of Dask otherwise sample a hundred times a second, as docs/adding.md advises."""


@contextmanager
def cluster_of(workers: int) -> Iterator[str]:
    """Start a Dask cluster on loopback; give its URL, as `extract_stream` takes it."""
    with tempfile.TemporaryDirectory() as folder:
        address = Path(folder) / "scheduler.json"
        usual = ["--host", "127.0.0.1", "--no-dashboard"]
        commands = [["scheduler", *usual, "--port", "0", "--scheduler-file", str(address)]] + [
            [
                "worker",
                *usual,
                "--scheduler-file",
                str(address),
                "--nthreads",
                "1",
                "--local-directory",
                folder,
            ]
        ] * workers
        processes: list[subprocess.Popen[bytes]] = []
        try:
            for command in commands:
                while processes and not address.exists():
                    time.sleep(0.05)
                processes.append(
                    subprocess.Popen(
                        [sys.executable, "-m", f"distributed.cli.dask_{command[0]}", *command[1:]],
                        stderr=subprocess.DEVNULL,
                        env=os.environ | NO_PROFILE,
                    )
                )
            yield json.loads(address.read_text())["address"].replace("tcp://", "dask://")
        finally:
            for process in reversed(processes):
                process.terminate()
            for process in processes:
                process.wait()


def seconds(paths: list[Path], spec: FeatureSpec, jobs: int, cluster: str | None) -> float:
    """Return the time to read, decode and extract all pictures, keeping nothing."""
    started = time.perf_counter()
    for _ in extract_stream(pictures_of(paths), {spec.name: spec}, jobs=jobs, cluster=cluster):
        pass
    return time.perf_counter() - started


@click.command()
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--feature", default="look", show_default=True)
@click.option("--workers", default=2, show_default=True)
@click.option("--rounds", default=5, show_default=True)
def main(data: Path, feature: str, workers: int, rounds: int) -> None:
    """Print the rates, and the median of their ratio, as JSON."""
    spec = FeatureSpec.parse(feature)
    paths = [Path(found.path) for found in find_pictures([data / "images"]).files]
    here, there = [], []
    with cluster_of(workers) as cluster:
        first = seconds(paths, spec, workers, cluster)
        for _ in range(rounds):
            here.append(seconds(paths, spec, workers, None))
            there.append(seconds(paths, spec, workers, cluster))
    figures = {
        **machine(),
        "pictures": len(paths),
        "feature": feature,
        "workers": workers,
        "local_pictures_per_second": round(len(paths) / statistics.median(here), 1),
        "cluster_pictures_per_second": round(len(paths) / statistics.median(there), 1),
        "first_cluster_run_pictures_per_second": round(len(paths) / first, 1),
        "cluster_rate_to_local_rate": round(
            statistics.median(one / other for one, other in zip(here, there, strict=True)), 3
        ),
    }
    click.echo(json.dumps(figures))


if __name__ == "__main__":
    main()
