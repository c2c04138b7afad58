"""From rankings to hits: all that is known of the sources, fetched for all queries at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import overload

from lookalike.catalogue import Catalogue, HitRows
from lookalike.collection.gone import Gone
from lookalike.collection.hits import Hit, Hits
from lookalike.collection.late_recall import NOT_KNOWN, LateNotes, LateRecall, LateRecalls
from lookalike.collection.presence import Look
from lookalike.collection.rankings import Rankings
from lookalike.collection.records import Records
from lookalike.collection.request import SearchRequest
from lookalike.collection.resolve import ResolvedQueries

KEPT_SOURCES = 1 << 14
"""About so many sources are kept in memory."""


class SourceCache:
    """What hits tell of sources, kept as long as the catalogue stays in one state; safe for threads."""

    def __init__(self) -> None:
        self._kept = (-1, HitRows({}))

    def rows(self, catalogue: Catalogue, stamp: int, numbers: Sequence[int]) -> HitRows:
        """Return rows of the sources `numbers`, or more, from a snapshot whose stamp is `stamp`."""
        kept_of, kept = self._kept
        if kept_of != stamp or len(kept) > KEPT_SOURCES:
            kept = HitRows({})
            self._kept = stamp, kept
        missing = [number for number in numbers if number not in kept]
        if missing:
            kept.add(catalogue.hit_rows(missing))
        return kept


def answers(
    sources: HitRows,
    queries: ResolvedQueries,
    rankings: Rankings,
    records: Records,
    request: SearchRequest,
    weights: Mapping[str, float],
    notes: tuple[str, ...],
    look: Look,
) -> list[Hits]:
    """Return the hits of each query; `sources` are those that `numbers_of` gives, or more."""
    scores: Mapping[int, float] = {}
    if request.text is not None and (rankings.numbers >= 0).any():
        scores = records.text_scores(numbers_of(queries, rankings))
    facets, more = records.facets()
    notes = (*notes, *more)
    described = request.described(weights)
    recalls = None if rankings.estimate is None else LateRecalls(rankings.estimate)
    told: dict[int, dict[str, object]] = {}  # most queries of a batch are described alike
    found = []
    for row, (count, number, pixels) in enumerate(
        zip(rankings.counts().tolist(), queries.numbers.tolist(), queries.pixels, strict=True)
    ):
        hits = FetchedHits(rankings, row, count, sources, scores, look)
        query = queries.described[row]
        recall = NOT_KNOWN if recalls is None else LateRecall(recalls, row)
        all_notes = LateNotes((*notes, *queries.notes[row]) if queries.notes else notes, recall)
        if number < 0:
            if id(query) not in told:
                told[id(query)] = {**query, **described}
            found.append(Hits(hits, told[id(query)], pixels, None, all_notes, facets, recall))
            continue
        own = math.nan if rankings.own is None else float(rankings.own[row])
        itself = _hit_of(sources, number, own, {}, scores, look)
        located = {} if itself.path is None else {"path": itself.path}
        described_so = {**located, **query, **described}
        found.append(Hits(hits, described_so, itself.pixels, itself, all_notes, facets, recall))
    return found


def numbers_of(queries: ResolvedQueries, rankings: Rankings) -> list[int]:
    """Return the numbers of all sources that an answer tells of, ascending."""
    return sorted(rankings.sources().union(queries.numbers.tolist()) - {-1})


def gone_of(sources: HitRows, numbers: Iterable[int], look: Look) -> list[int]:
    """Return those of `numbers` that are pictures all of whose files are gone, and not only out of reach."""
    is_gone = Gone(is_missing=look.is_missing)
    return [number for number, paths in sources.places(numbers) if paths and all(map(is_gone, paths))]


class FetchedHits(Sequence[Hit]):
    """The hits of one query, each made when it is looked at first; what they are made of has been read."""

    __slots__ = ("_count", "_look", "_made", "_rankings", "_row", "_scores", "_sources")

    def __init__(
        self,
        rankings: Rankings,
        row: int,
        count: int,
        sources: HitRows,
        scores: Mapping[int, float],
        look: Look,
    ) -> None:
        """The hits are the first `count` of the row `row` of `rankings`."""
        self._rankings = rankings
        self._row = row
        self._count = count
        self._sources = sources
        self._scores = scores
        self._look = look
        self._made: dict[int, Hit] | None = None

    @overload
    def __getitem__(self, index: int) -> Hit: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Hit, ...]: ...
    def __getitem__(self, index: int | slice) -> Hit | tuple[Hit, ...]:
        chosen = range(self._count)[index]
        return self._hit(chosen) if isinstance(chosen, int) else tuple(map(self._hit, chosen))

    def __len__(self) -> int:
        return self._count

    def __eq__(self, other: object) -> bool:
        """Whether they are the same hits in the same order."""
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]

    def _hit(self, position: int) -> Hit:
        made = self._made
        if made is None:
            made = self._made = {}
        if position not in made:
            place = self._row, position
            features = {name: float(part[place]) for name, part in self._rankings.features.items()}
            made[position] = _hit_of(
                self._sources,
                int(self._rankings.numbers[place]),
                float(self._rankings.distances[place]),
                {name: distance for name, distance in features.items() if not math.isnan(distance)},
                self._scores,
                self._look,
            )
        return made[position]


def _hit_of(
    sources: HitRows,
    number: int,
    distance: float,
    features: Mapping[str, float],
    scores: Mapping[int, float],
    look: Look,
) -> Hit:
    source = sources[number]
    # Only pictures lie in files of their own; that a row is in its file is taken for granted.
    there = (path for path in source.paths if not source.pixels or not look.is_missing(path))
    path = next(there, None)
    last_known = next(iter(source.paths), None)
    return Hit(
        id=source.id,
        path=last_known if path is None else path,
        distance=distance,
        features=features,
        text_score=scores.get(number),
        metadata=source.own_metadata(),
        places=source.paths,
        pixels=source.pixels,
        exists=path is not None or last_known is None,
    )
