"""The recall that is estimated of each answer, beside the one that it has.

    python -m benchmarks.estimated_recall --data DATA [--set NAME]... [--k K]... [--filter SHARE]

Each line is a set, a kind of queries, a k and a recall asked for: the mean recall found and the mean estimated, then
the queries in bands of their estimates, each with its share of the queries and the recall found in it. Queries are
`own`, held out of the rows' own kind; `elsewhere`, photographs of other things among those of products; and `noise`,
uniform between the least and the largest value of each dimension. With --filter, that share of the rows, drawn by
chance, may be found.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from benchmarks.asked_recall import KS, QUERIES, RECALLS, SETS
from lookalike import Index

BANDS = (0.0, 0.3, 0.5, 0.7, 0.9, 1.0)


def noise(base: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return queries (q, d) that are uniform within the bounds of the rows."""
    low, high = base.min(axis=0).astype(np.float32), base.max(axis=0).astype(np.float32)
    shares = np.random.default_rng(0).random((QUERIES, base.shape[1]), dtype=np.float32)
    return np.asarray(low + shares * (high - low))


def kinds(name: str, data: Path) -> tuple[npt.NDArray[Any], str, Iterator[tuple[str, npt.NDArray[Any]]]]:
    """Return rows, their metric, and the queries by kind."""
    made = SETS[name](data)

    def queries() -> Iterator[tuple[str, npt.NDArray[Any]]]:
        yield "own" if not name.startswith("elsewhere") else "elsewhere", made.queries
        if name == "network-3":
            yield "elsewhere", SETS["elsewhere"](data).queries
        yield "noise", noise(made.base)

    return made.base, made.metric, queries()


def report(index: Index, queries: npt.NDArray[np.float32], k: int, allow: Any, name: str) -> None:
    """Print the lines of one set, kind of queries and k."""
    truth = index.search(queries, k, recall=1, allow=allow)[1]
    limit = truth[:, -1:] + 1e-6 * np.maximum(np.abs(truth[:, -1:]), 1)
    for asked in RECALLS:
        distances = index.search(queries, k, recall=asked, allow=allow)[1]
        estimated = index.estimated_recall(queries, k, recall=asked, allow=allow)
        found = ((distances <= limit) & np.isfinite(distances)).mean(axis=1)
        bands = []
        for low, high in pairwise(BANDS):
            inside = (estimated >= low) & ((estimated < high) | (high == 1))
            bands.append(f"{inside.mean():4.0%} {found[inside].mean():.2f}" if inside.any() else "   -    -")
        click.echo(
            f"{name} k {k:4} asked {asked:.2f} found {found.mean():.3f} estimated {estimated.mean():.3f} | "
            + " | ".join(bands)
        )


@click.command()
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--set", "names", multiple=True, default=("network-3",), type=click.Choice(list(SETS)))
@click.option("--k", "ks", multiple=True, default=KS, type=int)
@click.option("--filter", "share", type=click.FloatRange(0, 1, min_open=True))
def main(data: Path, names: tuple[str, ...], ks: tuple[int, ...], share: float | None) -> None:
    """Print the table."""
    click.echo(
        "bands of the estimate: " + ", ".join(f"{low:.1f} to {high:.1f}" for low, high in pairwise(BANDS))
    )
    with threadpool_limits(1):
        for name in names:
            base, metric, queries = kinds(name, data)
            index = Index.build(base, metric=metric, scan_below=0, n_jobs=1)
            allow = None if share is None else np.random.default_rng(1).random(len(base)) < share
            for kind, rows in queries:
                for k in ks:
                    asked = np.asarray(rows[:QUERIES], dtype=np.float32)
                    report(index, asked, k, allow, f"{name} {kind:9}")


if __name__ == "__main__":
    main()
