"""The default way to search: learned buckets, tuned to a recall."""

from __future__ import annotations

import hashlib
import math
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np

from lookalike.arrays import Float32, Int64
from lookalike.buckets import BucketStats
from lookalike.buckets.gather import histogram
from lookalike.hashing import token
from lookalike.hashing.base import TABLE_NAMESPACE
from lookalike.index.approximate import (
    Answer,
    ApproximateSearch,
    Array,
    Estimates,
    OneSearch,
    RowMask,
)
from lookalike.index.ivf.estimated_recall import UsualSlope, estimated_recalls, usual_slope
from lookalike.index.ivf.inverted_file import InvertedFile
from lookalike.index.ivf.operating_points import KEPT_CHOICES, OperatingPoint, Tuning
from lookalike.index.ivf.tuning import NEIGHBOURS, cost, filtered_scan_cost, measured, scan_cost
from lookalike.index.reports import RecallMeasurement, TableExplanation
from lookalike.index.scan import scan
from lookalike.index.sketches.sketched_rows import SketchedRows
from lookalike.kernels.plan import LARGEST_DEPTH

DEVIATIONS = 3
"""The k nearest visible rows are looked for among the number of nearest ones that is expected to hold them, and this
many standard deviations of it more."""
MOST_HIDDEN = 512
"""Where chance may hide more rows that are nearer than the k-th visible one, all visible ones are compared."""
FARTHER, DEEPER = 4, 2.5
"""So many times the buckets and rows are looked at next for a query that is not like the rows."""
MANY_COPIES = 0.2
"""Where more than this share of the rows have near-copies, it is said. Without any, chance makes it 0.05 to 0.1."""
WIDER = 200
"""For so many nearest rows at least the setting is taken that is tried next, where half of them may be hidden."""
MOSTLY = 0.9
"""Where more than this share is visible, as after rows were removed, no more buckets are probed for it."""


Looked = list[tuple[Int64, OperatingPoint | None]]
"""Which queries were searched by which setting, one after another; None where all rows were compared."""


class InvertedFileSearch(ApproximateSearch):
    """An inverted file of the base, and what is known of its recall."""

    kind = "partitioned"

    sketched: SketchedRows

    def __init__(self, inverted_file: InvertedFile, tuning: Tuning) -> None:
        """Keep an inverted file and the measurements of its recall."""
        self.sketched = inverted_file.sketched
        self.inverted_file = inverted_file
        self.tuning = tuning
        self._slopes: dict[tuple[int, float], UsualSlope] = {}
        self._usual: dict[tuple[int, float], tuple[OperatingPoint | None, float]] = {}

    def search(
        self,
        queries: Float32,
        k: int,
        recall: float,
        visible: RowMask | None,
        max_distance: float,
        threads: int,
        estimates: Estimates | None = None,
    ) -> Answer | None:
        """See `ApproximateSearch`."""
        usual, far = self._setting(k, recall)
        if usual is None:
            return None
        looked: Looked = []
        if visible is not None:
            answered = self._among_visible(queries, k, recall, usual, visible, max_distance, threads, looked)
            if answered is None:
                return None
            found = answered
        else:
            found = self._probed(queries, k, usual, max_distance, threads)
            if len(queries) != 1 or far < found[1][0, -1] < np.inf:  # one is told sooner than by arrays
                left = np.flatnonzero((found[1][:, -1] > far) & (found[1][:, -1] < np.inf))
                if len(left):
                    self._look_farther(queries, left, k, recall, usual, found, max_distance, threads, looked)
        if estimates is not None:
            looked.insert(0, (np.arange(len(queries)), usual))
            self._estimate(queries, found[0], recall, looked, visible, estimates)
        return found

    def one_search(self, k: int, recall: float) -> OneSearch | None:
        """See `ApproximateSearch`."""
        usual, far = self._setting(k, recall)
        if usual is None:
            return None
        return self.inverted_file.one_search(k, usual.probes, usual.rerank, usual.reach, usual.margin, far)

    def _setting(self, k: int, recall: float) -> tuple[OperatingPoint | None, float]:
        """Return what `_choose` gives, and from where on a query is not like the rows."""
        kept = self._usual.get((k, recall))
        if kept is None:  # to look them up takes as long as a twentieth of a quick search
            kept = (self._choose(k, recall), self.tuning.farthest(k))
            if len(self._usual) < KEPT_CHOICES:
                self._usual[k, recall] = kept
        return kept

    def _probed(
        self, queries: Float32, k: int, setting: OperatingPoint, max_distance: float, threads: int
    ) -> Answer:
        return self.inverted_file.search(
            queries,
            k,
            setting.probes,
            setting.rerank,
            reach=setting.reach,
            margin=setting.margin,
            max_distance=max_distance,
            threads=threads,
        )

    def _look_farther(
        self,
        queries: Float32,
        left: Int64,
        k: int,
        recall: float,
        setting: OperatingPoint,
        found: Answer,
        max_distance: float,
        threads: int,
        looked: Looked,
    ) -> None:
        """Put better answers into `found` for the queries `left`, which are not like the rows.

        What was measured on rows says little about them. They are searched again, by a setting for more and each time
        looking farther, until the answer before lacks at most half of what may be missed of the one after it; or all
        rows are compared, where that is quicker. All that is tried is put into `looked`.
        """
        ids, distances = found
        sketched = self.sketched
        setting = self._choose(k, 1 - (1 - recall) / 4) or setting
        while len(left):
            setting = replace(
                setting,
                probes=min(FARTHER * setting.probes, len(sketched.centroids)),
                reach=FARTHER * setting.reach,
                rerank=min(round(DEEPER * setting.rerank), len(sketched)),
                margin=DEEPER * setting.margin,
                rows=min(FARTHER * setting.rows, len(sketched)),
            )
            taken = cost(sketched, setting.probes, setting.rows, setting.rerank)
            if taken >= scan_cost(sketched, k):
                exact = scan(queries[left], sketched.vectors, sketched.ids, k, sketched.metric)
                ids[left], distances[left] = exact
                looked.append((left, None))
                return
            better = self._probed(queries[left], k, setting, max_distance, threads)
            kept = np.mean(distances[left] <= better[1][:, -1:], axis=1)
            ids[left], distances[left] = better
            looked.append((left, setting))
            left = left[1 - kept > (1 - recall) / 2]

    def _among_visible(
        self,
        queries: Float32,
        k: int,
        recall: float,
        usual: OperatingPoint,
        visible: RowMask,
        max_distance: float,
        threads: int,
        looked: Looked,
    ) -> Answer | None:
        """Search under a filter, given the setting for a search without one; what is tried is put into `looked`.

        Rows that are hidden by chance lie among the visible ones as their shares say, so that the k nearest of these
        are among more nearest ones of all, for which the setting is taken. Where still more hidden rows are nearer to a
        query than what was found, the filter hides just what is near it, and a setting for more of them is
        tried. Beyond these the nearest visible rows may be anywhere, and all visible rows are compared; as they are
        where they are so few that this is quicker.
        """
        share = max(visible.share, 1e-9)
        expected = k + math.ceil(2 * k * (1 - share) / share)
        if expected > MOST_HIDDEN + k:
            return None
        likely = k if share > MOSTLY else math.ceil((k + DEVIATIONS * math.sqrt(k * (1 - share))) / share)
        wider = max(WIDER, 4 * likely)
        first = self._choose(likely, recall)
        if first is None:
            return None
        rerank = max(usual.rerank, math.ceil(share * first.rerank))
        shown = int(np.count_nonzero(visible.rows))
        if cost(self.sketched, first.probes, first.rows, rerank) > filtered_scan_cost(self.sketched, shown):
            return None
        ids, distances = np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)
        left = np.arange(len(queries))
        farther = 1 - (1 - recall) / 2  # since of a query's nearest rows those that come last are missed most
        for among, aim, most_hidden in (
            (likely, recall, max(likely - k, k // 4)),
            (wider, farther, wider // 2),
        ):
            chosen = self._choose(among, aim)
            if chosen is None or not len(left):
                break
            hidden = np.empty(len(left), np.int64)
            ids[left], distances[left] = self.inverted_file.search(
                queries[left],
                k,
                chosen.probes,
                max(usual.rerank, math.ceil(share * chosen.rerank)),
                reach=chosen.reach,
                margin=max(usual.margin, chosen.margin),
                visible=visible.mask,
                beyond=_beyond(usual, visible),
                most_hidden=most_hidden,
                hidden=hidden,
                max_distance=max_distance,
                threads=threads,
            )
            looked.append((left, chosen))
            left = left[hidden > most_hidden]
        if len(left):
            sketched, rows = self.sketched, np.flatnonzero(visible.rows)
            exact = scan(queries[left], sketched.vectors, sketched.ids, k, sketched.metric, rows)
            ids[left], distances[left] = exact
            looked.append((left, None))
        return ids, distances

    def _estimate(
        self,
        queries: Float32,
        ids: Int64,
        recall: float,
        looked: Looked,
        visible: RowMask | None,
        estimates: Estimates,
    ) -> None:
        """Fill `estimates` of the answers `ids` (q, k), each of which the last of `looked` that has it has given."""
        positions = estimates.find(ids.ravel()).reshape(ids.shape)
        last = np.empty(len(queries), dtype=np.int64)
        for number, (asked, _) in enumerate(looked):
            last[asked] = number
        shown, beyond = (None, 0) if visible is None else (visible.rows, _beyond(looked[0][1], visible))
        for number, (_, setting) in enumerate(looked):
            rows = np.flatnonzero(last == number)
            estimates.recalls[rows] = 1
            if len(rows) and setting is not None:
                usual = self._usual_slope(setting.k, recall, estimates)
                estimates.recalls[rows] = estimated_recalls(
                    self.inverted_file, queries[rows], positions[rows], setting, usual, shown, beyond
                )

    def _usual_slope(self, k: int, recall: float, estimates: Estimates) -> UsualSlope:
        """Return what `usual_slope` gives for the usual setting for `k` at `recall`."""
        kept = self._slopes.get((k, recall))
        if kept is None:
            setting = self._choose(k, recall)
            assert setting is not None, "answers were found by it, or by more"
            kept = usual_slope(self.inverted_file, setting, estimates.find)
            if len(self._slopes) < KEPT_CHOICES:
                self._slopes[k, recall] = kept
        return kept

    def tuned(self, seed: int, threads: int) -> Self:
        """See `ApproximateSearch`."""
        tuning = replace(measured(self.inverted_file, seed), spread=self.tuning.spread)
        return type(self)(self.inverted_file, tuning)

    def measurement(self, k: int, recall: float) -> RecallMeasurement | None:
        """See `ApproximateSearch`."""
        chosen = self._choose(k, recall)
        return None if chosen is None else _told(chosen)

    def measurements(self) -> tuple[RecallMeasurement, ...]:
        """See `ApproximateSearch`."""
        return tuple(_told(setting) for setting in self.tuning.settings)

    def notes(self) -> tuple[str, ...]:
        """See `ApproximateSearch`."""
        if self.tuning.copies < MANY_COPIES:
            return ()
        return (
            f"{self.tuning.copies:.0%} of the rows have near-copies among the rows: recall is measured without "
            "these, and queries that have some find more than is asked",
        )

    def tables(
        self, query: Float32, row: int, vector: Float32, k: int, recall: float
    ) -> tuple[TableExplanation, ...]:
        """See `ApproximateSearch`; there is one table, whose keys are the numbers of the centroids."""
        chosen = self._choose(k, recall)
        probes, reach = (1, 0.0) if chosen is None else (chosen.probes, chosen.reach)
        keys = self.inverted_file.probed(query, probes, reach).tolist()
        own = self.sketched.group_of(row)
        content = hashlib.blake2b(self.sketched.centroids.tobytes(), digest_size=16)
        return (
            TableExplanation(
                table=0,
                uuid=str(uuid.uuid5(TABLE_NAMESPACE, f"partition {content.hexdigest()}")),
                query_token=token(0, keys[0]),
                row_token=token(0, own),
                probed_tokens=tuple(token(0, key) for key in keys),
                shared=own in keys,
                rank=keys.index(own) if own in keys else None,
            ),
        )

    def buckets(self) -> tuple[str, Mapping[str, Any], BucketStats]:
        """See `ApproximateSearch`."""
        sizes = np.diff(self.sketched.offsets)
        used = sizes[sizes > 0]
        largest, median = int(used.max(initial=0)), float(np.median(used)) if len(used) else 0.0
        return (
            "clusters",
            {},
            BucketStats(len(self.sketched), 1, len(used), largest, median, histogram=histogram(used)),
        )

    def parts(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """See `ApproximateSearch`."""
        return {"tuning": self.tuning.to_json()}, {}

    @classmethod
    def restored(cls, sketched: SketchedRows, properties: Mapping[str, Any]) -> Self:
        """Return what `parts` was taken of. Raises KeyError, TypeError, ValueError where it does not fit."""
        return cls(InvertedFile(sketched), Tuning.from_json(properties["tuning"]))

    def _choose(self, k: int, recall: float) -> OperatingPoint | None:
        """Return the setting to use; None where comparing every row is better, or the only way."""
        if k > LARGEST_DEPTH:
            return None
        chosen = self.tuning.choose(k, recall)
        if chosen is not None and k > NEIGHBOURS[-1]:  # what was measured costs less than that
            taken = cost(self.sketched, chosen.probes, chosen.rows, chosen.rerank)
            return chosen if taken < scan_cost(self.sketched, k) else None
        return chosen


def _beyond(usual: OperatingPoint | None, visible: RowMask) -> int:
    """Return what `InvertedFile.search` is told of a filter, given the setting for a search without one."""
    return 0 if usual is None or visible.share > MOSTLY else usual.probes


def _told(setting: OperatingPoint) -> RecallMeasurement:
    return RecallMeasurement(
        setting.k, setting.probes, setting.rerank, setting.recall, setting.error, setting.rows
    )
