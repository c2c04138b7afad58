"""One library on one data set, in a process of its own; run by `benchmarks.runner` with the library's Python.

    python -m benchmarks.worker TASK.json

TASK.json holds a `Task`'s fields; its result lines go to the file that it names. Only NumPy is needed here.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.peers import peer_class
from benchmarks.peers.base import Peer
from benchmarks.recall import recall

WARM_UP = 20
"""Queries before any that count; their rate says how many the budget allows."""
ENOUGH = 0.997
"""Recall beyond which slower settings say nothing more."""
GAIN = 0.0005
"""Within a group, a setting that finds no more than this beyond the one before is the last."""


@dataclass(frozen=True)
class Task:
    """What a worker is to measure."""

    peer: str
    options: dict[str, Any]
    base: str
    """.npy file of the rows (n, d); `float32` beside it for libraries that take nothing else."""
    queries: str
    farthest: str
    """.npy file of the distance (q,) of each query's k-th true neighbour."""
    metric: str
    k: int
    threads: int
    cpus: list[int]
    repeats: int
    seconds: float
    """Time for one measurement of one setting; slow libraries get fewer queries."""
    out: str

    @classmethod
    def read(cls, path: str) -> Task:
        """Return the task of a file."""
        values = json.loads(Path(path).read_text(encoding="utf-8"))
        return cls(**{field.name: values[field.name] for field in fields(cls)})


def resident() -> tuple[int, int]:
    """Return resident memory now, and its peak since the last call of `forget_peak`, in bytes."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        sizes = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Vm")}
        return 1024 * int(sizes["VmRSS"]), 1024 * int(sizes["VmHWM"])
    except OSError:  # not Linux: the peak alone, since the process began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peak *= 1 if sys.platform == "darwin" else 1024
        return peak, peak


def forget_peak() -> None:
    """Let the peak of resident memory start anew, where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def fastest(run: Callable[[], object], repeats: int, threads: int = 1) -> float:
    """Return the least time of some runs, in seconds; the least is what other work disturbs least.

    With one thread it is the processor's time, of all threads together: what waiting for a processor that others
    use would add is left out, and a library that starts threads all the same gains nothing by it.
    """
    clock = time.process_time if threads == 1 else time.perf_counter
    times = []
    for _ in range(repeats):
        started = clock()
        run()
        times.append(clock() - started)
    return max(min(times), 1e-9)


def saved_size(peer: Peer) -> int | None:
    """Return the bytes that the index takes on disk, rows included, or None where it cannot be saved."""
    with tempfile.TemporaryDirectory() as folder:
        if not peer.save(Path(folder)):
            return None
        return sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())


def measure(
    task: Task, peer: Peer, base: npt.NDArray[Any], queries: npt.NDArray[Any]
) -> Iterator[dict[str, Any]]:
    """Yield the figures of each search setting until recall is complete."""
    farthest = np.load(task.farthest)
    for group in peer.settings():
        before = 0.0
        for setting in group:
            figures = measure_setting(task, peer, setting, base, queries, farthest)
            yield figures
            gain, before = figures["recall"] - before, figures["recall"]
            if before >= ENOUGH:
                return
            if gain < GAIN:
                break


def measure_setting(
    task: Task,
    peer: Peer,
    setting: dict[str, Any],
    base: npt.NDArray[Any],
    queries: npt.NDArray[Any],
    farthest: npt.NDArray[Any],
) -> dict[str, Any]:
    """Return recall, and the rates of a batch and of single queries, in queries a second."""
    peer.use(setting, task.k)
    peer.search(queries[:WARM_UP], task.k)  # loads and compiles
    each = fastest(lambda: peer.search(queries[:WARM_UP], task.k), 2, task.threads) / WARM_UP
    count = min(max(int(task.seconds / each), 100), len(queries))
    block = queries[:count]
    found = peer.search(block, task.k)
    batch = fastest(lambda: peer.search(block, task.k), task.repeats, task.threads)
    for query in block[:WARM_UP]:
        peer.search_one(query, task.k)
    each = fastest(lambda: [peer.search_one(query, task.k) for query in block[:WARM_UP]], 2) / WARM_UP
    some = list(block[: min(max(int(task.seconds / each), 100), count)])

    def one_by_one(some: list[npt.NDArray[Any]] = some) -> None:
        for query in some:
            peer.search_one(query, task.k)

    single = fastest(one_by_one, task.repeats)
    share = recall(base, block, found, farthest[:count], task.metric)
    return {
        "setting": setting,
        "recall": round(share, 5),
        "batch": round(count / batch, 1),
        "single": round(len(some) / single, 1),
        "queries": count,
    }


def run(task: Task) -> None:
    """Build, measure, and write a line for the build and one for each setting."""
    if hasattr(os, "sched_setaffinity") and task.cpus:
        os.sched_setaffinity(0, task.cpus)
    peer = peer_class(task.peer)(task.options)
    given = np.load(task.base)
    rows = given if peer.keeps_dtype else np.ascontiguousarray(given, dtype=np.float32)
    queries = np.ascontiguousarray(np.load(task.queries), dtype=np.float32)
    forget_peak()
    before = resident()[0]
    started = time.perf_counter()
    processor = time.process_time()
    peer.build(rows, task.metric, task.threads)
    built = {
        "build_seconds": round(time.perf_counter() - started, 3),
        "build_processor_seconds": round(time.process_time() - processor, 3),
        "build_peak_bytes": resident()[1] - before,
        "resident_bytes": resident()[0] - before,
        "saved_bytes": saved_size(peer),
        "rows_bytes": rows.nbytes,
        "rows": len(rows),
        "dimension": rows.shape[1],
    }
    with Path(task.out).open("w", encoding="utf-8") as file:
        print(json.dumps(built), file=file, flush=True)
        for line in measure(task, peer, given, queries):
            print(json.dumps(line), file=file, flush=True)


if __name__ == "__main__":
    run(Task.read(sys.argv[1]))
