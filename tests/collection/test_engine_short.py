"""No search finds fewer than there are, though an engine's candidates are too few: the others are compared here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tests.collection.test_engine_home import VECTORS, add
from tests.services.engines import EngineServer

from lookalike import Collection
from lookalike.engine import few, finder, followed, planning
from lookalike.engine.tokens import TokenScheme
from lookalike.hashing import Clusterings

ROWS = 400
K = 60


@pytest.fixture(scope="module")
def collection(engine_server: EngineServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    """A collection whose queries share a token with one document of forty."""
    folder = tmp_path_factory.mktemp("short")
    family = Clusterings(tables=1, clusters=40).fit(VECTORS[:ROWS])
    scheme = TokenScheme(family, "euclidean", probes=1, candidates=20)
    with (
        pytest.MonkeyPatch.context() as patched,
        Collection.create(folder / "c", engine=engine_server.url) as made,
    ):
        patched.setattr(few, "FEW_ROWS", 0)
        patched.setattr(few, "CLIENT_EXACT_ROWS", 0)
        patched.setattr(followed, "given_scheme", lambda *_: (scheme, None))
        for name in ("EXACT_NUMBERS", "LARGEST_EXACT_NUMBERS", "CLIENT_EXACT_ROWS"):
            patched.setattr(planning, name, 0)
        patched.setattr(planning, "TERM_NUMBERS", {"tokens": 0, "union": 0})
        patched.setattr(planning, "CANDIDATES_K", 10_000)  # else more is probed for more hits
        add(made, 0, ROWS)
        yield made
        made.remove_feature("vectors")


def exact(row: int, allowed: np.ndarray[Any, Any]) -> list[int]:
    distances = np.linalg.norm(VECTORS[:ROWS].astype(np.float64) - VECTORS[row], axis=1)
    order = np.lexsort((np.arange(ROWS), distances))
    return [int(i) for i in order if allowed[i]][:K]


@pytest.mark.parametrize("terms", [5, 100, 65_536])
@pytest.mark.parametrize("share", [1, 2, 5])
def test_allowed_rows_are_found_all_the_same(
    collection: Collection, monkeypatch: pytest.MonkeyPatch, terms: int, share: int
) -> None:
    """Named to the engine, or sifted here."""
    monkeypatch.setattr(finder, "MOST_TERMS", terms)
    allowed = np.arange(ROWS) % share == 0
    with collection._searcher.indexes() as (catalogue, _, indexes):
        numbers = np.array([catalogue.numbers([f"s{i}"])[f"s{i}"] for i in range(ROWS)])
        allow = None if share == 1 else np.sort(numbers[allowed])
        ids, distances = indexes["vectors"].search(VECTORS[:4], K, allow=allow)
    for row in range(4):
        expected = numbers[exact(row, allowed)].tolist()
        assert len(set(ids[row].tolist()) & set(numbers[allowed].tolist())) == K
        if share == 1 or terms < np.count_nonzero(allowed):
            assert ids[row].tolist() == expected
        assert len({*ids[row].tolist()} & {*expected}) >= 0.9 * K
        assert (np.diff(distances[row]) >= 0).all()


def test_filters_of_the_engine_leave_as_many_as_sql_says(collection: Collection) -> None:
    hits = collection.search(VECTORS[0], k=K, where={"group": [1, 2]})
    assert len(hits) == K
    assert {hit.metadata["group"] for hit in hits} == {1, 2}
