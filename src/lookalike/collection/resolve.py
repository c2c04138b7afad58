"""From a query to one vector a feature."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Int64, Metric, Rows, as_vectors
from lookalike.catalogue import Catalogue, FeatureRecord
from lookalike.collection import paths
from lookalike.collection.paths import printable
from lookalike.collection.query import PictureQuery, Query, RowQuery, SourceQuery, TextQuery, VectorQuery
from lookalike.collection.request import SearchRequest
from lookalike.collection.text_towers import vectors_of_text
from lookalike.errors import (
    FeatureMismatchError,
    InputError,
    OptionError,
    PictureMissingError,
    UnknownFeatureError,
    UnknownIdError,
    VectorError,
    VectorFileError,
)
from lookalike.sets import stacked_rows

if TYPE_CHECKING:
    from lookalike.features.base import Extractor

Features = Mapping[str, FeatureRecord]


@dataclass(frozen=True, slots=True)
class ResolvedQuery:
    """A query as vectors: (d,) by feature, float32, codes uint8, sets uint32.

    `number` is that of the stored source, where the query is one, and `own` its id as long as that is not looked up;
    `pixels` is width x height of a picture, else 0.
    """

    vectors: Mapping[str, Rows]
    described: Mapping[str, Any]
    number: int | None = None
    own: str | None = None
    pixels: int = 0
    parts: frozenset[int] = frozenset()
    """Numbers of the stored sources that a mix is made of, which are none of its hits."""
    notes: tuple[str, ...] = ()
    """What of the query could not be compared."""


@dataclass(frozen=True, slots=True)
class ResolvedQueries:
    """Queries that are compared in the same features: vectors (q, d) by feature, and the rest of each.

    `numbers` (q,) are those of stored sources, -1 for others.
    """

    vectors: Mapping[str, Rows]
    described: Sequence[Mapping[str, Any]]
    numbers: Int64
    pixels: Sequence[int]
    parts: frozenset[int] = frozenset()
    """Sources that are no hits; queries that have any are not put together with others."""
    notes: Sequence[tuple[str, ...]] = ()
    """Of each query; none of any where it is empty."""

    @classmethod
    def of(cls, queries: Sequence[ResolvedQuery], names: Iterable[str]) -> Self:
        """Return these queries, each of which has the features `names`, as one."""
        return cls(
            {name: stacked_rows([query.vectors[name] for query in queries]) for name in names},
            [query.described for query in queries],
            np.array([-1 if query.number is None else query.number for query in queries], dtype=np.int64),
            [query.pixels for query in queries],
            frozenset().union(*(query.parts for query in queries)),
            [query.notes for query in queries],
        )

    def __len__(self) -> int:
        return len(self.numbers)


@dataclass(slots=True)
class Extractors:
    """The extractors of a collection, each made when a query picture first needs it."""

    _made: dict[str, tuple[FeatureRecord, Extractor]] = field(default_factory=dict)

    def of(self, features: Features) -> dict[str, Extractor]:
        """Return the extractors of `features`. Raises FeatureMismatchError, ModelError, MissingDependencyError."""
        from lookalike.collection.extraction import open_extractors

        missing = {
            name: record for name, record in features.items() if self._made.get(name, (None,))[0] != record
        }
        for name, extractor in open_extractors(missing).items():
            self._made[name] = (missing[name], extractor)
        return {name: self._made[name][1] for name in features}


def chosen_features(features: Features, request: SearchRequest) -> Features:
    """Return the features that a request compares.

    Raises:
        UnknownFeatureError: the collection has none, or lacks one of the request's.
    """
    if not features:
        raise UnknownFeatureError(
            "the collection has no features to compare; add pictures or import vectors first"
        )
    for name in request.chosen or ():
        if name not in features:
            raise UnknownFeatureError(
                f"the collection has no feature {name!r}; it has {', '.join(features)} (lookalike info)"
            )
    return features if request.chosen is None else {name: features[name] for name in request.chosen}


def check_has_all(names: Collection[str], request: SearchRequest) -> None:
    """Raise UnknownFeatureError where a query, which has the features `names`, lacks one that the request names."""
    for name in request.chosen or ():
        if name not in names:
            raise UnknownFeatureError(
                f"the query has no vector of feature {name!r}; give one, or leave it out"
            )


def from_catalogue(
    query: SourceQuery, catalogue: Catalogue, features: Features, request: SearchRequest
) -> ResolvedQuery:
    """Return a stored source as vectors.

    Raises:
        UnknownIdError: there is none of that id.
        UnknownFeatureError: it lacks a feature that the request names, or has none at all.
    """
    if query.path is not None and request.chosen is None:  # a picture has what can be made of it
        features = made_of_pictures(features)
    found = catalogue.stored_query(query.id, list(features))
    if found is None:
        raise UnknownIdError(f"{query.id!r} is neither a file nor the id of a source (lookalike list)")
    number, vectors = found
    for name in request.chosen or ():
        if name not in vectors:
            raise UnknownFeatureError(f"source {query.id} has no feature {name!r}")
    if not vectors:
        raise UnknownFeatureError(f"source {query.id} has no vectors; run add again")
    described = {"id": query.id} if query.path is None else {"id": query.id, "path": query.path}
    return ResolvedQuery(vectors, described, number)


def from_outside(
    query: Query, features: Features, request: SearchRequest, extractors: Extractors
) -> ResolvedQuery:
    """Return a picture, a row of a file, or vectors as vectors; nothing of it is read from the catalogue.

    Raises:
        PictureError, VectorFileError, VectorError, OptionError: the query cannot be used.
        UnknownFeatureError, FeatureMismatchError: the query has not the features that are compared.
        ModelError, MissingDependencyError: an extractor cannot be made.
    """
    if isinstance(query, VectorQuery):
        return _from_vectors(query.vectors, features)
    if isinstance(query, TextQuery):
        named = request.chosen is not None
        vectors, notes = vectors_of_text(query.text, features, extractors.of, named=named)
        return ResolvedQuery(vectors, {"description": query.text}, notes=notes)
    if isinstance(query, RowQuery):
        return ResolvedQuery(_file_row(query, features), {"row": f"{query.file}#{query.row}"})
    assert isinstance(query, PictureQuery)
    return _from_picture(query.picture, features, request, extractors)


def _from_vectors(given: npt.NDArray[Any] | Mapping[str, Any], features: Features) -> ResolvedQuery:
    if not isinstance(given, Mapping):
        vectors = _vector(given, features, "the query")
        return ResolvedQuery(vectors, {"dimension": int(given.shape[-1])})
    if not given:
        raise OptionError("the query has no vectors; give one a feature")
    vectors = {}
    for name, values in given.items():
        if name not in features:
            raise UnknownFeatureError(
                f"the query has feature {name!r}, which is not searched; {', '.join(features)} are"
            )
        told = f"the query's {name}"
        feature = features[name]
        size: int | None = feature.dimension
        if feature.metric == "jaccard":
            size, values = None, [values] if isinstance(values, list | tuple) and not values else values
        vectors[name] = _one(as_vectors(values, dimension=size, metric=feature.metric, name=told), told)
    return ResolvedQuery(vectors, {"features": sorted(vectors)})


def block(values: npt.NDArray[Any], features: Features) -> ResolvedQueries:
    """Return the rows of an array (q, d) as queries, of the one feature whose dimension they have.

    Raises:
        VectorError, FeatureMismatchError.
    """
    feature = _fitting(values, features, "queries")
    vectors = as_vectors(values, metric=feature.metric, name="queries")
    described = {"dimension": feature.dimension}
    numbers = np.full(len(vectors), -1, dtype=np.int64)
    return ResolvedQueries({feature.name: vectors}, [described] * len(vectors), numbers, [0] * len(vectors))


def _vector(values: npt.NDArray[Any], features: Features, name: str) -> dict[str, Rows]:
    """Return a lone vector under the one feature whose dimension it has."""
    feature = _fitting(values, features, name)
    return {feature.name: _one(as_vectors(values, metric=feature.metric, name=name), name)}


def _fitting(values: npt.NDArray[Any], features: Features, name: str) -> FeatureRecord:
    """Return the one feature that has the dimension of `values`."""
    if not values.ndim:
        raise VectorError(f"{name} is one number; give a vector")
    if len(features) == 1 and (only := next(iter(features.values()))).metric == "jaccard":
        return only  # sets have no dimension that would tell
    bits = -(-values.shape[-1] // 8) if values.dtype != np.uint8 else values.shape[-1]
    fitting = [
        feature
        for feature in features.values()
        if feature.metric != "jaccard"
        and feature.dimension == (bits if feature.metric == "hamming" else values.shape[-1])
    ]
    if len(fitting) != 1:
        has = ", ".join(f"{feature.name} {feature.dimension}" for feature in features.values())
        which = "more than one feature has that; choose with --feature NAME"
        raise FeatureMismatchError(
            f"{name} has dimension {values.shape[-1]}; {which if fitting else 'no feature has that'} "
            f"(dimensions: {has})"
        )
    return fitting[0]


def _one(vectors: Rows, name: str) -> Rows:
    if len(vectors) != 1:
        raise VectorError(f"{name} has {len(vectors)} vectors; search for one at a time, or with search_many")
    vector: Rows = vectors[0]
    return vector


def _file_row(query: RowQuery, features: Features) -> dict[str, Rows]:
    """Return a row of a vector file, which is read as the file was from which the feature was imported."""
    from lookalike.collection.extraction import is_imported
    from lookalike.vectorfiles import SET_SUFFIXES, open_vectors

    file, row = query.file, query.row
    metrics = {feature.metric for feature in features.values() if is_imported(feature)}
    metric: Metric = "hamming" if metrics == {"hamming"} else "euclidean"
    if file.suffix.lower() in SET_SUFFIXES and (file.suffix.lower() != ".npz" or "jaccard" in metrics):
        metric = "jaccard"
        features = {name: feature for name, feature in features.items() if feature.metric == metric}
    imported = [feature.options for feature in features.values() if is_imported(feature)]
    options = {} if metric == "jaccard" or len(imported) != 1 else dict(imported[0])
    if query.dataset is not None:
        options["dataset"] = query.dataset
    dimensions = [feature.dimension for feature in features.values() if feature.metric != "hamming"]
    with open_vectors(file, metric=metric, dimensions=dimensions, **options) as vectors:
        return _vector(vectors.row(row), features, f"{file}#{row}")


def _from_picture(
    picture: bytes | Path, features: Features, request: SearchRequest, extractors: Extractors
) -> ResolvedQuery:
    from lookalike.collection.file_kinds import FileKinds
    from lookalike.features.batch import Extracted, extract_batch, found_nothing

    if isinstance(picture, Path):
        name = printable(str(picture))
        described: dict[str, Any] = {"path": name}
        picture = _bytes_of(picture, name)
    else:
        name, described = "the picture on stdin", {"bytes": len(picture)}
    made = made_of_pictures(features)
    imported = [name_ for name_ in features if name_ not in made]
    fitting = FileKinds.of({name_: one.extractor for name_, one in made.items()}).features_of(name)
    if made and not fitting:
        raise UnknownFeatureError(f"no feature is made of files such as {name}; there are {', '.join(made)}")
    made = {name_: made[name_] for name_ in fitting}
    if imported and (request.chosen is not None or not made):
        raise UnknownFeatureError(
            f"feature {imported[0]!r} was imported, so it cannot be made from a picture; query by id, row or vector"
        )
    (outcome,) = extract_batch([(name, picture)], extractors.of(made), max_pixels=request.max_pixels)
    if not isinstance(outcome, Extracted):
        raise outcome
    if made and not outcome.vectors:
        raise found_nothing(name, made)
    return ResolvedQuery(outcome.vectors, described, pixels=(outcome.width or 0) * (outcome.height or 0))


def _bytes_of(path: Path, name: str) -> bytes:
    from lookalike.vectorfiles import parse_reference

    if os.path.isdir(path):
        raise PictureMissingError(name, "is a folder; name a picture in it")
    if not os.path.exists(path):
        raise PictureMissingError(name, "no such file")
    if not os.path.isfile(path):  # a pipe would be waited for, a device read without end
        raise PictureMissingError(name, "is not a regular file; pipe the picture into lookalike search -")
    if parse_reference(f"{path}#0") is not None:
        raise VectorFileError(f"{name} has many vectors; name a row of it, as in {name}#0")
    try:
        return path.read_bytes()
    except OSError as error:
        raise PictureMissingError(name, error.strerror or str(error)) from None


def stored_at(path: Path, catalogue: Catalogue) -> str | None:
    """Return the id of the source whose file lies at `path` and is as it was added, as far as size and times tell."""
    try:
        now = os.stat(path)
        place = next(iter(catalogue.places([os.path.abspath(path)])), None)
    except (OSError, ValueError, InputError):  # no file, or no name that could have been stored
        return None
    if place is None or (now.st_size, paths.file_time(now)) != (place.size, place.modified_ns):
        return None
    return catalogue.sources([place.number])[0].id


def has_all(id_: str, catalogue: Catalogue, features: Features) -> bool:
    """Return whether a stored source has all those of `features` that can be made of a picture."""
    made = made_of_pictures(features)
    found = catalogue.stored_query(id_, list(made))
    return bool(made) and found is not None and made.keys() == found[1].keys()


def made_of_pictures(features: Features) -> Features:
    """Return those features that are made of pictures."""
    from lookalike.collection.extraction import is_of_pictures

    return {name: feature for name, feature in features.items() if is_of_pictures(feature)}
