"""Runs libraries on data sets, each in its own process with its own Python, and gathers what they measured."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import cache, truth
from benchmarks.datasets import Dataset
from benchmarks.peers import PEERS, peer_class
from benchmarks.worker import Task
from lookalike.errors import OptionError

ROOT = Path(__file__).parent.parent
POOLS = ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB_MAXIMUM", "NUMEXPR")
"""Thread pools that are told their size before a library starts them."""
INSTRUCTIONS = {"avx512_vbmi2": "AVX-512 with VBMI2", "avx512f": "AVX-512", "avx2": "AVX2"}
"""Of the instructions that /proc/cpuinfo names, those that make the most of a difference, the widest first."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """How to measure."""

    threads: int = 1
    cpus: tuple[int, ...] = ()
    """The processors to stay on; empty leaves it to the system."""
    repeats: int = 3
    """Each rate is the best of so many."""
    runs: int = 1
    """Whole runs of every library in turn; tables take the median of them."""
    seconds: float = 0.2
    """Time for one repeat of a slow library, which then gets fewer queries."""
    k: int = 10
    builds: int = 1
    """Build options tried for each library."""
    limit_seconds: float = 3600
    """A library that takes longer on one data set is stopped, and what it had measured is kept."""
    pythons: Mapping[str, str] = field(default_factory=dict)
    """The Python of a peer by its name; "" is that of every other peer. Lookalike runs in this one by default."""

    def python(self, peer: str) -> str:
        """Return the interpreter that has a peer's library."""
        if peer in self.pythons:
            return self.pythons[peer]
        return (
            sys.executable if peer in ("lookalike", "brute-force") else self.pythons.get("", sys.executable)
        )


def parse_pythons(texts: Sequence[str]) -> dict[str, str]:
    """Return interpreters by peer from texts `PYTHON` (for all) or `PEER=PYTHON`.

    Raises:
        OptionError: no such peer, or no such file.
    """
    pythons = {}
    for text in texts:
        peer, _, path = text.rpartition("=")
        if peer and peer not in PEERS:
            raise OptionError(f"{peer} is not measured here; there are {', '.join(PEERS)}")
        if not Path(path).is_file():
            raise OptionError(f"there is no Python at {path}")
        pythons[peer] = path
    return pythons


@functools.cache
def missing(peer: str, python: str) -> str | None:
    """Return how to install a peer that `python` does not have; None if it has it."""
    found = peer_class(peer)
    check = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({found.module!r}) is None)"
    if subprocess.run([python, "-c", check], check=False, capture_output=True, cwd=ROOT).returncode == 0:
        return None
    return f"{python} -m pip install {found.packages}"


def machine() -> Row:
    """Return what is known of this machine."""
    processor = platform.processor()
    with contextlib.suppress(OSError):
        processor = processor_of(Path("/proc/cpuinfo").read_text(encoding="utf-8")) or processor
    return {"processor": processor, "cores": os.cpu_count(), "system": platform.system()}


def processor_of(cpuinfo: str) -> str:
    """Return the first processor's name of a /proc/cpuinfo, family and model, and its widest instructions; or ""."""
    pairs = (line.split(":", 1) for line in cpuinfo.partition("\n\n")[0].splitlines() if ":" in line)
    told = {name.strip(): value.strip() for name, value in pairs}
    if "model name" not in told:
        return ""
    flags = told.get("flags", "").split()
    widest = next((name for flag, name in INSTRUCTIONS.items() if flag in flags), "")
    numbers = f"family {told.get('cpu family')} model {told.get('model')}"
    return f"{told['model name']} ({', '.join(filter(None, (numbers, widest)))})"


def files_of(dataset: Dataset, k: int) -> tuple[Path, Path, Path]:
    """Return .npy files of the rows, the queries and the distance of each query's k-th true neighbour."""
    folder = (
        cache.FOLDER
        / "runs"
        / f"{dataset.name}-{cache.digest([dataset.base, dataset.queries, dataset.metric])}"
    )
    paths = (folder / "base.npy", folder / "queries.npy", folder / f"farthest-{k}.npy")
    if not all(path.exists() for path in paths):
        distances = truth.cached(dataset.base, dataset.queries, dataset.metric)[1]
        for path, array in zip(paths, (dataset.base, dataset.queries, distances[:, k - 1]), strict=True):
            cache.store(path, np.ascontiguousarray(array))
    return paths


def measure(
    dataset: Dataset, peers: Sequence[str], plan: Plan, say: Callable[[str], None] = print
) -> Iterator[Row]:
    """Yield a row for each build and each search setting of each peer.

    Args:
        say: takes lines for the person who waits.
    """
    files = files_of(dataset, plan.k)
    rows, dimension = dataset.base.shape
    for run in range(plan.runs):
        for peer in peers:
            found = peer_class(peer)
            if dataset.metric not in found.metrics:
                say(f"{dataset.name}: {peer} has no {dataset.metric}; passed over")
                continue
            if rows > found.largest:
                say(f"{dataset.name}: {peer} would build for too long; passed over")
                continue
            how = missing(peer, plan.python(peer))
            if how:
                say(f"{peer} is not installed; to measure it: {how}")
                continue
            for options in found.builds(rows, dimension)[: plan.builds]:
                common = {
                    "dataset": dataset.name,
                    "metric": dataset.metric,
                    "peer": peer,
                    "options": options,
                    "run": run,
                    "threads": plan.threads,
                    "k": plan.k,
                }
                lines = _work(dataset.metric, files, peer, options, plan, say)
                say(f"{dataset.name}: {peer} {json.dumps(options)}: {_summary(lines)}")
                yield from (common | line for line in lines)


def _work(
    metric: str,
    files: tuple[Path, Path, Path],
    peer: str,
    options: dict[str, Any],
    plan: Plan,
    say: Callable[[str], None],
) -> list[Row]:
    """Run one worker and return its lines; say what went wrong, if something did."""
    base, queries, farthest = map(str, files)
    with tempfile.TemporaryDirectory() as folder:
        task = Task(
            peer=peer,
            options=options,
            base=base,
            queries=queries,
            farthest=farthest,
            metric=metric,
            k=plan.k,
            threads=plan.threads,
            cpus=list(plan.cpus),
            repeats=plan.repeats,
            seconds=plan.seconds,
            out=str(Path(folder) / "lines.jsonl"),
        )
        path = Path(folder) / "task.json"
        path.write_text(json.dumps(asdict(task)), encoding="utf-8")
        environment = os.environ | {f"{pool}_NUM_THREADS": str(plan.threads) for pool in POOLS}
        if plan.python(peer) != sys.executable:
            environment.pop("PYTHONPATH", None)  # made for this Python's packages, not for the other's
        command = [plan.python(peer), "-m", "benchmarks.worker", str(path)]
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                timeout=plan.limit_seconds,
                check=False,
            )
            if done.returncode:
                last = done.stderr.strip().splitlines()[-1:] or [f"ended with status {done.returncode}"]
                say(f"{peer} failed: {last[0]}")
        except subprocess.TimeoutExpired:
            say(f"{peer} took longer than {plan.limit_seconds:.0f} s and was stopped")
        lines = Path(task.out)
        text = lines.read_text(encoding="utf-8").splitlines() if lines.exists() else []
    return [json.loads(line) for line in text]


def _summary(lines: list[Row]) -> str:
    """Return a line's worth of what a worker measured."""
    searches = [line for line in lines if "recall" in line]
    if not searches:
        return "no figures"
    best = max(line["recall"] for line in searches)
    return f"built in {lines[0]['build_seconds']:.1f} s, {len(searches)} settings, recall to {best:.3f}"
