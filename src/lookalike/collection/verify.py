"""Damage: in the catalogue, in the indexes, and files that are gone."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from lookalike.catalogue import Catalogue, FeatureRecord, Problem
from lookalike.collection.indexes import Indexes
from lookalike.errors import IndexFormatError, LookalikeError
from lookalike.index import Index

REBUILD = "run lookalike rebuild; the catalogue has all that the index needs"


def verify_collection(catalogue: Catalogue, indexes: Indexes) -> Iterator[Problem]:
    """Yield what is wrong, worst first."""
    yield from catalogue.verify()
    for feature in catalogue.features().values():
        yield from _verify_index(catalogue, indexes, feature)
    yield from _missing_files(catalogue)


def _verify_index(catalogue: Catalogue, indexes: Indexes, feature: FeatureRecord) -> Iterator[Problem]:
    folder = indexes.folder_of(feature.name)
    where = f"index {feature.name}"
    try:
        index = Index.open(folder, verify=True)
    except IndexFormatError as error:
        yield Problem(str(error), where, REBUILD)
        return
    if index.generation != catalogue.generation():
        return  # it is behind, which a search mends by itself
    try:
        for numbers, vectors in catalogue.changes(feature.name):
            known = np.isin(numbers, index.ids())
            if not known.all():
                yield Problem(f"lacks {np.count_nonzero(~known)} of {len(numbers)} vectors", where, REBUILD)
                return
            if not _same(index, numbers, vectors):
                yield Problem("holds other vectors than the catalogue", where, REBUILD)
                return
    except LookalikeError:
        return  # damage of the catalogue, which it has told itself
    if len(index) != catalogue.count(feature.name):
        yield Problem("holds vectors that the catalogue does not have", where, REBUILD)


def _same(index: Index, numbers: np.ndarray, vectors: np.ndarray) -> bool:
    kept = index.vectors(numbers)
    if index.metric == "cosine":
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return bool(np.allclose(kept, vectors, rtol=1e-5, atol=1e-6))


def _missing_files(catalogue: Catalogue) -> Iterator[Problem]:
    gone = 0
    first = ""
    for place in catalogue.places():
        if place.modified_ns is not None and not os.path.exists(place.path):
            gone += 1
            first = first or place.path
    if gone:
        yield Problem(
            f"{gone} file{'s are' if gone > 1 else ' is'} gone, such as {first}"
            if gone > 1
            else f"{first} is gone",
            "files",
            "bring them back, add the folder that they moved to, or lookalike remove them by path",
        )
