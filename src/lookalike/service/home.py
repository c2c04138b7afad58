"""The collection that is served: opened when it is there, and opened again when it was gone."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lookalike.arrays import Array, Rows
from lookalike.catalogue import FeatureRecord
from lookalike.collection import Collection
from lookalike.collection.extraction import is_of_pictures, spec_of
from lookalike.collection.query import VectorQuery
from lookalike.errors import OptionError, PictureError, UnknownFeatureError
from lookalike.features.worker_pool import WorkerPool
from lookalike.service.settings import Settings

WORKERS = 2
"""Processes that decode pictures which clients send."""


class Home:
    """One collection for all requests of this process; safe for threads."""

    def __init__(self, settings: Settings) -> None:
        """Open nothing yet."""
        self._settings = settings
        self._lock = threading.Lock()
        self._collection: Collection | None = None
        self._pool: tuple[Sequence[FeatureRecord], WorkerPool] | None = None

    @property
    def opened(self) -> Collection | None:
        """The collection, where it is open already."""
        return self._collection

    def collection(self) -> Collection:
        """Return the collection. Raises CollectionError as long as it is not there, or damaged."""
        with self._lock:
            if self._collection is None:
                self._collection = Collection.open(self._settings.collection)
            return self._collection

    def doubt(self) -> None:
        """Have the collection opened anew by the next request, since this one could not use it.

        Other requests may still use the one that is open, so it is not closed, but let go.
        """
        with self._lock:
            self._collection = None

    def described(self, picture: bytes) -> dict[str, Rows]:
        """Return the vectors of a picture that a client sent, made in a process of its own.

        Raises:
            PictureError: it is none, has too many pixels, takes too long, or crashes its decoder.
            UnknownFeatureError: the collection has no features of pictures.
        """
        pool, names = self._workers()
        (result,) = pool.submit([("the picture", picture)], [names]).results.result()
        if isinstance(result, PictureError):
            raise result
        return {name: np.asarray(vector) for name, vector in result.vectors.items()}

    def close(self) -> None:
        """Close the collection, and end the workers."""
        with self._lock:
            if self._pool is not None:
                self._pool[1].__exit__(None, None, None)
            if self._collection is not None:
                self._collection.close()
            self._pool = self._collection = None

    def _workers(self) -> tuple[WorkerPool, list[str]]:
        records = [one for one in self.collection().features().values() if is_of_pictures(one)]
        if not records:
            raise UnknownFeatureError(
                "the collection has no features of pictures; search it by id, vector or words"
            )
        with self._lock:
            if self._pool is None or self._pool[0] != records:
                if self._pool is not None:
                    self._pool[1].__exit__(None, None, None)
                limits = self._settings.limits
                pool = WorkerPool(
                    [spec_of(one) for one in records],
                    jobs=WORKERS,
                    max_pixels=limits.max_pixels,
                    time_limit=limits.answer_seconds,
                )
                self._pool = (records, pool)
            return self._pool[1], [one.name for one in records]


def as_vector(value: Any, features: Mapping[str, FeatureRecord]) -> VectorQuery:
    """Return a vector, or a mapping of features to vectors, that came as JSON. Raises OptionError.

    JSON has one kind of number, so the features tell what is a binary code: numbers 0 to 255 where there are as many
    as it has bytes, 0 and 1 where there are as many as it has bits.
    """
    try:
        if isinstance(value, dict):
            return VectorQuery(
                {
                    name: _array(one, [features[name]] if name in features else [])
                    for name, one in value.items()
                }
            )
        return VectorQuery(_array(value, features.values()))
    except (TypeError, ValueError, OverflowError):
        raise OptionError(
            "the vector is no list of numbers; give one, or one by each feature's name"
        ) from None


def _array(value: Any, features: Iterable[FeatureRecord]) -> Array:
    """Return a vector for one of `features`."""
    with np.errstate(over="ignore"):  # what is infinite then is refused by what takes it
        array = np.asarray(value, dtype=np.float32)
    codes = {feature.dimension for feature in features if feature.metric == "hamming"}
    if array.ndim == 1 and (array == np.floor(array)).all():
        if len(array) in codes and ((array >= 0) & (array <= 255)).all():
            return array.astype(np.uint8)
        if -(-len(array) // 8) in codes and ((array == 0) | (array == 1)).all():
            return array.astype(np.bool_)
    return array
