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
from lookalike.index.ivf.foreign import JUDGED, Looked, foreign, look_farther
from lookalike.index.ivf.inverted_file import InvertedFile
from lookalike.index.ivf.operating_points import KEPT_CHOICES, OperatingPoint, Tuning
from lookalike.index.ivf.scope import MOSTLY, Scope, beyond
from lookalike.index.ivf.tuning import NEIGHBOURS, cost, measured, scan_cost
from lookalike.index.reports import RecallMeasurement, TableExplanation
from lookalike.index.sketches.sketched_rows import Bool, SketchedRows
from lookalike.kernels.plan import LARGEST_DEPTH

DEVIATIONS = 3
"""The k nearest visible rows are looked for among the number of nearest ones that is expected to hold them, and this
many standard deviations of it more."""
MOST_HIDDEN = 512
"""Where chance may hide more rows that are nearer than the k-th visible one, all visible ones are compared."""
MANY_COPIES = 0.2
"""Where more than this share of the rows have near-copies, it is said. Without any, chance makes it 0.05 to 0.1."""
WIDER = 200
"""For so many nearest rows at least the setting is taken that is tried next, where half of them may be hidden."""


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
        scope = Scope(self.inverted_file, usual, self.tuning.wide, visible, max_distance, threads)
        looked: Looked = []
        if visible is not None:
            answered = self._among_visible(queries, k, recall, scope, visible, looked)
            if answered is None:
                return None
            found = answered
        else:
            reached = np.empty(len(queries), np.int64)
            found = scope.probed(queries, k, usual, reached=reached)
            is_foreign = foreign(found[1], reached, far, scope.wide)
            if is_foreign is not None:
                self._look_farther(queries, is_foreign, k, k, recall, scope, found, looked)
        if estimates is not None:
            if visible is None:
                looked.insert(0, (np.arange(len(queries)), usual))
            self._estimate(queries, found[0], recall, usual, looked, visible, estimates)
        return found

    def one_search(self, k: int, recall: float) -> OneSearch | None:
        """See `ApproximateSearch`."""
        usual, far = self._setting(k, recall)
        if usual is None:
            return None
        return self.inverted_file.one_search(
            k, usual.probes, usual.rerank, usual.reach, usual.margin, far, self.tuning.wide
        )

    def _setting(self, k: int, recall: float) -> tuple[OperatingPoint | None, float]:
        """Return what `_choose` gives, and the distance from which on a query is foreign."""
        kept = self._usual.get((k, recall))
        if kept is None:  # to look them up takes as long as a twentieth of a quick search
            kept = (self._choose(k, recall), self.tuning.farthest(k))
            if len(self._usual) < KEPT_CHOICES:
                self._usual[k, recall] = kept
        return kept

    def _look_farther(
        self,
        queries: Float32,
        is_foreign: Bool,
        k: int,
        among: int,
        recall: float,
        scope: Scope,
        found: Answer,
        looked: Looked,
    ) -> None:
        """Put better answers into `found` for the foreign ones among the queries, and what is tried into `looked`.

        The setting grows from one for more than was asked: for `among` neighbours of all rows.
        """
        left = np.flatnonzero(is_foreign)
        own, judged = queries[left], max(k, JUDGED)
        setting = self._choose(among, recall) or scope.usual
        better = scope.probed(own, judged, setting) if judged > k else (found[0][left], found[1][left])
        deeper = self._choose(among, 1 - (1 - recall) / 4) or setting
        for numbers, tried in look_farther(scope, own, judged, deeper, better, (1 - recall) / 2):
            looked.append((left[numbers], tried))
        found[0][left], found[1][left] = better[0][:, :k], better[1][:, :k]

    def _among_visible(
        self, queries: Float32, k: int, recall: float, scope: Scope, visible: RowMask, looked: Looked
    ) -> Answer | None:
        """Search under a filter; what is tried is put into `looked`.

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
        likely = _likely(k, share)
        wider = max(WIDER, 4 * likely)
        first = self._choose(likely, recall)
        if first is None or scope.is_scan_quicker(first, k):
            return None
        found = np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)
        is_foreign = np.zeros(len(queries), dtype=np.bool_)
        left = np.arange(len(queries))
        farther = 1 - (1 - recall) / 2  # since of a query's nearest rows those that come last are missed most
        for among, aim, most_hidden in (
            (likely, recall, max(likely - k, k // 4)),
            (wider, farther, wider // 2),
        ):
            chosen, far = self._setting(among, aim)
            if chosen is None or not len(left):
                break
            hidden, reached = np.empty((2, len(left)), np.int64)
            answer = scope.probed(
                queries[left], k, chosen, most_hidden=most_hidden, hidden=hidden, reached=reached
            )
            found[0][left], found[1][left] = answer
            looked.append((left, chosen))
            told = foreign(answer[1], reached, far, scope.wide)
            if told is not None:
                is_foreign[left] = told & (hidden <= most_hidden)
            left = left[hidden > most_hidden]
        if len(left):
            found[0][left], found[1][left] = scope.scanned(queries[left], k)
            looked.append((left, None))
        if is_foreign.any():
            among = _likely(max(k, JUDGED), share)
            self._look_farther(queries, is_foreign, k, among, recall, scope, found, looked)
        return found

    def _estimate(
        self,
        queries: Float32,
        ids: Int64,
        recall: float,
        usual: OperatingPoint,
        looked: Looked,
        visible: RowMask | None,
        estimates: Estimates,
    ) -> None:
        """Fill `estimates` of the answers `ids` (q, k), each of which the last of `looked` that has it has given."""
        positions = estimates.find(ids.ravel()).reshape(ids.shape)
        last = np.empty(len(queries), dtype=np.int64)
        for number, (asked, _) in enumerate(looked):
            last[asked] = number
        shown = None if visible is None else visible.rows
        for number, (_, setting) in enumerate(looked):
            rows = np.flatnonzero(last == number)
            estimates.recalls[rows] = 1
            if len(rows) and setting is not None:
                slope = self._usual_slope(setting.k, recall, estimates)
                estimates.recalls[rows] = estimated_recalls(
                    self.inverted_file,
                    queries[rows],
                    positions[rows],
                    setting,
                    slope,
                    shown,
                    beyond(usual, visible),
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


def _likely(k: int, share: float) -> int:
    """Return among how many nearest rows the k nearest of a share of them, chosen by chance, likely are."""
    return k if share > MOSTLY else math.ceil((k + DEVIATIONS * math.sqrt(k * (1 - share))) / share)


def _told(setting: OperatingPoint) -> RecallMeasurement:
    return RecallMeasurement(
        setting.k, setting.probes, setting.rerank, setting.recall, setting.error, setting.rows
    )
