"""Tokens of a search engine, without the engine: what share of the ten nearest is among the candidates.

    python -m benchmarks.tokens --data DATA [fashion-mnist] [products-views] [sift-300k]

Each form's tokens are counted as an engine counts them: a document's score is the sum of the boosts of the terms that
it shares with the query, times its own factor. Recall is that of the ten nearest among the W documents of the largest
scores, which exact distances then order. `terms` are a query's; `postings` are the documents in the lists of its
terms, which an engine reads. Seconds are by the processor's clock: of training, and of the tokens of all rows. What
`tune_tokens` chose is measured beside what it predicted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from benchmarks import truth
from benchmarks.datasets import Dataset, load
from benchmarks.missing import DatasetMissingError
from benchmarks.runner import machine
from lookalike.arrays import Float32, Int64, as_metric
from lookalike.engine.tokens import TokenScheme
from lookalike.engine.trial import Trial
from lookalike.engine.tuning import tune_tokens
from lookalike.hashing import Clusterings, Clusters
from lookalike.index.lsh.neighbours import Pairs
from lookalike.index.row_forms import as_hashed

NAMES = ("fashion-mnist", "products-views", "sift-300k")
K = 10
QUERIES, AT_A_TIME = 300, 50
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
    "train, s",
    "tokens, s",
)
TUNED = ((0.95, 1000), (0.95, 400))
"""Recalls that `tune_tokens` is asked for, with the most candidates."""


class Table:
    """Rows, queries and their true neighbours, and a line for each form."""

    def __init__(self, data: Dataset) -> None:
        queries = np.asarray(data.queries[:QUERIES])
        nearest = truth.cached(data.base, queries, data.metric)[0][:, :K]
        self.metric = as_metric(data.metric)
        self.base = as_hashed(np.asarray(data.base), self.metric)
        self.pairs = [
            self._pairs(queries[part], nearest[part])
            for part in (slice(first, first + AT_A_TIME) for first in range(0, len(queries), AT_A_TIME))
        ]
        random = np.random.default_rng(0)
        drawn = random.choice(len(self.base), min(SAMPLE_ROWS, len(self.base)), replace=False)
        self.sample = self.base[np.sort(drawn)]

    def _pairs(self, queries: npt.NDArray[Any], nearest: Int64) -> Pairs:
        firsts = np.arange(len(queries) + 1) * K
        neighbours = self.base[nearest.reshape(-1)]
        asked = as_hashed(queries, self.metric)
        return Pairs(asked, neighbours, firsts, np.full(len(queries), K), self.base, len(self.base))

    def lines_of(
        self,
        name: str,
        fit: Callable[[Float32], TokenScheme],
        settings: Iterable[tuple[int, int]] = (),
    ) -> Iterator[dict[str, Any]]:
        """Yield the figures of one form, by numbers of first tables and of probes; by default, its own."""
        started = time.process_time()
        scheme = fit(self.sample)
        fitted = time.process_time()
        trial = Trial(scheme, self.base, len(self.base))
        indexed = time.process_time()
        for tables, probes in settings or [(scheme.family.tables, scheme.probes)]:
            by_part = [list(trial.standings(part, probes, (tables,))) for part in self.pairs]
            for standings in zip(*by_part, strict=True):
                factors = standings[0][1]
                found = [
                    np.mean([standing.recall(window) for *_, standing in standings]) for window in WINDOWS
                ]
                tokens = tables * scheme.ranks
                form = f"{name}, {probes} probes" + (", factors" if factors else "")
                figures = [
                    form,
                    tokens,
                    tokens * min(probes, scheme.family.centroids),
                    f"{np.mean([standing.postings for *_, standing in standings]):,.0f}",
                    *(f"{share:.3f}" for share in found),
                    f"{fitted - started:.1f}",
                    f"{indexed - fitted:.1f}",
                ]
                yield dict(zip(HEADS, figures, strict=True))

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield the figures of each form."""
        metric, count = self.metric, len(self.base)
        sections = min(256, self.base.shape[1])
        large, small = (2 ** round(np.log2(count / documents)) for documents in (64, 4))
        clusters = min(small, 1024)

        def published(sample: Float32, centroids: int) -> TokenScheme:
            few = sample[:: max(1, len(sample) // SECTION_ROWS)]
            family = Clusters(sections=sections, clusters=centroids).fit(few)
            return TokenScheme(family, metric, probes=1).weighed(few)

        def whole(sample: Float32, ranks: int) -> TokenScheme:
            family = Clusterings(tables=8, clusters=large).fit(sample)
            return TokenScheme(family, metric, probes=16, ranks=ranks)

        def cells(sample: Float32) -> TokenScheme:
            family = Clusterings(tables=16, clusters=clusters, residuals=small // clusters).fit(sample)
            return TokenScheme(family, metric).spread_out(sample)

        for each in (32, 256):
            yield from self.lines_of(
                f"sections {sections} x {each}, rarity", partial(published, centroids=each)
            )
        yield from self.lines_of(
            f"clusterings of {large}", partial(whole, ranks=1), ((4, 16), (8, 16), (8, 32))
        )
        yield from self.lines_of(
            f"clusterings of {large}, second nearest", partial(whole, ranks=2), ((8, 16),)
        )
        settings = ((4, 64), (8, 32), (8, 64), (12, 64), (16, 32), (16, 56))
        yield from self.lines_of(f"clusterings of {clusters} x {small // clusters}", cells, settings)
        for recall, most in TUNED:
            yield from self.tuned(recall, most)

    def tuned(self, recall: float, most: int) -> Iterator[dict[str, Any]]:
        """Yield the figures of what is chosen; those that were predicted are printed."""
        started = time.process_time()
        choice = tune_tokens(
            self.sample, rows=len(self.base), metric=self.metric, recall=recall, candidates=most
        )
        taken = time.process_time() - started
        print(f"tuned for {recall} among {most} in {taken:.0f} s: {choice.scheme.to_json()}")
        print(f"predicted: {choice.forecast}\nat more rows: {choice.grown}", flush=True)
        name = f"tuned, {recall} among {choice.scheme.candidates} (predicted {choice.forecast.recall:.3f})"
        yield from self.lines_of(name, lambda _: choice.scheme)


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, metavar="[DATASET]...")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), required=True)
def main(names: tuple[str, ...], data: Path) -> None:
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
        for line in Table(found).lines():
            print("| " + " | ".join(str(value) for value in line.values()) + " |", flush=True)


if __name__ == "__main__":
    main()
