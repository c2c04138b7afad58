"""Exact search among the rows that a filter leaves: the compiled comparison beside matrix products, in turn.

    OMP_NUM_THREADS=1 python -m benchmarks.filtered_scan --rows 1000000 --dimension 128

Random whole numbers, kept in each type; one thread. Milliseconds a call, the least of the rounds; both answers are
checked to be the same.
"""

from __future__ import annotations

import time
from unittest import mock

import click
import numpy as np

from lookalike.index import differences
from lookalike.index.scan import scan
from lookalike.index.squares import Squares

K = 10
SHARES = (0.001, 0.01, 0.1, 0.5, 1.0)
TYPES = ("uint8", "float16", "float32")
WAYS = {"products": 0, "differences": differences.MOST_QUERIES}


@click.command()
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--dimension", default=128, show_default=True)
@click.option("--queries", multiple=True, type=int, default=(1, 8), show_default=True)
@click.option("--rounds", default=5, show_default=True)
def main(rows: int, dimension: int, queries: tuple[int, ...], rounds: int) -> None:
    """Print a line for each type, number of queries and share of the rows that is shown."""
    random = np.random.default_rng(0)
    whole = random.integers(0, 100, (rows, dimension), dtype=np.uint8)
    asked = random.integers(0, 100, (max(queries), dimension)).astype(np.float32)
    ids = np.arange(rows)
    differences._load()
    for kind in TYPES:
        vectors, squares = whole.astype(kind), Squares()
        for count in queries:
            for share in SHARES:
                shown = None if share == 1 else np.flatnonzero(random.random(rows) < share)
                least = dict.fromkeys(WAYS, np.inf)
                found = {}
                for _ in range(rounds):
                    for way, most in WAYS.items():
                        with mock.patch.object(differences, "MOST_QUERIES", most):
                            started = time.perf_counter()
                            found[way] = scan(asked[:count], vectors, ids, K, "euclidean", shown, squares)
                            least[way] = min(least[way], time.perf_counter() - started)
                assert np.array_equal(found["products"][0], found["differences"][0])
                told = "  ".join(f"{way} {1e3 * seconds:.2f} ms" for way, seconds in least.items())
                click.echo(f"{kind:8} {count} queries, {100 * share:5.1f} % shown: {told}")


if __name__ == "__main__":
    main()
