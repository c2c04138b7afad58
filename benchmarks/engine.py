"""Ways of finding look-alikes in a search engine, side by side: OpenSearch or Elasticsearch, one node.

    python -m benchmarks.engine --url opensearch://127.0.0.1:9200 --data DATA make fashion-mnist
    python -m benchmarks.engine --url opensearch://127.0.0.1:9200 --data DATA search fashion-mnist

`make` writes an index for each way and prints what it cost; `search` then asks all of them in turn, query after query,
and prints recall of the ten nearest and times of whole requests, by one client and by eight. `filters` asks for the ten
nearest among those that a filter leaves. `--ways` names some of them alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import click
import numpy as np

from benchmarks import engine_indexes, truth
from benchmarks.datasets import load
from benchmarks.engine_indexes import NUMBER
from benchmarks.engine_ways import (
    K,
    Way,
    by_defaults_of_more_like_this,
    by_graph,
    by_script,
    by_tokens,
    measure,
)
from benchmarks.missing import DatasetMissingError
from benchmarks.runner import machine
from lookalike import EngineIndex
from lookalike.arrays import Float32, Rows, as_metric
from lookalike.engine.asked import Asked
from lookalike.engine.client import Engine
from lookalike.engine.query import MOST_HITS
from lookalike.engine.search import Search
from lookalike.engine.tokens import ALL_CANDIDATES, TokenScheme
from lookalike.engine.tuning import tune_tokens
from lookalike.engine.vector_form import engine_dtype
from lookalike.hashing import Clusterings, Clusters
from lookalike.index.row_forms import as_hashed

QUERIES = 200
SAMPLE = 20_000
ROWS_A_CLUSTER = 20
PLAIN = ("hnsw", "hnsw-bytes", "exact")
"""Ways without tokens: the engine's own HNSW of float32, and of bytes where vectors are such, and no index at all."""
BEAMS = {"opensearch": (10, 20, 40, 100), "elasticsearch": (10, 20, 40, 100)}
"""Candidates that the engine's own HNSW looks at."""
SHARES = (0.001, 0.01, 0.1, 0.5, 1.0)
"""Of all documents, that filters leave."""
HEADS = ("way", "recall@10", "p50 ms", "p95 ms", "queries/s, 8 clients", "tokens", "terms")
SIZES = ("bytes a document", "source", "doc values", "vectors", "graph", "tokens and others")


class Bench:
    """One data set in one engine."""

    def __init__(self, url: str, data: Path, name: str, rows: int | None) -> None:
        self.engine = Engine.open(url, timeout=600)
        found = load(name, data)
        self.metric = as_metric(found.metric)
        base = found.base if rows is None else found.base[:rows]
        self.rows: Rows = np.ascontiguousarray(base, dtype=engine_dtype(base.dtype, self.metric))
        """As they are kept."""
        self.base = self.rows.astype(np.float32)
        self.queries = np.asarray(found.queries[:QUERIES], dtype=np.float32)
        self.truth = truth.cached(np.asarray(base), np.asarray(found.queries[:QUERIES]), found.metric)
        self.name = f"bench-{name}" if rows is None else f"bench-{name}-{rows}"

    def schemes(self) -> dict[str, Callable[[], TokenScheme]]:
        """Return what makes the tokens of each way that has some."""
        return {
            "tuned": lambda: self._tuned(ALL_CANDIDATES - 1),
            "tuned-1000": lambda: self._tuned(1000),
            "tuned-400": lambda: self._tuned(400),
            "all": self._all_of_four,
            "256x32": lambda: self._published(32),
            "256x256": lambda: self._published(256),
        }

    def make(self, way: str) -> engine_indexes.Made:
        """Write the index of a way."""
        index = f"{self.name}-{way}"
        if way in PLAIN:
            rows = self.rows if way == "hnsw-bytes" else self.base
            return engine_indexes.make_plain(self.engine, index, self.metric, rows, graph=way != "exact")
        return engine_indexes.make_tokens(self.engine, index, self.schemes()[way](), self.rows)

    def ways(self, chosen: Sequence[str]) -> list[Way]:
        """Return how each of the indexes is searched."""
        ways: list[Way] = []
        for way in chosen:
            name = f"{self.name}-{way}"
            if way == "exact":
                ways.append(Way("exact script", name, by_script(self.engine, name)))
            elif way in PLAIN:
                rows = self.rows if way == "hnsw-bytes" else self.base
                form = engine_indexes.plain_form(self.engine, rows)
                for beam in BEAMS[self.engine.name]:
                    find = by_graph(self.engine, name, beam, form)
                    ways.append(Way(f"the engine's HNSW of {rows.dtype}, beam {beam}", name, find))
            else:
                index = EngineIndex.open(self.engine, name)
                scheme = index.scheme
                tokens = scheme.family.tables * scheme.ranks
                terms = tokens * min(scheme.probes, scheme.family.centroids)
                ways.append(Way(described(way, scheme), name, by_tokens(index), tokens, terms))
                if way == "256x32":
                    find = by_defaults_of_more_like_this(index, self.engine, scheme.candidates)
                    ways.append(Way(f"more_like_this by its defaults, {way}", name, find, tokens, 25))
                    find = partial(alike, index)
                    ways.append(Way(f"more_like_this with limits, {way}", name, find, tokens, tokens))
        return ways

    def filtered(self, way: str) -> Iterator[tuple[float, str, Way]]:
        """Yield for each share of documents that a filter leaves how they were searched, and what was found."""
        index = EngineIndex.open(self.engine, f"{self.name}-{way}")
        numbers = np.array([document[NUMBER] for document in engine_indexes.documents(len(self.base))])
        for share in SHARES:
            limit = round(share * len(self.base))
            if limit < K:
                continue
            left = np.flatnonzero(numbers < limit)
            where = {NUMBER: (None, limit - 1)}
            nearest = left[truth.exact(self.base[left], self.queries, self.metric, K)[0]]
            found = Way("filtered", index.name, by_tokens(index, where=where))
            measure([found], self.queries, nearest, clients=False)
            plan = Search(index._target, Asked.of(where=where)).plan()
            yield share, f"{plan.way}, {plan.probes} probes" if plan.by_tokens else plan.way, found

    def _sample(self, most: int) -> Float32:
        drawn = np.random.default_rng(0).choice(len(self.base), min(most, len(self.base)), replace=False)
        return self.base[np.sort(drawn)]

    def _tuned(self, candidates: int) -> TokenScheme:
        """Return what is chosen when so many documents may be compared at most."""
        sample = self._sample(SAMPLE)
        return tune_tokens(sample, rows=len(self.base), metric=self.metric, candidates=candidates).scheme

    def _published(self, clusters: int) -> TokenScheme:
        """Return sections as they were published: one probe, weighed by rarity."""
        few = as_hashed(self._sample(SAMPLE // 2), self.metric)
        family = Clusters(sections=min(256, self.base.shape[1]), clusters=clusters).fit(few)
        return TokenScheme(family, self.metric, probes=1, candidates=1000).weighed(few)

    def _all_of_four(self) -> TokenScheme:
        """Return four clusterings of lists of about 64 documents, of which all are compared that share a token."""
        clusters = 2 ** round(np.log2(len(self.base) / 64))
        sample = as_hashed(self._sample(ROWS_A_CLUSTER * clusters), self.metric)
        family = Clusterings(tables=4, clusters=clusters).fit(sample)
        return TokenScheme(family, self.metric, probes=4, candidates=MOST_HITS)


def alike(index: EngineIndex, query: Float32) -> Sequence[str]:
    """Return what `more_like_this` finds with its limits set."""
    return index.more_like_this(query, K).ids


def described(way: str, scheme: TokenScheme) -> str:
    """Return a scheme in words."""
    family = scheme.family
    if isinstance(family, Clusters):
        return f"sections {way}, weighed by rarity, 1 probe, {scheme.candidates} candidates"
    compared = "all" if scheme.candidates >= MOST_HITS else str(scheme.candidates)
    return f"{way}: {family.tables} clusterings of {family.centroids}, {scheme.probes} probes, {compared} compared"


def row(values: Sequence[object]) -> None:
    """Print a row of a table."""
    click.echo("| " + " | ".join(map(str, values)) + " |")


def table(heads: Sequence[str]) -> None:
    """Print the head of a table."""
    row(heads)
    click.echo("|" + " --- |" * len(heads))


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("action", type=click.Choice(["make", "search", "filters"]))
@click.argument("name", metavar="DATASET")
@click.option("--url", required=True)
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--rows", type=int, help="Only the first rows of the data set.")
@click.option("--ways", default="tuned,all,256x32,256x256,exact,hnsw,hnsw-bytes", show_default=True)
def main(action: str, name: str, url: str, data: Path, rows: int | None, ways: str) -> None:
    """Print a table."""
    try:
        bench = Bench(url, data, name, rows)
    except DatasetMissingError as error:
        raise click.ClickException(str(error)) from None
    engine = bench.engine
    click.echo(
        f"{machine()}\n{engine.name} {'.'.join(map(str, engine.version))}, {name}, {bench.base.shape}\n"
    )
    if action == "make":
        table(("way", "documents/s", "written, s", "merged, s", *SIZES))
        for way in ways.split(","):
            made = bench.make(way)
            sizes = (
                f"{size:,.0f}" for size in (made.bytes, *(made.parts.get(part, 0) for part in SIZES[1:]))
            )
            row((way, f"{made.rate:,.0f}", f"{made.written:.1f}", f"{made.merged:.1f}", *sizes))
    elif action == "search":
        table(HEADS)
        found = bench.ways(ways.split(","))
        measure(found, bench.queries, bench.truth[0][:, :K])
        for one in found:
            times = (f"{one.milliseconds(percentile):.1f}" for percentile in (50, 95))
            row((one.name, f"{one.recall:.3f}", *times, f"{one.rate:.0f}", one.tokens or "", one.terms or ""))
    else:
        table(("way", "left", "plan", "recall@10", "p50 ms", "p95 ms"))
        for way in ways.split(","):
            for share, plan, seen in bench.filtered(way):
                times = (f"{seen.milliseconds(percentile):.1f}" for percentile in (50, 95))
                row((way, f"{share:.1%}", plan, f"{seen.recall:.3f}", *times))


if __name__ == "__main__":
    main()
