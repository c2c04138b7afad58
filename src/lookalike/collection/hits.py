"""What a search answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, overload

from lookalike.collection.late_recall import NOT_KNOWN, LateRecall
from lookalike.errors import MissingDependencyError

if TYPE_CHECKING:
    import pandas as pd

TITLE_FIELDS = ("title", "name")


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer.

    Attributes:
        id: the source's id.
        path: one place where the source lies: a file, one that is there if any is, or `FILE#ROW`; None for vectors
            that came without one.
        distance: weighted mean of the features' distances; the smaller, the more alike. NaN where words alone were
            asked for.
        features: the exact distance in each feature that was searched and that the source has.
        text_score: how well the words match (BM25, the higher the better); None without words, or where a
            blended search found the source by its looks alone.
        metadata: what is known of the source.
        places: every place where the source lies.
        pixels: width x height of a picture; 0 for other vectors.
        exists: whether the file is there; where it is not, its disk or share is away. Always so for rows, and for what
            has no place.
    """

    id: str
    path: str | None
    distance: float
    features: Mapping[str, float]
    text_score: float | None
    metadata: Mapping[str, Any]
    places: tuple[str, ...] = ()
    pixels: int = 0
    exists: bool = True

    @property
    def title(self) -> str | None:
        """The metadata's `title` or `name`, if there is one; those of exact copies side by side."""
        for name in TITLE_FIELDS:
            if name in self.metadata:
                return one_line(self.metadata[name])
        return None

    def to_json(self) -> dict[str, Any]:
        """Return the hit as the command line prints it under `--json`."""
        return {
            "id": self.id,
            "path": self.path,
            "exists": self.exists,
            "places": list(self.places),
            "distance": None if math.isnan(self.distance) else self.distance,
            "features": dict(self.features),
            "text_score": self.text_score,
            "metadata": dict(self.metadata),
        }


@dataclass(frozen=True, slots=True)
class Hits(Sequence[Hit]):
    """The hits of one query, the most alike first.

    It is a sequence of `Hit`; notebooks show it with thumbnails.

    Attributes:
        hits: the hits.
        query: what was asked, as JSON has it.
        query_pixels: as `Hit.pixels`, of the query.
        itself: the query's own source, where it is a stored one; it is not among the hits.
        notes: what should be known of the answer, a sentence each, such as that some sources lack a feature.
        facets: for each metadata field that was asked for, its ten most frequent values with their counts, among all
            sources that meet filters and words, whatever they look like.
        recall: what `estimated_recall` is taken from.
    """

    hits: Sequence[Hit]
    query: Mapping[str, Any] = field(default_factory=dict)
    query_pixels: int = 0
    itself: Hit | None = None
    notes: Sequence[str] = ()
    facets: Mapping[str, Sequence[tuple[Any, int]]] = field(default_factory=dict)
    recall: LateRecall = field(default=NOT_KNOWN, repr=False, compare=False)

    @overload
    def __getitem__(self, index: int) -> Hit: ...
    @overload
    def __getitem__(self, index: slice) -> Hits: ...
    def __getitem__(self, index: int | slice) -> Hit | Hits:
        if isinstance(index, slice):
            return replace(self, hits=self.hits[index])
        return self.hits[index]

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    @property
    def estimated_recall(self) -> float | None:
        """Which share of the sources that look most alike is among the hits, from 0 to 1.

        As estimated, when it is asked for first, by `Index.estimated_recall`; of several features, the least of theirs.
        It is 1 where all were compared, and None where it is not known: without a query to compare with, or where
        buckets are of hash families or in a store.
        """
        return self.recall.value()

    def to_json(self) -> dict[str, Any]:
        """Return query, notes, estimated recall, facets and hits as the command line prints them under `--json`."""
        return {
            "query": dict(self.query),
            "notes": list(self.notes),
            "estimated_recall": self.estimated_recall,
            "facets": {
                name: [{"value": value, "count": count} for value, count in counts]
                for name, counts in self.facets.items()
            },
            "hits": [hit.to_json() for hit in self.hits],
        }

    def to_pandas(self) -> pd.DataFrame:
        """Return a data frame with a row a hit: id, path, distance, text_score, each feature, each metadata field.

        Raises:
            MissingDependencyError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingDependencyError("to_pandas needs pandas: pip install 'lookalike[pandas]'") from None
        rows = [
            {
                "id": hit.id,
                "path": hit.path,
                "distance": hit.distance,
                "text_score": hit.text_score,
                **{f"distance.{name}": distance for name, distance in hit.features.items()},
                **{f"metadata.{name}": value for name, value in hit.metadata.items()},
            }
            for hit in self.hits
        ]
        return pd.DataFrame(rows, columns=None if rows else ["id", "path", "distance", "text_score"])

    def to_html(self) -> str:
        """Return a page of its own, thumbnails included, that can be saved and sent."""
        from lookalike.pages.hits import hits_page

        return hits_page(self)

    def _repr_html_(self) -> str:
        from lookalike.pages.hits import hits_fragment

        return hits_fragment(self)


def one_line(value: Any) -> str:
    """Return a metadata value as text; those of a list, as exact copies have them, side by side."""
    return " / ".join(str(part) for part in value) if isinstance(value, list) else str(value)
