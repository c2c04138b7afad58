"""The half of a collection that says how its features are indexed; what is indexed is in `collection.py`."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from lookalike.arguments import as_count
from lookalike.arrays import Metric, as_metric
from lookalike.catalogue import FeatureRecord
from lookalike.collection.from_metadata import refresh_metadata_features
from lookalike.collection.info import describe_index
from lookalike.collection.moving import (
    MigrationReport,
    check_place,
    chosen_place,
    feature_of,
    is_elsewhere,
    sampled_hits,
    takes_metric,
    with_index,
)
from lookalike.collection.reader import Reader
from lookalike.collection.report import Listener
from lookalike.collection.stored_index import family_of, is_engine
from lookalike.errors import BucketStoreError, EngineError, LookalikeError, OptionError
from lookalike.hashing import FamilySpec
from lookalike.index import Tuning, VectorIndex, tune_family
from lookalike.index.lsh.usual import sample_rows

if TYPE_CHECKING:
    from lookalike.evaluation import Evaluation, Judged

log = logging.getLogger(__name__)

TUNED: dict[Metric, str] = {
    "euclidean": "p-stable",
    "cosine": "hyperplane",
    "dot": "hyperplane",
    "jaccard": "min-hash",
    "hamming": "bit-sampling",
}
"""The family that is tuned where none is named."""
QUERIES = 2000
"""An evaluation asks no more queries than this, unless it is told to."""


class Indexing(Reader):
    """A collection as far as it can be read, and its indexes chosen, moved and rebuilt; see `Collection`."""

    def index(self, feature: str) -> dict[str, Any]:
        """Return what `info` tells of the index of a feature. Raises UnknownFeatureError."""
        self._check_open()
        with self._searcher.indexes() as (_, features, indexes):
            return describe_index(feature_of(features, feature), indexes[feature])

    def tune(
        self, feature: str, family: str | None = None, *, recall: float = 0.9, memory: int | None = None
    ) -> Tuning:
        """Propose the parameters of a hash family for a feature, and predict what they give; nothing is changed.

        The family is tried on a sample of the vectors; see `lookalike.tune_family`. The choice is applied by
        `set_index(feature, choice.spec.name, **choice.spec.parameters)`.

        Args:
            family: its name; by default that of the feature's index, or one of random functions that fits its metric.
            recall: the share of the ten nearest that is to be found.
            memory: the most bytes that the buckets may take.

        Raises:
            UnknownFeatureError: there is no such feature.
            OptionError: another option makes no sense, or the family does not hash such vectors.
            VectorError: fewer than two sources have the feature.
        """
        with self._open_catalogue.snapshot() as catalogue:
            record = feature_of(catalogue.features(), feature)
            kind = as_metric(record.metric)
            chosen = family_of(record.index)
            asked = FamilySpec(family or (TUNED[kind] if chosen is None else chosen.name))
            numbers = catalogue.numbers_with([feature])
            drawn = np.random.default_rng(0).permutation(numbers)[: sample_rows(asked, len(numbers))]
            vectors = catalogue.vectors(feature, np.sort(drawn))[1]
        return tune_family(vectors, asked, rows=len(numbers), metric=kind, recall=recall, memory=memory)

    def evaluate(
        self,
        by: str | None = None,
        *,
        judged: Judged | None = None,
        k: int = 10,
        queries: int = QUERIES,
        features: Mapping[str, float] | Iterable[str] | None = None,
        families: Iterable[str] = (),
        listener: Listener | None = None,
    ) -> Evaluation:
        """Measure each feature, features together and their indexes on labels of your own; nothing is changed.

        Stored sources are queries, each left out of its own answer, and the search is exact. Relevant are the sources
        that share a label with the query. Weights of all features are proposed by cross-validation.

        Args:
            by: the metadata field whose values are labels, each member of a list one; or "folder", the name of the
                folder that a picture's file lies in, where no field is called so.
            judged: instead, a CSV file with the columns `query`, `source` and `grade`, or a list of such tuples: ids or
                paths of two sources, and how relevant the second is to the first, 0 for not at all. Other pairs count
                as not relevant.
            k: of precision@k, recall@k and, with grades, nDCG@k; up to 1,000.
            queries: the most; of more, so many are drawn by a fixed seed.
            features: which ones; with weights, these are measured too. By default all.
            families: hash families to build beside the index of each feature that they hash, and to measure.
            listener: is told how far it is.

        Raises:
            MetadataError: there is no such field, or nothing to tell apart; the file of pairs makes no sense.
            UnknownIdError: a judged source is not there; the line is named.
            UnknownFeatureError: there is no such feature, or none at all, or no query has all of them.
            OptionError: another argument makes no sense.
        """
        from lookalike.collection.evaluating import evaluate

        self._check_open()
        return evaluate(
            self._searcher,
            by,
            judged,
            k=k,
            queries=queries,
            features=features,
            families=families,
            listener=listener,
        )

    def set_index(
        self,
        feature: str,
        family: str | None = None,
        *,
        buckets: str | None = None,
        engine: str | None = None,
        graph: bool | None = None,
        **parameters: Any,
    ) -> dict[str, Any]:
        """Search a feature by buckets of this kind from now on; return what `info` tells of the new index.

        The choice is kept in the catalogue, so that every rebuild follows it; the password of a URL is not.

        Args:
            family: "learned" (buckets that are learned from the vectors), or a hash family: "hyperplane",
                "cross-polytope", "p-stable" or "clusters"; for sets "min-hash", for binary codes "bit-sampling", which
                stand for "learned" there. By default that which the feature has, but clusters where learned buckets go
                to a store.
            buckets: where to keep them: the URL of a store, such as redis://host, or "embedded", beside the
                catalogue; by default where they are.
            engine: the URL of a search engine, such as opensearch://host:9200, to search there, by tokens that are
                learned from the vectors; or "embedded".
            graph: whether the engine builds its own HNSW as well, for `search(..., candidates="knn")`; by default as
                it is.
            parameters: of the family, such as tables=16; what is left out is fitted to the vectors.

        Raises:
            UnknownFeatureError: there is no such feature.
            OptionError: there is no such family or store, or it takes no such parameters.
            BucketStoreError, EngineError: it cannot be used; the index stays where it was.
        """
        if graph is not None and not isinstance(graph, bool):
            raise OptionError(f"graph is {graph!r}; give True or False")
        if family is None and parameters:
            raise OptionError(f"{', '.join(parameters)}: of which family? name it")
        spec = None if family is None else FamilySpec(family, parameters)
        place = chosen_place(buckets, engine)
        with self._backend.writing("index"):
            record, index = self._change_index(feature, spec, place, graph)
            return describe_index(record, index.view())

    def migrate(
        self, feature: str, *, buckets: str | None = None, engine: str | None = None, queries: int = 100
    ) -> MigrationReport:
        """Move the index of a feature to a store or a search engine, or back, and compare what both find.

        The family stays; learned buckets, and the tokens of an engine, become clusters in a store.

        Args:
            buckets: the URL of a store, or "embedded", beside the catalogue.
            engine: the URL of a search engine instead.
            queries: how many sources, drawn from all, are searched for before and after.

        Raises:
            UnknownFeatureError, OptionError, BucketStoreError, EngineError: as `set_index` does.
        """
        place, sampled = check_place(buckets, engine), as_count(queries, "queries", least=1)
        with self._backend.writing("migrate"):
            with self._searcher.indexes() as (catalogue, features, indexes):
                feature_of(features, feature)
                before = sampled_hits(catalogue, indexes[feature], feature, sampled)
            record, index = self._change_index(feature, None, place)
            with self._catalogue.snapshot() as catalogue:
                return MigrationReport.of(record, before, sampled_hits(catalogue, index, feature, sampled))

    def rebuild(self, *, listener: Listener | None = None) -> dict[str, int]:
        """Build every index, and the index of words, anew from the catalogue; return the vectors indexed by feature."""
        listener = listener or Listener()
        built = {}
        with self._backend.writing("rebuild"):
            self._catalogue.rebuild_text()
            refresh_metadata_features(self._catalogue)
            for name, feature in self._catalogue.features().items():
                listener.stage(f"indexing {name}")
                built[name] = len(self._indexes.build(feature))
            self._distributions.update()
        return built

    def _change_index(
        self, feature: str, family: FamilySpec | None, place: str | None, graph: bool | None = None
    ) -> tuple[FeatureRecord, VectorIndex]:
        """Build the index that is asked for, and delete the one that was elsewhere. Needs the writer lock."""
        old = feature_of(self._open_catalogue.features(), feature)
        new = with_index(old, family, place, graph)
        self._homes.check(new, place)
        self._keep_index(new)
        try:
            index = self._indexes.build(new)
        except LookalikeError:
            self._keep_index(old)
            raise
        if is_elsewhere(old, new):
            with suppress(BucketStoreError, EngineError):  # what is left there is of no use to anybody
                self._homes.drop(old)
        return new, index

    def _keep_index(self, feature: FeatureRecord) -> None:
        with self._catalogue.write() as writer:
            writer.set_feature_index(feature.name, feature.index)

    def _placed(self, feature: FeatureRecord) -> FeatureRecord:
        """Return a feature; where it is new to the collection, to be searched where new features are.

        One that a search engine cannot compare is searched beside the catalogue then.
        """
        place = self._place
        if place is None or feature.name in self._catalogue.features():
            return feature
        if is_engine(place) and not takes_metric(feature.metric):
            return feature
        return with_index(feature, None, place)

    def _update_indexes(self, listener: Listener) -> None:
        """Bring sets of words, and the indexes, up to date after a write.

        The write is done: what fails of the indexes is left to the next search.
        """
        refresh_metadata_features(self._catalogue)
        for name, feature in self._catalogue.features().items():
            listener.stage(f"indexing {name}")
            try:
                self._indexes.update(feature)
            except LookalikeError as error:
                log.warning("the index of %s is not up to date (%s); the next search sees to it", name, error)
        try:
            self._distributions.update()
        except LookalikeError as error:
            log.warning("distances were not measured (%s); the next search sees to it", error)
