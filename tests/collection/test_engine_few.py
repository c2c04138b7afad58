"""A collection in an engine that grows from nothing: nothing is learned until there is something to be gained by it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tests.collection.test_engine_home import IDS, VECTORS, add, found, in_engine
from tests.services.engines import EngineServer

from lookalike import Collection
from lookalike.engine import defaults, few, followed
from lookalike.engine.target import given_scheme


@pytest.fixture
def tuned(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many rows tokens were chosen for, each time that they were."""
    rows: list[int] = []
    real = given_scheme

    def given(*options: object) -> object:
        rows.append(int(str(options[3])))
        return real(*options)  # type: ignore[arg-type]

    monkeypatch.setattr(followed, "given_scheme", given)
    return rows


@pytest.fixture
def collection(engine_server: EngineServer, tmp_path: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path / "c", engine=engine_server.url) as made:
        yield made
        made.remove_feature("vectors")


def nearest(row: int, count: int, k: int) -> list[str]:
    distances = np.linalg.norm(VECTORS[:count].astype(np.float64) - VECTORS[row], axis=1)
    return [IDS[i] for i in np.lexsort((np.arange(count), distances))[:k]]


def test_few_sources_are_all_compared_and_the_index_is_not_made_again(
    collection: Collection, tuned: list[int]
) -> None:
    add(collection, 0, 100)
    index = in_engine(collection).target.index
    for first, last in pairwise((100, 140, 200, 290, 400, 560)):
        add(collection, first, last)
        for row in (0, 50, last - 1):
            assert found(collection, row, 20) == nearest(row, last, 20)
    assert not tuned
    assert in_engine(collection).target.index == index
    assert collection.explain(VECTORS[0], IDS[3]).features["vectors"].tokens == (("0-0", 1.0),)
    assert list(collection.verify()) == []


def test_tokens_are_chosen_once_there_are_more(
    collection: Collection, tuned: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(few, "FEW_ROWS", 150)
    monkeypatch.setattr(few, "CLIENT_EXACT_ROWS", 150)
    monkeypatch.setattr(defaults, "FEWEST_ROWS", 10_000)  # the least that is learned is enough here
    add(collection, 0, 100)
    add(collection, 100, 150)
    assert not tuned
    add(collection, 150, 160)
    assert tuned == [160]
    assert not few.is_of_few(in_engine(collection).target.scheme)
    assert found(collection, 155)[0] == IDS[155]
    add(collection, 160, 230)
    assert tuned == [160]
