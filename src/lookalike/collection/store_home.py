"""Indexes whose buckets are in stores, which several processes and machines may share."""

from __future__ import annotations

import threading

import numpy as np

from lookalike.arrays import kept_dtype
from lookalike.buckets import BucketStore, open_bucket_store
from lookalike.catalogue import Catalogue, FeatureRecord
from lookalike.collection.catalogue_rows import CatalogueRows
from lookalike.collection.index_homes import Blocks
from lookalike.collection.stored_index import StoredIndex, is_engine, with_password
from lookalike.errors import BucketStoreError, LookalikeError
from lookalike.index.options import Options
from lookalike.index.store_index import StoreIndex

RECALL = 0.95


class StoreHome:
    """A `SharedHome` for features whose record says where their buckets are. Vectors are the catalogue's."""

    def __init__(self, catalogue: Catalogue, given: str | None) -> None:
        """Read vectors from `catalogue`, and take the password from the URL `given` where it is the same store's."""
        self._catalogue = catalogue
        self._given = None if given is None or is_engine(given) else given
        self._stores: dict[tuple[str, str], BucketStore] = {}
        self._lock = threading.Lock()

    def check(self, feature: FeatureRecord, given: str | None) -> None:
        """See `SharedHome`. Raises BucketStoreError."""
        self._given = given or self._given
        self._store(_stored(feature)).header()

    def open(self, feature: FeatureRecord, *, verify: bool = False) -> StoreIndex | None:
        """See `IndexHome`. There is no checksum to `verify`: the store answers for what it holds.

        Raises:
            BucketStoreUnavailableError: the store cannot be reached.
            BucketStoreError: it refuses, or holds something else.
        """
        stored = _stored(feature)
        index = StoreIndex.open(self._store(stored), stored.name, self._rows(feature))
        if index is None:
            return None
        if (index.dimension, index.metric, index.family) != (
            feature.dimension,
            feature.metric,
            stored.family,
        ):
            raise BucketStoreError(
                f"{stored.name}: is of another kind than feature {feature.name}; rebuild it"
            )
        return index

    def build(self, feature: FeatureRecord, blocks: Blocks, *, stamp: int) -> StoreIndex:
        """See `IndexHome`. Raises BucketStoreError."""
        stored = _stored(feature)
        return StoreIndex.build(
            self._store(stored),
            stored.name,
            self._rows(feature),
            blocks,
            dimension=feature.dimension,
            metric=feature.metric,
            family=stored.family,
            recall=RECALL,
            stamp=stamp,
        )

    def build_private(
        self, feature: FeatureRecord, blocks: Blocks, *, stamp: int, because: LookalikeError
    ) -> StoreIndex:
        """See `IndexHome`: every vector of the catalogue is compared, and answers say so.

        Nothing is built, since the buckets of a store are for many: whoever may write fills them for all.
        """
        stored = _stored(feature)
        trouble = because
        if not isinstance(trouble, BucketStoreError):
            trouble = BucketStoreError(
                f"{stored.name}: the buckets are gone or of another state, and cannot be made now: {because}"
            )
        return StoreIndex.without_buckets(
            stored.name, self._rows(feature), _options(feature, stored), stamp=stamp, trouble=trouble
        )

    def drop(self, feature: FeatureRecord) -> None:
        """See `IndexHome`."""
        self._store(_stored(feature)).drop()

    def bytes_used(self) -> int:
        """See `IndexHome`: nothing on this machine."""
        return 0

    def close(self) -> None:
        """Close all stores that were opened."""
        with self._lock:
            while self._stores:
                self._stores.popitem()[1].close()

    def _store(self, stored: StoredIndex) -> BucketStore:
        """Return the one handle that this collection has on a namespace."""
        key = stored.url, stored.namespace
        with self._lock:
            if key not in self._stores:
                url = with_password(stored.url, self._given)
                self._stores[key] = open_bucket_store(url, stored.namespace)
            return self._stores[key]

    def _rows(self, feature: FeatureRecord) -> CatalogueRows:
        return CatalogueRows(self._catalogue, feature.name)


def _stored(feature: FeatureRecord) -> StoredIndex:
    stored = StoredIndex.of(feature.index)
    if stored is None:
        raise BucketStoreError(f"feature {feature.name} has its buckets in no store; build its index")
    return stored


def _options(feature: FeatureRecord, stored: StoredIndex) -> Options:
    return Options.of(
        metric=feature.metric,
        dimension=feature.dimension,
        recall=RECALL,
        seed=0,
        scan_below=0,
        family=stored.family,
        dtype=kept_dtype(np.float32, feature.metric).name,
    )
