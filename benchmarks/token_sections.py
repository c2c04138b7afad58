"""Published sections as tokens: how many candidates they take as a collection grows, predicted from a sample.

    python -m benchmarks.token_sections --data DATA [fashion-mnist] [sift-300k]

One line for each number of sections and of clusters a section: one probe, weighed by rarity. For each number of rows,
the candidates among which 0.95 of the ten nearest are ("-": too many
of them share no token with the query), the postings, and the recall among 400.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from benchmarks.datasets import load
from lookalike.engine.sample import Sample
from lookalike.engine.tokens import TokenScheme
from lookalike.engine.trial import Standing, Trial
from lookalike.hashing import Clusters

NAMES = ("fashion-mnist", "sift-300k")
ROWS = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000)
SHAPES = ((16, 64), (16, 256), (64, 16), (64, 64), (64, 256), (128, 32), (128, 128), (256, 32), (256, 256))
"""Sections, and clusters of each."""
LEARNED, SCANNED, TRIED = 8_192, 40_000, 5_000
RECALL = 0.95


def needed(told: Sample, standing: Standing, rows: int) -> str:
    """Return the fewest candidates, about, that reach the recall."""
    windows = np.unique(np.geomspace(10, rows, 200).astype(int)).tolist()
    reached = (window for window in windows if told.recall(standing.found(window), rows)[0] >= RECALL)
    return next((f"{window:,}" for window in reached), "-")


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, metavar="[DATASET]...")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), required=True)
def main(names: tuple[str, ...], data: Path) -> None:
    """Print a table a data set."""
    for name in names or NAMES:
        base = load(name, data).base
        order = np.random.default_rng(0).permutation(len(base))
        learned = np.asarray(base[np.sort(order[:LEARNED])]).astype(np.float32)
        sample = np.asarray(base[order[LEARNED : LEARNED + SCANNED]]).astype(np.float32)
        among = [(rows, Sample.of(sample[:rows], "euclidean", 0, 0)) for rows in ROWS]
        print(f"\n{name}\n\n| sections | " + " | ".join(f"{rows:,}" for rows in ROWS) + " |")
        print("|" + " --- |" * (1 + len(ROWS)))
        for sections, clusters in SHAPES:
            if sections <= sample.shape[1]:
                family = Clusters(sections=sections, clusters=clusters).fit(learned)
                scheme = TokenScheme(family, "euclidean", probes=1).weighed(learned)
                cells = []
                for rows, told in among:
                    trial = Trial(scheme, told, rows, TRIED)
                    [(_, union)], [(_, standing)] = trial.unions((1,)), trial.standings(1)
                    recall = told.recall(standing.found(400), rows)[0]
                    cells.append(f"{needed(told, standing, rows)}; {union.postings:,.0f}; {recall:.3f}")
                print(f"| {sections} x {clusters} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
