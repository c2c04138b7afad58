"""The part of a reader that looks at a whole collection: what is there twice, and what it is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod

from lookalike.arguments import as_count, as_finite, as_share, as_threads
from lookalike.catalogue import Catalogue
from lookalike.collection.clusters import Clusters, find_clusters
from lookalike.collection.copies import Copies, find_copies
from lookalike.collection.groups import Groups, find_groups
from lookalike.collection.searcher import Searcher
from lookalike.index.join.self_join import as_limit


class Overview(ABC):
    """Copies, groups and clusters of a collection."""

    _catalogue: Catalogue
    _searcher: Searcher

    @abstractmethod
    def _check_open(self) -> None:
        """Raise CollectionError where the collection is closed."""

    def copies(
        self,
        feature: str | None = None,
        *,
        max_distance: float | None = None,
        newest: int = 500,
        most: int = 50,
    ) -> Copies:
        """Return groups of sources that look nearly the same, the largest first.

        Args:
            feature: by which they are compared; by default the first that the collection has.
            max_distance: between two of a group, or between those that lead from one to the other; by default what
                copies in other sizes and qualities mostly have: 0.02, and 0.04 by the second version of `look`.
            newest: how many sources, the latest, are each compared with all; what is older may be in their groups.
            most: groups that are returned.

        Raises:
            OptionError: an argument is not of its kind.
            UnknownFeatureError: the collection has no such feature.
        """
        within = None if max_distance is None else as_finite(max_distance, "max_distance")
        newest, most = as_count(newest, "newest", least=0), as_count(most, "most", least=0)
        self._check_open()
        with self._searcher.indexes() as (catalogue, features, indexes):
            return find_copies(catalogue, features, indexes, feature, within, newest=newest, most=most)

    def groups(
        self,
        feature: str | None = None,
        *,
        max_distance: float | None = None,
        recall: float = 0.99,
        n_jobs: int = -1,
    ) -> Groups:
        """Return all groups of copies, near-copies and look-alikes, the largest first; nothing is removed.

        All members of a group are within the distance of its middle, so that no chain of near ones makes a group of
        strangers. A source that lies in several files is a group by itself where no other is near it.

        Args:
            feature: by which they are compared; by default the first that the collection has.
            max_distance: from 0; by default that of copies in other sizes and qualities: measured for `look`, and told
                for other features by the distances of nearest neighbours in the collection.
            recall: the share of near pairs that should be found; 1 compares every source with every other.
            n_jobs: threads; -1 for all cores.

        Raises:
            UnknownFeatureError: the collection has no such feature.
            OptionError: an argument has no such value; the feature is compared by inner products; or so many pairs
                are near that the distance is none of copies.
        """
        limit = None if max_distance is None else as_limit(max_distance)
        share, threads = as_share(recall, "recall"), as_threads(n_jobs)
        self._check_open()
        with self._searcher.indexes() as (catalogue, features, indexes):
            return find_groups(
                catalogue,
                self._catalogue,
                features,
                indexes,
                feature,
                limit,
                recall=share,
                threads=threads,
            )

    def clusters(
        self, feature: str | None = None, *, count: int | None = None, seed: int = 0, n_jobs: int = -1
    ) -> Clusters:
        """Return what the collection is made of: clusters by k-means, the largest first, each with its words.

        Args:
            feature: by which sources are compared; by default the first that the collection has.
            count: of clusters; by default the root of half the number of sources, and no more than 50.
            seed: the same sources and seed give the same clusters.
            n_jobs: threads; -1 for all cores.

        Raises:
            UnknownFeatureError: the collection has no such feature.
            OptionError: an argument has no such value; more clusters than sources; a feature of codes or sets.
            InputError: no source has the feature.
        """
        wanted = None if count is None else as_count(count, "count", least=1)
        start, threads = as_count(seed, "seed", least=0), as_threads(n_jobs)
        self._check_open()
        with self._searcher.indexes() as (catalogue, features, indexes):
            return find_clusters(catalogue, features, indexes, feature, wanted, seed=start, threads=threads)
