"""How candidates are found: by tokens, by comparing all that a filter leaves, or by the engine's own graph."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from lookalike.engine.filters import Clause
from lookalike.engine.multi_search import send_searches
from lookalike.engine.query import MOST_HITS, count_body
from lookalike.engine.target import Target
from lookalike.engine.tokens import ALL_CANDIDATES
from lookalike.errors import OptionError

Way = Literal["tokens", "union", "exact", "knn"]

EXACT_NUMBERS = 3_000_000
"""Documents that pass a filter are all compared where their vectors have no more numbers, or no more than a query by
tokens takes the time for: `TERM_NUMBERS` for each of its terms. OpenSearch 3.5 compares 400 numbers a microsecond."""
TERM_NUMBERS = {"tokens": 6_000, "union": 2_000}
MORE_PROBES = 4
"""Where a filter leaves fewer candidates than are to be compared, so many times the clusters are probed."""
LARGEST_EXACT_NUMBERS = 200_000_000
"""The same for a query with which too few documents share a token."""
CLIENT_EXACT_ROWS = 1000
"""The same where vectors have to be fetched to be compared."""
GRAPH_FACTOR = 4
"""An engine's HNSW is asked for so many times k neighbours."""
CANDIDATES_K = 10
"""The k that a scheme's candidates are for."""
MOST_UNION_TERMS = 60_000
"""Tokens of one `terms` clause; engines take up to 65,536."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How candidates are found."""

    way: Way
    """By tokens: "tokens" ranks documents by those that they share and compares the best; "union" compares all."""
    probes: int
    window: int
    """Candidates a shard."""
    wanted: int = 0
    """Candidates that are to be compared even where a filter leaves few of them."""

    @property
    def by_tokens(self) -> bool:
        """Whether candidates are documents that share a token."""
        return self.way in ("tokens", "union")


class Planner:
    """Plans the searches of one batch, for which filters are counted at most once."""

    def __init__(self, target: Target, k: int, filters: Sequence[Clause]) -> None:
        """Take what is searched, how many neighbours are wanted, and what they have to meet."""
        self._target, self._k, self._filters = target, k, filters
        self._counts: tuple[int, int] | None = None

    @property
    def has_counted(self) -> bool:
        """Whether documents have been counted."""
        return self._counts is not None

    def plan(self, way: Literal["tokens", "knn"]) -> Plan:
        """Return how candidates are found, for which a filter is counted first. Raises OptionError.

        Args:
            way: what finds them, as `candidates` says.
        """
        scheme = self._target.scheme
        share = math.ceil(self._k / CANDIDATES_K)
        window = min(MOST_HITS, max(2 * self._k, scheme.candidates * share))
        if way == "knn":
            if not self._target.header.graph:
                raise OptionError(
                    f'{self._target.shown}: it was made without a graph, which candidates="knn" needs; '
                    "create it with graph=True"
                )
            return Plan("knn", 0, min(MOST_HITS, GRAPH_FACTOR * self._k))
        family = scheme.family
        whole = self._target.scripts and scheme.candidates >= ALL_CANDIDATES
        by: Way = "union" if whole else "tokens"
        probes = min(family.centroids, scheme.probes * share)
        if not self._filters:
            return Plan(by, probes, window)
        matching, total = self._counted()
        if matching <= self._exact_rows(EXACT_NUMBERS):
            return Plan("exact", 0, MOST_HITS)
        wanted = max(1, total * probes * family.tables // (2 * family.centroids)) if whole else window
        probes = min(family.centroids, math.ceil(probes * total / matching))
        terms = probes * family.tables * scheme.ranks
        if matching <= self._exact_rows(TERM_NUMBERS[by] * terms):
            return Plan("exact", 0, MOST_HITS)
        return Plan(by, probes, window, wanted)

    def may_probe_more(self, plan: Plan, answer: Mapping[str, Any]) -> bool:
        """Whether a filter left fewer candidates than are to be compared, and other clusters may have more.

        The nearest documents that pass a filter may be anywhere; as many candidates as without it are then needed.
        """
        if not plan.by_tokens or not self._filters or plan.probes >= self._target.scheme.family.centroids:
            return False
        return int(answer["hits"]["total"]["value"]) < min(plan.wanted, self.matching())

    def with_more_probes(self, plan: Plan) -> Plan:
        """Return a plan of more probes, or to compare all documents that pass, where that is the lesser work."""
        family, scheme = self._target.scheme.family, self._target.scheme
        probes = min(family.centroids, MORE_PROBES * plan.probes)
        terms = probes * family.tables * scheme.ranks
        few = self._exact_rows(min(TERM_NUMBERS[plan.way] * terms, LARGEST_EXACT_NUMBERS))
        too_many = terms > MOST_UNION_TERMS and self.may_lack(-1)
        if self._target.scripts and (self.matching() <= few or too_many):
            return Plan("exact", 0, MOST_HITS)
        return replace(plan, probes=probes)

    def may_lack(self, least: int) -> bool:
        """Whether comparing all documents would give a query more than `least`, and can be done."""
        return least < self.matching() <= self._exact_rows(LARGEST_EXACT_NUMBERS)

    def _exact_rows(self, numbers: int) -> int:
        if not self._target.scripts:
            return CLIENT_EXACT_ROWS
        return numbers // self._target.header.dimension

    def matching(self) -> int:
        """Return how many documents meet the filters."""
        return self._counted()[0]

    def _counted(self) -> tuple[int, int]:
        """Return how many documents meet the filters, and how many there are; asked once."""
        if self._counts is None:
            target = self._target
            wanted = [count_body(filters, target.feature) for filters in (self._filters, [])]
            answers = send_searches(target.engine, target.index, wanted if self._filters else wanted[:1])
            counts = [int(answer["hits"]["total"]["value"]) for answer in answers]
            self._counts = (counts[0], counts[-1])
        return self._counts
