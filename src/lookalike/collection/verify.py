"""Damage: in the catalogue, in the indexes, and files that are gone or have changed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from shlex import quote

import numpy as np

from lookalike.arrays import DISCRETE, Int64, Rows
from lookalike.catalogue import Catalogue, FeatureRecord, Problem, StoredLocation
from lookalike.collection import paths
from lookalike.collection.changed_content import changed_content
from lookalike.collection.identity import content_of
from lookalike.collection.index_homes import IndexHome
from lookalike.collection.stored_index import place_of
from lookalike.errors import BucketStoreError, EngineError, LookalikeError
from lookalike.index import VectorIndex
from lookalike.index.shared_index import SharedIndex

REBUILD = "run lookalike rebuild, which makes the index from the catalogue"


def verify_collection(catalogue: Catalogue, homes: IndexHome, *, files: bool) -> Iterator[Problem]:
    """Yield what is wrong, worst first; nothing that is damaged makes it raise. With `files`, all are read whole."""
    yield from catalogue.verify()
    try:
        features = list(catalogue.features().values())
    except LookalikeError:
        features = []  # damage of the catalogue, which it has told itself
    for feature in features:
        yield from _verify_index(catalogue, homes, feature)
    with suppress(LookalikeError):
        yield from _files(catalogue)
        for place in changed_content(catalogue) if files else ():
            what = "has other content than was added, at the same size and time"
            yield Problem(f"{place.path} {what}", "files", f"run lookalike add --reread {quote(place.path)}")


def _verify_index(catalogue: Catalogue, homes: IndexHome, feature: FeatureRecord) -> Iterator[Problem]:
    where = f"index {feature.name}"
    try:
        index = homes.open(feature, verify=True)
    except LookalikeError as error:
        yield Problem(str(error), where, REBUILD)
        return
    if index is None:  # none was finished yet, which a search mends by itself
        place = place_of(feature.index)
        if place is not None and catalogue.count(feature.name):
            yield Problem(f"{place.name}: there are no {place.kept}", where, REBUILD)
        return
    try:
        with catalogue.snapshot() as snapshot:
            problem = _difference(snapshot, index, feature)
    except (BucketStoreError, EngineError) as error:
        problem = str(error)
    except LookalikeError:
        return  # damage of the catalogue, which it has told itself
    if problem is not None:
        yield Problem(problem, where, REBUILD)


def _difference(snapshot: Catalogue, index: VectorIndex, feature: FeatureRecord) -> str | None:
    """Return how an index differs from the state that it says it has seen; None where it does not."""
    if snapshot.generation_of(index.stamp) is None:
        return "is not of this catalogue, or of a state before it was restored"
    if index.stamp != snapshot.stamp():
        return None  # it is behind, which a search mends by itself
    if isinstance(index, SharedIndex):
        return _difference_of_buckets(snapshot, index, feature)
    rows = 0
    for numbers, vectors in snapshot.changes(feature.name):
        rows += len(numbers)
        known = index.contains(numbers)
        if not known.all():
            return f"lacks {np.count_nonzero(~known)} of {len(numbers)} vectors"
        if not _same(index, numbers, vectors):
            return "holds other vectors than the catalogue"
    return "holds vectors that the catalogue does not have" if len(index) != rows else None


def _difference_of_buckets(snapshot: Catalogue, index: SharedIndex, feature: FeatureRecord) -> str | None:
    """Return how buckets or tokens that are shared differ from the vectors of the catalogue; None where they do not."""
    if not index.has_buckets:
        return None
    strange = np.setdiff1d(index.ids(), snapshot.numbers_with([feature.name]))
    if len(strange):
        return f"has {len(strange)} sources in its buckets that the catalogue does not have"
    for numbers, vectors in snapshot.changes(feature.name):
        wrong = int(np.count_nonzero(index.misplaced(numbers, vectors)))
        if wrong:
            return f"lacks {wrong} of {len(numbers)} vectors in their buckets"
    return None


def _same(index: VectorIndex, numbers: Int64, vectors: Rows) -> bool:
    """Return whether the index keeps these vectors under these numbers."""
    kept = index.vectors(numbers)
    if index.metric in DISCRETE:
        return np.array_equal(kept, vectors)
    if index.metric == "cosine":
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return bool(np.allclose(kept, vectors, rtol=1e-5, atol=1e-6))


def _files(catalogue: Catalogue) -> Iterator[Problem]:
    count: Counter[str] = Counter()
    first: dict[str, str] = {}
    for place in catalogue.places():
        state = _state_of_file(catalogue, place)
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


def _state_of_file(catalogue: Catalogue, place: StoredLocation) -> str | None:
    """Return one of `_FILES`, or None for a file that is as it was added, and for rows."""
    if place.modified_ns is None:
        return None
    try:
        now = os.stat(place.path)
        if (now.st_size, paths.file_time(now)) == (place.size, place.modified_ns):
            return None
        (source,) = catalogue.sources([place.number])
        return "changed" if now.st_size != place.size or content_of(place.path) != source.id else None
    except (FileNotFoundError, NotADirectoryError):
        return "gone"
    except OSError:
        return "out of reach"
