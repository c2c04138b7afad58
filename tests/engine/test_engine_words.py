"""Words that rank: their scores do not depend on the shard, equal ones go by id, and a distance limit holds for all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from tests.engine.museum import scheme, vectors

from lookalike.engine import EngineIndex, blending
from lookalike.engine.client import Engine

COUNT = 500
QUERY = vectors()[0]


@pytest.fixture(scope="module")
def shards(engine: Engine) -> Iterator[EngineIndex]:
    """An index of three shards whose documents have one of two titles; every fifth has a longer one."""
    index = EngineIndex.create(
        engine, f"words-{engine.name}", scheme=scheme(), fields={"title": "text", "n": "long"}, shards=3
    )
    titles = [f"oak chair {'by a window' if i % 5 == 0 else 'there'}" for i in range(COUNT)]
    told = [{"title": title, "n": i} for i, title in enumerate(titles)]
    index.add([f"d{i:03}" for i in range(COUNT)], vectors()[:COUNT], told)
    yield index
    index.drop()


def test_documents_that_have_the_words_equally_well_are_ordered_by_id_over_shards(
    shards: EngineIndex,
) -> None:
    best = [f"d{i:03}" for i in range(COUNT) if i % 5]
    words = blending.ByWords(shards._target, [{"match": {"title": "chair"}}], [], documents=False)
    for count in (1, 30, 350, 400):
        words.deepen(count)
        assert words.ids == best[:count]
        assert not words.ended
    words.deepen(COUNT + 10)
    assert words.ids == [*best, *(f"d{i:03}" for i in range(0, COUNT, 5))]
    assert words.ended


def test_words_alone_rank_by_how_well_they_match_and_then_by_distance(shards: EngineIndex) -> None:
    """Of 400 that are equally good, the 100 of the lowest ids are looked at."""
    hits = shards.search(QUERY, 10, text="chair", text_weight=1)
    assert list(hits.ids) == [f"d{i:03}" for i in range(COUNT) if i % 5][:10]


def test_more_that_are_equally_good_than_an_engine_returns_are_told_of(
    shards: EngineIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blending, "MOST_HITS", 300)
    hits = shards.search(QUERY, 5, text="chair", text_weight=1)
    assert hits.notes == (blending.TIED,)
    assert not shards.search(QUERY, 5, text="window", text_weight=1).notes


def exact_within(limit: float) -> list[str]:
    wide = vectors()[:COUNT].astype(np.float64)
    distances = np.linalg.norm(wide - QUERY.astype(np.float64), axis=1)
    return [f"d{i:03}" for i in np.flatnonzero(distances <= limit)]


@pytest.mark.parametrize("weight", [0.9, 1.0])
def test_a_distance_limit_leaves_the_best_by_words_of_all_that_are_near_enough(
    shards: EngineIndex, weight: float
) -> None:
    """Though those who match best are farther away: all of the hundred best by words, or nearly all."""
    far = [f"x{i:03}" for i in range(300)]
    shards.add(far, vectors()[:300] + 50, [{"title": "chair"}] * 300)
    try:
        near = exact_within(2.0)
        assert 5 < len(near) < 100
        hits = shards.search(QUERY, 5, text="chair", text_weight=weight, max_distance=2.0)
        assert len(hits) == 5
        assert max(hits.distances) <= 2.0
        if weight == 1:
            short = [one for one in near if int(one[1:]) % 5]
            assert list(hits.ids) == (short + [one for one in near if one not in short])[:5]
        assert not hits.notes
        none = shards.search(QUERY + 100, 5, text="chair", text_weight=weight, max_distance=1.0)
        assert len(none) == 0
    finally:
        shards.remove(far)


def test_where_a_limit_asks_for_more_than_an_engine_returns_that_is_told(
    shards: EngineIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blending, "MOST_HITS", 200)
    hits = shards.search(QUERY + 100, 5, text="there", text_weight=1, max_distance=1.0)
    assert (len(hits), hits.notes[-1]) == (0, blending.CUT)
