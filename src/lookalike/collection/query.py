"""Queries: from what the user names to one vector a feature."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.arguments import as_finite
from lookalike.arrays import Float32, as_vectors
from lookalike.catalogue import Catalogue, FeatureRecord
from lookalike.errors import (
    FeatureMismatchError,
    OptionError,
    PictureMissingError,
    UnknownFeatureError,
    UnknownIdError,
    VectorError,
    VectorFileError,
)

Query = str | Path | bytes | npt.NDArray[Any] | Mapping[str, npt.ArrayLike]
"""An id, a picture's path, a picture's bytes, `FILE#ROW` as a Path or text, a vector, or a vector a feature."""


@dataclass(frozen=True, slots=True)
class ResolvedQuery:
    """A query as vectors: float32 (d,) by feature.

    `number` is that of the stored source, where the query is its id; `pixels` is width x height of a picture, else 0.
    """

    vectors: Mapping[str, Float32]
    described: Mapping[str, Any]
    number: int | None = None
    pixels: int = 0


def text_query(text: str) -> str | Path:
    """Return what a word of the command line stands for: a file, if there is one of that name, else an id."""
    path = Path(text)
    return path if os.path.exists(text) or _row_reference(path) is not None else text


def resolve(
    query: Query,
    catalogue: Catalogue,
    features: Mapping[str, FeatureRecord],
    weights: Mapping[str, float] | None,
    max_pixels: int,
) -> tuple[ResolvedQuery, dict[str, float]]:
    """Return the query's vectors and the weight of each feature that is searched; they sum to one.

    Without `weights`, all features that the query has count equally.

    Raises:
        UnknownFeatureError: the collection lacks a feature of `weights`, or the query does.
        UnknownIdError, PictureError, VectorFileError, VectorError: the query itself cannot be used.
    """
    if not features:
        raise UnknownFeatureError(
            "the collection has no features to compare; add pictures or import vectors first"
        )
    chosen = _chosen(features, weights)
    resolved = _resolve(query, catalogue, chosen, max_pixels, explicit=weights is not None)
    if weights is None:
        weights = dict.fromkeys(resolved.vectors, 1.0)
    total = sum(float(weight) for weight in weights.values())
    return resolved, {name: float(weight) / total for name, weight in weights.items()}


def _chosen(
    features: Mapping[str, FeatureRecord], weights: Mapping[str, float] | None
) -> dict[str, FeatureRecord]:
    if weights is None:
        return dict(features)
    if not isinstance(weights, Mapping):
        raise OptionError(
            f"features is {weights!r}; give a mapping of names to weights, such as {{'look': 1}}"
        )
    for name, weight in weights.items():
        if name not in features:
            raise UnknownFeatureError(
                f"the collection has no feature {name!r}; it has {', '.join(features)} (lookalike info)"
            )
        if as_finite(weight, f"the weight of feature {name!r}") <= 0:
            raise OptionError(f"feature {name!r} has weight {weight}; give a number above 0")
    if not weights:
        raise OptionError("no feature was chosen; name at least one")
    return {name: features[name] for name in weights}


def _resolve(
    query: Query,
    catalogue: Catalogue,
    features: Mapping[str, FeatureRecord],
    max_pixels: int,
    *,
    explicit: bool,
) -> ResolvedQuery:
    if isinstance(query, bytes):
        return _picture(
            query, "the picture on stdin", {"bytes": len(query)}, features, max_pixels, explicit=explicit
        )
    if isinstance(query, Mapping):
        return _given(query, features)
    if isinstance(query, np.ndarray):
        vectors = _vector(query, features, "the query")
        return ResolvedQuery(vectors, {"dimension": int(query.shape[-1])})
    if not isinstance(query, str | os.PathLike):
        raise OptionError(
            f"the query is of type {type(query).__name__}; give an id, a path, a picture's bytes, a NumPy array, "
            "or a mapping of features to vectors"
        )
    return _named(query, catalogue, features, max_pixels, explicit=explicit)


def _named(
    query: str | Path,
    catalogue: Catalogue,
    features: Mapping[str, FeatureRecord],
    max_pixels: int,
    *,
    explicit: bool,
) -> ResolvedQuery:
    """Return an id, a row of a vector file, or a picture file as vectors."""
    from lookalike.collection.paths import printable
    from lookalike.vectorfiles import parse_reference

    if isinstance(query, str):
        number = catalogue.numbers([query]).get(query)
        if number is not None:
            return _stored(query, number, catalogue, features, explicit=explicit)
    path = Path(query)
    shown = printable(str(path))
    if (reference := _row_reference(path)) is not None:
        return ResolvedQuery(_file_row(*reference, features), {"row": shown})
    if os.path.isdir(query):
        raise PictureMissingError(shown, "is a folder; name a picture in it")
    if not os.path.exists(query):
        if isinstance(query, str):
            raise UnknownIdError(f"{query!r} is neither a file nor the id of a source (lookalike list)")
        raise PictureMissingError(shown, "no such file")
    if not os.path.isfile(query):  # a pipe would be waited for, a device read without end
        raise PictureMissingError(shown, "is not a regular file; pipe the picture into lookalike search -")
    if parse_reference(f"{path}#0") is not None:
        raise VectorFileError(f"{shown} has many vectors; name a row of it, as in {shown}#0")
    return _picture(path, shown, {"path": shown}, features, max_pixels, explicit=explicit)


def _row_reference(path: Path) -> tuple[Path, int] | None:
    from lookalike.vectorfiles import parse_reference

    return None if os.path.exists(path) else parse_reference(str(path))


def _file_row(file: Path, row: int, features: Mapping[str, FeatureRecord]) -> dict[str, Float32]:
    """Return a row of a vector file, which is read as it was when a feature was imported from its kind."""
    from lookalike.collection.extraction import is_imported
    from lookalike.vectorfiles import HDF5_SUFFIXES, open_vectors

    options: Mapping[str, Any] = {}
    if file.suffix.lower() in HDF5_SUFFIXES:
        imported = [feature.options for feature in features.values() if is_imported(feature)]
        options = imported[0] if len(imported) == 1 else {}
    with open_vectors(file, **options) as vectors:
        return _vector(vectors.row(row), features, f"{file}#{row}")


def _stored(
    id_: str, number: int, catalogue: Catalogue, features: Mapping[str, FeatureRecord], *, explicit: bool
) -> ResolvedQuery:
    vectors = {}
    for name in features:
        found, rows = catalogue.vectors(name, [number])
        if len(found):
            vectors[name] = rows[0]
        elif explicit:
            raise UnknownFeatureError(f"source {id_} has no feature {name!r}")
    if not vectors:
        raise UnknownFeatureError(f"source {id_} has no vectors; run add again")
    source = catalogue.sources([number])[0]
    described: dict[str, Any] = {"id": id_}
    if source.places:
        described["path"] = source.places[0].path
    return ResolvedQuery(vectors, described, number, (source.width or 0) * (source.height or 0))


def _given(query: Mapping[str, npt.ArrayLike], features: Mapping[str, FeatureRecord]) -> ResolvedQuery:
    if not query:
        raise OptionError("the query has no vectors; give one a feature")
    vectors = {}
    for name, values in query.items():
        if name not in features:
            raise UnknownFeatureError(
                f"the query has feature {name!r}, which is not searched; {', '.join(features)} are"
            )
        feature = features[name]
        vectors[name] = _one(
            as_vectors(
                values, dimension=feature.dimension, metric=feature.metric, name=f"the query's {name}"
            ),
            f"the query's {name}",
        )
    return ResolvedQuery(vectors, {"features": sorted(vectors)})


def _vector(values: npt.NDArray[Any], features: Mapping[str, FeatureRecord], name: str) -> dict[str, Float32]:
    """Return a lone vector under the one feature whose dimension it has."""
    if not values.ndim:
        raise VectorError(f"{name} is one number; give a vector")
    fitting = [feature for feature in features.values() if feature.dimension == values.shape[-1]]
    if len(fitting) != 1:
        has = ", ".join(f"{feature.name} {feature.dimension}" for feature in features.values())
        which = (
            "no feature has that"
            if not fitting
            else "more than one feature has that; choose with --feature NAME"
        )
        raise FeatureMismatchError(f"{name} has dimension {values.shape[-1]}; {which} (dimensions: {has})")
    (feature,) = fitting
    return {feature.name: _one(as_vectors(values, metric=feature.metric, name=name), name)}


def _one(vectors: Float32, name: str) -> Float32:
    if len(vectors) != 1:
        raise VectorError(f"{name} has {len(vectors)} vectors; search for one at a time")
    vector: Float32 = vectors[0]
    return vector


def _picture(
    picture: bytes | Path,
    name: str,
    described: Mapping[str, Any],
    features: Mapping[str, FeatureRecord],
    max_pixels: int,
    *,
    explicit: bool,
) -> ResolvedQuery:
    from lookalike.collection.extraction import is_imported, open_extractors
    from lookalike.features.batch import Extracted, extract_batch

    made = {feature.name: feature for feature in features.values() if not is_imported(feature)}
    imported = [feature for feature in features if feature not in made]
    if imported and (explicit or not made):
        raise UnknownFeatureError(
            f"feature {imported[0]!r} was imported, so it cannot be made from a picture; query by id, row or vector"
        )
    if isinstance(picture, Path):
        try:
            picture = picture.read_bytes()
        except OSError as error:
            raise PictureMissingError(name, error.strerror or str(error)) from None
    (outcome,) = extract_batch([(name, picture)], open_extractors(made), max_pixels=max_pixels)
    if not isinstance(outcome, Extracted):
        raise outcome
    return ResolvedQuery(outcome.vectors, described, pixels=outcome.width * outcome.height)
