"""Any history of an index of binary codes or of sets against a dictionary and plain Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import test_index_model as model  # type: ignore[import-not-found]
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, run_state_machine_as_test

from lookalike.arrays import DISCRETE
from lookalike.sets import NO_ELEMENT, as_sets

WIDTH = 8
_RANDOM = np.random.default_rng(0)
_MIDDLES = _RANDOM.random((12, 24)) < 0.3
BITS = _MIDDLES[_RANDOM.integers(0, 12, 997)] ^ (_RANDOM.random((997, 24)) < 0.05)
BITS[:3] = False
POOLS: dict[str, Any] = {
    "hamming": np.packbits(BITS, axis=1),
    "jaccard": as_sets([np.flatnonzero(row)[:WIDTH] for row in BITS], width=WIDTH),
}


class Machine(model.Machine):  # type: ignore[misc]
    """An index of codes or sets, and the rows that it should have."""

    @initialize(metric=st.sampled_from(list(DISCRETE)), rows=st.sampled_from([0, 10, 90]))
    def build(self, metric: str, rows: int) -> None:
        self.metric = metric
        super().build(metric, "float32", rows)
        self.dtype = POOLS[metric].dtype

    def queries(self, start: int, count: int) -> Any:
        return POOLS[self.metric][start : start + count]

    def drawn(self, ids: list[int]) -> Any:
        self.given += 1
        pool = POOLS[self.metric]
        return pool[[(7 * number + 31 * self.given) % len(pool) for number in ids]]

    def brute_force(self, queries: Any, ids: list[int]) -> Any:
        distances = np.zeros((len(queries), len(ids)))
        for place, asked in enumerate(queries):
            for column, number in enumerate(ids):
                distances[place, column] = self.plain(asked.tolist(), self.model[number].tolist())
        return distances

    def plain(self, first: list[int], second: list[int]) -> float:
        if self.metric == "hamming":
            return sum((one ^ two).bit_count() for one, two in zip(first, second, strict=True))
        one, two = set(first) - {NO_ELEMENT}, set(second) - {NO_ELEMENT}
        return 1 - len(one & two) / len(one | two) if one | two else 0.0


def machine() -> type[Machine]:
    class Counted(Machine):
        reached: set[str] = set()  # noqa: RUF012

    return Counted


def test_any_history_gives_what_a_dictionary_gives() -> None:
    run_state_machine_as_test(
        machine(),
        settings=settings(
            max_examples=12,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes
        ),
    )


@pytest.mark.parametrize("metric", list(DISCRETE))
def test_a_history_through_every_way_gives_it_too(metric: str) -> None:
    steps = machine()()

    try:
        steps.build(metric, 10)
        model.go_through_all(steps)
    finally:
        steps.teardown()
    assert steps.reached >= {
        "buckets",
        "folded in",
        "removed, not swept",
        "tail over a scan",
        "tail over buckets",
        "trained at first",
    }
