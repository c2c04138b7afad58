"""Two builds of Lookalike side by side: this one, and the one whose sources `--against` names.

The same benchmark runs with either in processes of its own, in turn, so that both see the same machine. A commit's
sources come from `git worktree add FOLDER COMMIT`, in `FOLDER/src`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import click

import lookalike
from benchmarks.runner import ROOT, machine

Figures = dict[str, float]

against_option = click.option(
    "--against",
    metavar="SRC",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The sources of another build, measured in turn.",
)


@dataclass(frozen=True)
class Build:
    """A build of Lookalike."""

    name: str
    source: Path
    """The folder that holds the package."""

    def environment(self) -> dict[str, str]:
        """Return the environment in which a new process imports this build."""
        return os.environ | {"PYTHONPATH": str(self.source.resolve())}

    def run(self, arguments: Sequence[str]) -> str:
        """Return what `python ARGUMENTS` prints; ClickException with what it complained of, if it failed."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or [f"ended with status {done.returncode}"]
            raise click.ClickException(f"{self.name}: {last[0]}")
        return done.stdout

    def figures(self, module: str, arguments: Sequence[str]) -> Figures:
        """Return the figures that a step of a benchmark prints as JSON on its last line."""
        found: Figures = json.loads(self.run(["-m", module, *arguments]).splitlines()[-1])
        return found


def chosen(against: Path | None) -> list[Build]:
    """Return this build, after the other one if there is one."""
    this = Build("this build", Path(lookalike.__file__).parents[1])
    return [this] if against is None else [Build("the other", against), this]


def in_turn(
    builds: Sequence[Build], rounds: int, measure: Callable[[Build], Figures]
) -> dict[str, list[Figures]]:
    """Return the figures of each round by the build's name; in every round the builds take turns."""
    found: dict[str, list[Figures]] = {build.name: [] for build in builds}
    for _ in range(rounds):
        for build in builds:
            found[build.name].append(measure(build))
    return found


def table(found: Mapping[str, Sequence[Figures]]) -> str:
    """Return a Markdown table of medians; with two builds, of the ratio of the later to the earlier in each round."""
    names = list(found)
    rows = [line for figures in found.values() for line in figures]
    labels = list(dict.fromkeys(label for line in rows for label in line))
    heads = ["", *names] + (["ratio"] if len(names) == 2 else [])
    lines = [f"| {' | '.join(heads)} |", "| --- |" + " --- |" * (len(heads) - 1)]
    for label in labels:
        columns = [[line[label] for line in found[name] if label in line] for name in names]
        cells = [f"{median(column):.4g}" if column else "" for column in columns]
        if len(names) == 2:
            pairs = list(zip(*columns, strict=False))
            cells.append(f"{median(later / earlier for earlier, later in pairs):.3g}" if pairs else "")
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def report(title: str, found: Mapping[str, Sequence[Figures]]) -> None:
    """Print a table beneath its title and the processor's name."""
    here: dict[str, Any] = machine()
    click.echo(f"{title}; {here['processor']}, {here['cores']} cores\n\n{table(found)}\n")
