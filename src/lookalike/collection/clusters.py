"""What a collection is made of: clusters of its sources by one feature, and the words that tell them apart."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lookalike.arrays import DISCRETE, Float32, Int64
from lookalike.catalogue import Catalogue, FeatureRecord, Source
from lookalike.errors import InputError, OptionError, UnknownFeatureError
from lookalike.hashing.k_means import Assigner
from lookalike.hashing.seeded_k_means import seeded_k_means
from lookalike.index import IndexView
from lookalike.index.row_forms import as_hashed
from lookalike.texts import texts_of

MOST_BY_DEFAULT = 50
SAMPLE_ROWS, SAMPLE_NUMBERS = 256, 1 << 26
"""Rows a cluster that are learned from, at least 50,000 in all, and numbers in all that they are at most."""
LEAST_SAMPLE = 50_000
READ_ROWS = 4096
EXAMPLES = 8
WORDS = 6
WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Sources that look alike.

    Attributes:
        size: how many they are.
        spread: their mean distance from their middle.
        words: of their metadata, those that this cluster has more often than others, the most telling first.
        examples: some sources, the nearest to the middle first.
    """

    size: int
    spread: float
    words: tuple[str, ...]
    examples: tuple[Source, ...]

    def to_json(self) -> dict[str, Any]:
        """Return what `lookalike clusters --json` prints."""
        examples = [
            {
                "id": source.id,
                "places": [place.path for place in source.places],
                "title": source.metadata.get("title"),
            }
            for source in self.examples
        ]
        return {"size": self.size, "spread": self.spread, "words": list(self.words), "examples": examples}


class Clusters(Sequence[Cluster]):
    """The clusters of a collection, the largest first.

    Attributes:
        feature: by which sources were compared.
        numbers: (n,), ascending, of all sources that have the feature, as `Source.number` has them.
        labels: (n,), the place of each one's cluster.
    """

    def __init__(self, feature: str, numbers: Int64, labels: Int64, clusters: Sequence[Cluster]) -> None:
        self.feature, self.numbers, self.labels = feature, numbers, labels
        self._clusters = tuple(clusters)

    @property
    def compared(self) -> int:
        """How many sources have the feature."""
        return len(self.numbers)

    def __len__(self) -> int:
        """Number of clusters."""
        return len(self._clusters)

    def __getitem__(self, place: Any) -> Any:
        """Return one cluster, or some."""
        return self._clusters[place]

    def to_json(self) -> dict[str, Any]:
        """Return what `lookalike clusters --json` prints."""
        clusters = [cluster.to_json() for cluster in self._clusters]
        return {"feature": self.feature, "compared": self.compared, "clusters": clusters}

    def to_html(self) -> str:
        """Return a page of the clusters, with thumbnails of their examples."""
        from lookalike.pages.groups import clusters_page

        return clusters_page(self)


def find_clusters(
    catalogue: Catalogue,
    features: Mapping[str, FeatureRecord],
    indexes: Mapping[str, IndexView],
    feature: str | None,
    count: int | None,
    *,
    seed: int,
    threads: int,
) -> Clusters:
    """Return the clusters of all sources that have a feature; see `Collection.clusters`."""
    name = next(iter(features), None) if feature is None else feature
    if name is None or name not in features:
        names = ", ".join(features) or "none"
        raise UnknownFeatureError(f"there is no feature {name!r}; the features are {names}")
    view, numbers = indexes[name], catalogue.numbers_with([name])
    if view.metric in DISCRETE:
        raise OptionError(f"{name} is of codes or sets, which have no means; give a feature of vectors")
    if not len(numbers):
        raise InputError(f"no source has the feature {name}; there is nothing to cluster")
    if count is None:
        count = max(1, min(MOST_BY_DEFAULT, round(math.sqrt(len(numbers) / 2))))
    if count > len(numbers):
        raise OptionError(
            f"{count:,} clusters are more than the {len(numbers):,} sources that have {name}; give fewer"
        )
    random = np.random.default_rng([seed, len(numbers)])
    most = min(max(LEAST_SAMPLE, SAMPLE_ROWS * count), max(count, SAMPLE_NUMBERS // view.dimension))
    sampled = np.sort(random.permutation(numbers)[:most])
    sample = np.concatenate([rows for _, rows in _blocks(view, sampled)])
    centroids = seeded_k_means(sample, count, random)
    del sample
    assigner = Assigner(centroids, random)
    labels = np.empty(len(numbers), dtype=np.int64)
    apart: Float32 = np.empty(len(numbers), dtype=np.float32)
    for here, rows in _blocks(view, numbers):
        labels[here] = assigner.nearest(rows, threads)
        difference = rows - centroids[labels[here]]
        squares = np.einsum("ij,ij->i", difference, difference)
        apart[here] = squares / 2 if view.metric == "cosine" else np.sqrt(squares)
    sizes = np.bincount(labels, minlength=count)
    order = np.argsort(-sizes, kind="stable")
    order = order[: np.count_nonzero(sizes)]
    place = np.empty(count, dtype=np.int64)
    place[order] = np.arange(len(order))
    labels = place[labels]
    words = telling_words(catalogue, numbers, labels, len(order))
    clusters = []
    by_distance = np.lexsort((apart, labels))
    ends = np.cumsum(np.bincount(labels, minlength=len(order)))
    for number, (start, end) in enumerate(zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)):
        members = by_distance[start:end]
        examples = tuple(catalogue.sources(numbers[members[:EXAMPLES]]))
        clusters.append(Cluster(len(members), float(apart[members].mean()), words[number], examples))
    return Clusters(name, numbers, labels, clusters)


def telling_words(
    catalogue: Catalogue, numbers: Int64, labels: Int64, clusters: int
) -> list[tuple[str, ...]]:
    """Return the words that tell each cluster from the others, by tf-idf.

    A cluster's texts are taken for one document, as class-based tf-idf does (Grootendorst, BERTopic, 2022): the share
    of its sources that have a word, times the logarithm of how rare it is among all sources. A word that one source
    alone has tells nothing of a cluster of many.
    """
    having: list[Counter[str]] = [Counter() for _ in range(clusters)]
    sizes = np.bincount(labels, minlength=clusters).tolist()
    everywhere: Counter[str] = Counter()
    for source in catalogue.iterate():
        place = int(np.searchsorted(numbers, source.number))
        if place < len(numbers) and numbers[place] == source.number:
            found = words_of(source.metadata)
            having[labels[place]].update(found)
            everywhere.update(found)
    told = []
    for counts, size in zip(having, sizes, strict=True):
        scores = {
            word: count / size * math.log(len(numbers) / everywhere[word])
            for word, count in counts.items()
            if count > 1 or size == 1
        }
        best = sorted(scores, key=lambda word: (-scores[word], word))[:WORDS]
        told.append(tuple(word for word in best if scores[word] > 0))
    return told


def words_of(metadata: Mapping[str, Any]) -> set[str]:
    """Return the words of a source's metadata, in lower case, less numbers and single letters."""
    return {
        word
        for value in metadata.values()
        for text in texts_of(value)
        for word in WORD.findall(text.casefold())
    }


def _blocks(view: IndexView, numbers: Int64) -> Iterator[tuple[slice, Float32]]:
    """Yield the rows of `numbers` as float32, under "cosine" at length one, and where they are."""
    for start in range(0, len(numbers), READ_ROWS):
        here = slice(start, min(len(numbers), start + READ_ROWS))
        yield here, as_hashed(view.vectors(numbers[here]), view.metric)
