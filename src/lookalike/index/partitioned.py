"""The default buckets: a learned partition of the rows, tuned to a recall."""

from __future__ import annotations

import hashlib
import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from lookalike.arrays import Float32, Int64
from lookalike.hashing import token
from lookalike.hashing.base import TABLE_NAMESPACE
from lookalike.index.answers import RecallMeasurement, TableExplanation
from lookalike.index.buckets import Answer, Array, Buckets, Visible
from lookalike.index.estimating import estimate, probed
from lookalike.index.partition import Partition
from lookalike.index.probing import Setting, Tuning, measured
from lookalike.index.scan import scan
from lookalike.index.settings import LARGEST_SHARE

DEVIATIONS = 5.0
"""A filter is taken for one by chance while no more hidden rows are nearer than k, what is to be expected, and so many
standard deviations."""
MOST_HIDDEN = 512
"""Where more hidden rows are to be expected nearer than the k-th visible one, all visible ones are compared."""
MOSTLY = 0.9
"""Where more than this share is visible, as after rows were removed, no more buckets are looked into for it."""


@dataclass(frozen=True, eq=False)
class Partitioned(Buckets):
    """A partition of the base, and what is known of its recall."""

    kind = "partitioned"

    partition: Partition
    tuning: Tuning
    trained_rows: int

    def search(
        self,
        queries: Float32,
        k: int,
        recall: float,
        visible: Visible | None,
        max_distance: float,
        threads: int,
    ) -> Answer | None:
        """See `Buckets`.

        Rows that are hidden by chance lie among the visible ones as their shares say. Where many more of them are
        nearer to a query than what was found, the filter hides just what is near it: the nearest visible rows may be
        in buckets that were not looked into, and all visible rows are compared.
        """
        chosen = self._choose(k, recall)
        if chosen is None:
            return None
        mask, beyond, most_hidden, hidden = None, True, 0, None
        if visible is not None:
            expected = k * (1 - visible.share) / max(visible.share, 1e-9)
            most_hidden = k + math.ceil(expected * (1 + DEVIATIONS / math.sqrt(k)))
            if most_hidden > MOST_HIDDEN + k:
                return None
            mask, beyond, hidden = visible.mask, visible.share <= MOSTLY, np.empty(len(queries), np.int64)
        ids, distances = self.partition.search(
            queries,
            k,
            chosen.probes,
            chosen.rerank,
            reach=chosen.reach,
            margin=chosen.margin,
            visible=mask,
            beyond=beyond,
            most_hidden=most_hidden,
            hidden=hidden,
            max_distance=max_distance,
            threads=threads,
        )
        if visible is None or hidden is None:
            return ids, distances
        unsure = np.flatnonzero(hidden > most_hidden)
        if len(unsure):
            partition, rows = self.partition, np.flatnonzero(visible.rows)
            exact = scan(queries[unsure], partition.vectors, partition.ids, k, partition.metric, rows)
            far = ~(exact[1] <= max_distance)
            exact[0][far], exact[1][far] = -1, np.inf
            ids[unsure], distances[unsure] = exact
        return ids, distances

    def tuned(self, seed: int, threads: int) -> Self:
        """See `Buckets`."""
        return replace(self, tuning=measured(self.partition, seed))

    def measurement(self, k: int, recall: float) -> RecallMeasurement | None:
        """See `Buckets`."""
        chosen = self._choose(k, recall)
        return None if chosen is None else _told(chosen)

    def measurements(self) -> tuple[RecallMeasurement, ...]:
        """See `Buckets`."""
        return tuple(_told(setting) for setting in self.tuning.settings)

    def tables(
        self, query: Float32, row: int, vector: Float32, k: int, recall: float
    ) -> tuple[TableExplanation, ...]:
        """See `Buckets`; there is one table, whose keys are the numbers of the centroids."""
        chosen = self._choose(k, recall)
        probes, reach = (1, 0.0) if chosen is None else (chosen.probes, chosen.reach)
        keys = probed(self.partition, query, probes, reach).tolist()
        own = int(np.searchsorted(self.partition.offsets, row, side="right")) - 1
        content = hashlib.blake2b(np.ascontiguousarray(self.partition.centroids).tobytes(), digest_size=16)
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

    def estimate(self, query: Float32, row: int) -> tuple[float, float]:
        """See `Buckets`."""
        return estimate(self.partition, query, row)

    def sizes(self) -> tuple[str, int, Int64]:
        """See `Buckets`."""
        return "clusters", 1, np.diff(self.partition.offsets)

    def parts(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """See `Buckets`."""
        return {"tuning": self.tuning.to_json()}, {}

    @classmethod
    def restored(cls, partition: Partition, trained_rows: int, properties: Mapping[str, Any]) -> Self:
        """Return what `parts` was taken of. Raises KeyError, TypeError, ValueError where it does not fit."""
        return cls(partition, Tuning.from_json(properties["tuning"]), trained_rows)

    def _choose(self, k: int, recall: float) -> Setting | None:
        """Return the setting to use; None where comparing every row is better."""
        chosen = self.tuning.choose(k, recall)
        return None if chosen is None or chosen.rows > LARGEST_SHARE * len(self.partition.ids) else chosen


def _told(setting: Setting) -> RecallMeasurement:
    return RecallMeasurement(
        setting.k, setting.probes, setting.rerank, setting.recall, setting.error, setting.rows
    )
