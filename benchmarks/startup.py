"""What a process pays before its first answer: the import, and the first search.

    python -m benchmarks.startup [--rows 20000]

Each figure is the median of several new processes, with warm caches of bytecode and of compiled kernels: a first
process fills them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import click
import numpy as np

from benchmarks import synthetic
from lookalike.index import Index

IMPORT = """
import json, sys, time
started, processor = time.perf_counter(), time.process_time()
import lookalike
print(json.dumps({
    "import_seconds": time.perf_counter() - started,
    "import_processor_seconds": time.process_time() - processor,
    "imports_numba": "numba" in sys.modules,
}))
"""
SEARCH = """
import json, sys, time
import numpy as np
import lookalike
queries = np.load(sys.argv[2])
started = time.perf_counter()
index = lookalike.Index.open(sys.argv[1])
opened, processor = time.perf_counter(), time.process_time()
index.search(queries[0], 10)
first, searched = time.perf_counter(), time.process_time()
for query in queries[1:]:
    index.search(query, 10)
print(json.dumps({
    "open_seconds": opened - started,
    "first_search_seconds": first - opened,
    "first_search_processor_seconds": searched - processor,
    "later_search_seconds": (time.perf_counter() - first) / (len(queries) - 1),
}))
"""


def medians(code: str, arguments: list[str], repeats: int) -> dict[str, float]:
    """Return the medians of the figures that a program prints, each time in a new process."""
    runs = []
    for _ in range(repeats):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True
        )
        runs.append(json.loads(done.stdout))
    return {name: round(median(run[name] for run in runs), 5) for name in runs[0]}


@click.command()
@click.option("--rows", default=20_000, show_default=True)
@click.option("--repeats", default=5, show_default=True)
def main(rows: int, repeats: int) -> None:
    """Print the figures as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        index, queries = Path(folder) / "index", Path(folder) / "queries.npy"
        Index.build(synthetic.vectors(rows, 128)).save(index)
        np.save(queries, synthetic.vectors(200, 128, kind=1))
        medians(SEARCH, [str(index), str(queries)], 1)
        figures = medians(IMPORT, [], repeats) | medians(SEARCH, [str(index), str(queries)], repeats)
    click.echo(json.dumps({"rows": rows} | figures))


if __name__ == "__main__":
    main()
