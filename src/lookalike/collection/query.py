"""Queries by their kind. Only the command line, and `guess`, read a kind out of text."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.arguments import as_finite
from lookalike.errors import OptionError


@dataclass(frozen=True, slots=True)
class PictureQuery:
    """A picture: its bytes, or the path of its file."""

    picture: bytes | Path


@dataclass(frozen=True, slots=True)
class SourceQuery:
    """A stored source, by its id; it is left out of its own hits. `path` is said to be what was asked for."""

    id: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class RowQuery:
    """A row of a vector file, counted from 0."""

    file: Path
    row: int
    dataset: str | None = None
    """Where in the file the vectors are; by default where they were in the file that was imported."""


@dataclass(frozen=True, slots=True, eq=False)
class VectorQuery:
    """One vector (d,), for the one feature that has its dimension; or one by the name of each feature.

    A set is whatever `lookalike.sets.as_sets` takes for one, such as {"red", "shoe"}.
    """

    vectors: npt.NDArray[Any] | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TextQuery:
    """A text that is compared, where `SearchRequest.text` narrows.

    Features of words compare it as the set of its words, and those of a network that has a text tower as a vector.
    """

    text: str

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise OptionError(f"text is of type {type(self.text).__name__}; give words, in one string")


@dataclass(frozen=True, slots=True, eq=False)
class MixQuery:
    """Several queries as one: like these, and not like those.

    What each part is follows from its type, as in `Collection.search_many`; text is a `TextQuery`. A part weighs 1, or
    as much as it is `Weighted`. Parts are compared in the features of vectors that all of `like` have.

    Raises:
        OptionError: nothing is wanted, a weight is negative or not finite, or those of `like` sum to nothing.
    """

    like: Sequence[Asked | Weighted]
    unlike: Sequence[Asked | Weighted] = ()

    def __post_init__(self) -> None:
        for name in ("like", "unlike"):
            given = getattr(self, name)
            if isinstance(given, str | bytes | Mapping) or not isinstance(given, Sequence):
                raise OptionError(f"{name} is of type {type(given).__name__}; give a list of queries")
            parts = tuple(one if isinstance(one, Weighted) else Weighted(one) for one in given)
            object.__setattr__(self, name, parts)
        if not self.like:
            raise OptionError("nothing is wanted; name at least one thing that hits are to look like")
        if not any(weight for _, weight in self.weighted_like):
            raise OptionError("the weights of what hits are to look like sum to nothing; give one above 0")

    @property
    def weighted_like(self) -> list[tuple[Query, float]]:
        """What is wanted, and how much each weighs."""
        return [(as_query(one.query), one.weight) for one in self.like if isinstance(one, Weighted)]

    @property
    def weighted_unlike(self) -> list[tuple[Query, float]]:
        """What is not wanted, and how much each weighs."""
        return [(as_query(one.query), one.weight) for one in self.unlike if isinstance(one, Weighted)]


@dataclass(frozen=True, slots=True, eq=False)
class Weighted:
    """A part of a mix, and how much it weighs beside the others; the more an unwanted part weighs, the farther away."""

    query: Asked
    weight: float = 1.0

    def __post_init__(self) -> None:
        if isinstance(as_query(self.query), MixQuery):
            raise OptionError("a mix cannot be a part of another; give its parts themselves")
        weight = as_finite(self.weight, "the weight of a part of a mix")
        if weight < 0:
            raise OptionError(
                f"a part of a mix weighs {weight:g}; give 0 or more, and name it as unwanted instead"
            )
        object.__setattr__(self, "weight", weight)


Query = PictureQuery | SourceQuery | RowQuery | VectorQuery | TextQuery | MixQuery

Asked = Query | bytes | bytearray | memoryview | Path | npt.NDArray[Any] | Mapping[str, Any]
"""What stands for a query by its type: a picture's bytes, a picture's path or `FILE#ROW`, a vector, vectors."""


def as_query(asked: Asked) -> Query:
    """Return what `asked` stands for by its type.

    Raises:
        OptionError: no query is of that type; text is none, since it could be an id or a path.
    """
    if isinstance(asked, Query):
        return asked
    if isinstance(asked, bytes | bytearray | memoryview):
        return PictureQuery(bytes(asked))
    if isinstance(asked, np.ndarray | Mapping):
        return VectorQuery(asked)
    if isinstance(asked, os.PathLike):
        path = Path(asked)
        return _row(path) or PictureQuery(path)
    raise OptionError(
        f"the query is of type {type(asked).__name__}; give a picture's path or bytes, a NumPy array, a mapping of "
        "features to vectors, or one of lookalike's queries, such as SourceQuery(id)"
    )


def guess(text: str, *, is_stored: bool) -> Query:
    """Return what a word that a person typed stands for.

    The id of a stored source goes first, then a row of a vector file, as in "features.h5#17", then a file. Words from
    elsewhere, as from a network, are not to come here, since they would open files.
    """
    if is_stored:
        return SourceQuery(text)
    path = Path(text)
    if (row := _row(path)) is not None:
        return row
    return PictureQuery(path) if os.path.lexists(text) else SourceQuery(text)


def _row(path: Path) -> RowQuery | None:
    from lookalike.vectorfiles import parse_reference

    reference = None if os.path.exists(path) else parse_reference(str(path))
    return None if reference is None else RowQuery(*reference)
