"""Words rank and looks narrow: the best by words of all that are near enough, wherever they stand in that ranking."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.collection.afar import Create
from tests.services.engines import EngineServer

from lookalike import Collection

FAR, NEAR = 500, 12
NAMES = [f"near-{i}" for i in range(NEAR)]


def fill(collection: Collection) -> None:
    """Add many sources far away that match "shoe" best, and few at hand that match it less the higher their number."""
    random = np.random.default_rng(3)
    far = random.normal(size=(FAR, 6)) + 20
    near = random.normal(size=(NEAR, 6)) / 10
    metadata: list[dict[str, Any]] = [{"title": "shoe"} for _ in range(FAR)]
    metadata += [{"title": "shoe " + "of many words " * (i + 1)} for i in range(NEAR)]
    ids = [f"far-{i}" for i in range(FAR)] + NAMES
    collection.add_vectors(np.concatenate((far, near)), ids=ids, metadata=metadata)


def check(collection: Collection, **options: Any) -> None:
    hits = collection.search(np.zeros(6), k=5, text="shoe", text_weight=1, max_distance=3.0, **options)
    assert [hit.id for hit in hits] == NAMES[:5]
    assert max(hit.distance for hit in hits) <= 3.0
    assert len(collection.search(np.zeros(6), k=50, text="shoe", text_weight=1, max_distance=3.0)) == NEAR


@pytest.mark.parametrize("options", [{}, {"blend": True}], ids=str)
def test_by_sql(create: Create, tmp_path: Path, options: dict[str, Any]) -> None:
    with create(tmp_path / "c") as collection:
        fill(collection)
        check(collection, **options)


def test_in_an_engine(tmp_path: Path, engine_server: EngineServer) -> None:
    with Collection.create(tmp_path / "c", engine=engine_server.url) as collection:
        fill(collection)
        check(collection)
        collection.remove_feature("vectors")
