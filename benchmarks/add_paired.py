"""`lookalike add` by this code and by another checkout's, in turn.

    git worktree add ../other COMMIT
    python -m benchmarks.add_paired --data DIR --other ../other [--feature look=1]

DIR is searched for pictures. Each run is a process of its own that makes a collection anew; of each pair, the other
checkout goes first and second by turns. Processor seconds are those of all its processes, and less noisy than the
clock.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import click

from benchmarks.runner import machine


def added(tree: Path, data: Path, options: Sequence[str]) -> tuple[float, float]:
    """Return the seconds, and the processor seconds, of adding all pictures by the code in `tree`."""
    with tempfile.TemporaryDirectory(prefix="lookalike-") as folder:
        command = [sys.executable, "-m", "lookalike", "add", str(data), "-c", f"{folder}/c", *options]
        environment = {**os.environ, "PYTHONPATH": str((tree / "src").resolve())}
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=environment)
        seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@click.command(help=__doc__)
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--other", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--feature", "features", multiple=True, help="Of this code's run; the other takes its default.")
@click.option("--rounds", default=5, show_default=True)
def main(data: Path, other: Path, features: tuple[str, ...], rounds: int) -> None:
    """Print a line of JSON: medians, and the medians of the ratios of pairs."""
    here = Path(__file__).parents[1]
    options = {here: [part for one in features for part in ("--feature", one)], other: []}
    found: dict[Path, list[tuple[float, float]]] = {here: [], other: []}
    for turn in range(rounds):
        for tree in (other, here) if turn % 2 == 0 else (here, other):
            found[tree].append(added(tree, data, options[tree]))
    pairs = list(zip(found[here], found[other], strict=True))
    figures = {
        **machine(),
        "seconds": [round(median(one for one, _ in found[tree]), 2) for tree in (here, other)],
        "processor_seconds": [round(median(one for _, one in found[tree]), 2) for tree in (here, other)],
        "rate_of_the_others": round(median(then[0] / now[0] for now, then in pairs), 3),
        "processor_rate_of_the_others": round(median(then[1] / now[1] for now, then in pairs), 3),
    }
    click.echo(json.dumps(figures))


if __name__ == "__main__":
    main()
