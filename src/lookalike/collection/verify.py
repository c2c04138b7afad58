"""Damage: in the catalogue, in the indexes, and files that are gone or have changed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from shlex import quote

import numpy as np

from lookalike.catalogue import Catalogue, FeatureRecord, Problem, StoredLocation
from lookalike.collection.indexes import Indexes
from lookalike.errors import IndexFormatError, LookalikeError
from lookalike.index import Index
from lookalike.index.io.array_directory import MANIFEST

REBUILD = "run lookalike rebuild, which makes the index from the catalogue"


def verify_collection(catalogue: Catalogue, indexes: Indexes) -> Iterator[Problem]:
    """Yield what is wrong, worst first."""
    yield from catalogue.verify()
    for feature in catalogue.features().values():
        yield from _verify_index(catalogue, indexes, feature)
    yield from _files(catalogue)


def _verify_index(catalogue: Catalogue, indexes: Indexes, feature: FeatureRecord) -> Iterator[Problem]:
    folder = indexes.folder_of(feature.name)
    where = f"index {feature.name}"
    if not (folder / MANIFEST).exists():
        return  # none was finished yet, which a search mends by itself
    try:
        index = Index.open(folder, verify=True)
    except IndexFormatError as error:
        yield Problem(str(error), where, REBUILD)
        return
    if catalogue.generation_of(index.stamp) is None:
        yield Problem("is not of this catalogue, or of a state before it was restored", where, REBUILD)
        return
    if index.stamp != catalogue.stamp():
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


def _files(catalogue: Catalogue) -> Iterator[Problem]:
    count: Counter[str] = Counter()
    first: dict[str, str] = {}
    for place in catalogue.places():
        state = _state_of_file(place)
        if state is not None:
            count[state] += 1
            first.setdefault(state, place.path)
    for state, (one, many, advice) in _FILES.items():
        if count[state] == 1:
            yield Problem(f"{first[state]} {one}", "files", advice.format(quote(first[state])))
        elif count[state]:
            what = f"{count[state]} files {many}, such as {first[state]}"
            yield Problem(what, "files", advice.format(quote(first[state])) + ", and so with the others")


_FILES = {
    "gone": (
        "is gone",
        "are gone",
        "bring it back, or run lookalike add on the folder where it is now, or lookalike remove {}",
    ),
    "out of reach": ("cannot be reached", "cannot be reached", "check the permissions of {} and its folders"),
    "changed": (
        "has changed since it was added",
        "have changed since they were added",
        "run lookalike add {}",
    ),
}
"""What is said of one file and of many, and what to do."""


def _state_of_file(place: StoredLocation) -> str | None:
    """Return one of `_FILES`, or None for a file that is as it was added, and for rows."""
    if place.modified_ns is None:
        return None
    try:
        now = os.stat(place.path)
    except (FileNotFoundError, NotADirectoryError):
        return "gone"
    except OSError:
        return "out of reach"
    return None if (now.st_size, now.st_mtime_ns) == (place.size, place.modified_ns) else "changed"
