"""Tokens of a search engine, without the engine: what share of the ten nearest is among the candidates.

    python -m benchmarks.tokens --data DATA [--sample ROWS]... [fashion-mnist] [products-views] [sift-300k]

Each form's tokens are counted as an engine counts them: a document's score is the sum of the boosts of the terms that
it shares with the query, times its own factor. Recall is that of the ten nearest among the W documents of the largest
scores, which exact distances then order. `terms` are a query's; `postings` are the documents in the lists of its
terms, which an engine reads, and `sharing` those in any of them, all of which are compared under "W = all". Seconds
are by the processor's clock: of training, and of the tokens of all rows. What `tune_tokens` chose is measured beside
what it predicted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks import truth
from benchmarks.datasets import Dataset, load
from benchmarks.missing import DatasetMissingError
from benchmarks.runner import machine
from lookalike.arrays import Float32, as_metric
from lookalike.engine.sample import Sample
from lookalike.engine.tokens import ALL_CANDIDATES, TokenScheme
from lookalike.engine.trial import Trial
from lookalike.engine.tuning import tune_tokens
from lookalike.hashing import Clusterings, Clusters
from lookalike.hashing.clustering_learner import ClusteringLearner
from lookalike.hashing.clusterings import COMPONENTS
from lookalike.index.row_forms import as_hashed

NAMES = ("fashion-mnist", "products-views", "sift-300k")
K = 10
QUERIES, TUNED_QUERIES = 300, 1000
WINDOWS = (100, 200, 400, 1000)
SAMPLE_ROWS = 100_000
SECTION_ROWS = 10_000
"""Of the sample, for the centroids of sections."""
HEADS = (
    "form",
    "tokens",
    "terms",
    "postings",
    *(f"W = {window}" for window in WINDOWS),
    "sharing",
    "W = all",
    "train, s",
    "tokens, s",
)
TUNED = ((0.95, 1000), (0.95, 400))
"""Recalls that `tune_tokens` is asked for, with the most candidates."""


class Table:
    """Rows, queries and their true neighbours, and a line for each form."""

    def __init__(self, data: Dataset, queried: int) -> None:
        queries = np.asarray(data.queries[:queried])
        nearest = truth.cached(data.base, queries, data.metric)[0][:, :K]
        self.metric = as_metric(data.metric)
        self.base = as_hashed(np.asarray(data.base), self.metric)
        self.truth = Sample(as_hashed(queries, self.metric), self.base, 0, nearest)
        self.sample = self.drawn(SAMPLE_ROWS)

    def drawn(self, rows: int) -> Float32:
        """Return a sample of so many rows, or all where there are fewer."""
        random = np.random.default_rng(0)
        return self.base[np.sort(random.choice(len(self.base), min(rows, len(self.base)), replace=False))]

    def lines_of(
        self, name: str, fit: Callable[[int], TokenScheme], settings: Iterable[tuple[int, int]]
    ) -> Iterator[dict[str, Any]]:
        """Yield the figures of one form, by numbers of tables and of probes; `fit` makes one of so many tables."""
        trained, fitted_tables = 0.0, 0
        for tables, probes in settings:
            if tables != fitted_tables:
                started = time.process_time()
                scheme, fitted_tables = fit(tables), tables
                fitted = time.process_time()
                trial = Trial(scheme, self.truth, len(self.base), len(self.base))
                trained += fitted - started
                indexed = time.process_time() - fitted
            [(_, union)] = trial.unions((probes,))
            for factors, standing in trial.standings(probes):
                tokens = tables * scheme.ranks
                figures = [
                    f"{name}, {probes} probes" + (", factors" if factors else ""),
                    tokens,
                    tokens * min(probes, scheme.family.centroids),
                    f"{union.postings:,.0f}",
                    *(f"{standing.found(window).mean():.3f}" for window in WINDOWS),
                    f"{union.sharing:,.0f}",
                    f"{union.found.mean():.3f}",
                    f"{trained:.1f}",
                    f"{indexed:.1f}",
                ]
                yield dict(zip(HEADS, figures, strict=True))

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield the figures of each form."""
        metric, count = self.metric, len(self.base)
        sections = min(256, self.base.shape[1])
        large, small = (2 ** round(np.log2(count / documents)) for documents in (64, 4))
        clusters = min(small, 1024)

        learner = ClusteringLearner(self.sample, COMPONENTS, 0)

        def published(_: int, centroids: int) -> TokenScheme:
            few = self.sample[:: max(1, len(self.sample) // SECTION_ROWS)]
            family = Clusters(sections=sections, clusters=centroids).fit(few)
            return TokenScheme(family, metric, probes=1).weighed(few)

        def whole(tables: int, ranks: int) -> TokenScheme:
            return TokenScheme(Clusterings(tables=tables, clusters=large).learn(learner), metric, ranks=ranks)

        def cells(tables: int) -> TokenScheme:
            family = Clusterings(tables=tables, clusters=clusters, residuals=small // clusters)
            return TokenScheme(family.learn(learner), metric).spread_out(self.sample)

        for each in (32, 256):
            yield from self.lines_of(
                f"sections {sections} x {each}, rarity", partial(published, centroids=each), ((sections, 1),)
            )
        yield from self.lines_of(
            f"clusterings of {large}",
            partial(whole, ranks=1),
            ((1, 8), (1, 12), (2, 4), (2, 6), (4, 2), (4, 3), (4, 16), (8, 16), (8, 32)),
        )
        yield from self.lines_of(
            f"clusterings of {large}, second nearest", partial(whole, ranks=2), ((8, 16),)
        )
        settings = ((4, 64), (8, 32), (8, 64), (12, 64), (16, 32), (16, 56))
        yield from self.lines_of(f"clusterings of {clusters} x {small // clusters}", cells, settings)
        for recall, most in TUNED:
            yield from self.tuned(self.sample, recall, most)

    def tuned(
        self, sample: Float32, recall: float = 0.95, most: int = ALL_CANDIDATES - 1
    ) -> Iterator[dict[str, Any]]:
        """Yield the figures of what is chosen; those that were predicted are printed."""
        started = time.process_time()
        choice = tune_tokens(sample, rows=len(self.base), metric=self.metric, recall=recall, candidates=most)
        taken = time.process_time() - started
        print(f"tuned for {recall} among {most} in {taken:.0f} s: {choice.scheme.to_json()}")
        print(f"predicted: {choice.forecast}\nat more rows: {choice.grown}", flush=True)
        scheme = choice.scheme
        name = f"tuned, {recall} among {choice.forecast.candidates} (predicted {choice.forecast.recall:.3f})"
        yield from self.lines_of(name, lambda _: scheme, ((scheme.family.tables, scheme.probes),))


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, metavar="[DATASET]...")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--sample", "samples", type=int, multiple=True, help="Only what is tuned by so many rows.")
def main(names: tuple[str, ...], data: Path, samples: tuple[int, ...]) -> None:
    """Print a table a data set."""
    print(machine())
    for name in names or NAMES:
        try:
            found = load(name, data)
        except DatasetMissingError as error:
            print(f"{name}: {error}")
            continue
        print(f"\n{name}: {found.base.shape[0]:,} x {found.base.shape[1]}, {found.metric}\n")
        print("| " + " | ".join(HEADS) + " |\n|" + " --- |" * len(HEADS))
        table = Table(found, TUNED_QUERIES if samples else QUERIES)
        tuned = chain.from_iterable(table.tuned(table.drawn(rows)) for rows in samples)
        for line in tuned if samples else table.lines():
            print("| " + " | ".join(str(value) for value in line.values()) + " |", flush=True)


if __name__ == "__main__":
    main()
