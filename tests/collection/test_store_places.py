"""Where a collection has its buckets when the place cannot be used, or is asked for from another folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lookalike import Collection
from lookalike.errors import BucketStoreError

VECTORS = np.random.default_rng(0).standard_normal((400, 8)).astype(np.float32)
CHANGES: dict[str, Callable[[Collection, str], object]] = {
    "migrate": lambda collection, url: collection.migrate("vectors", buckets=url),
    "set_index": lambda collection, url: collection.set_index("vectors", "p-stable", buckets=url),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("family", ["learned", "hyperplane"])
def test_an_index_stays_where_it_is_when_it_cannot_be_moved(
    tmp_path: Path, change: Callable[[Collection, str], object], family: str
) -> None:
    with Collection.create(tmp_path / "c") as collection:
        collection.add_vectors(VECTORS)
        before = collection.set_index("vectors", family)
        with pytest.raises(BucketStoreError, match="cannot be opened"):
            change(collection, f"sqlite:///{tmp_path}/no/such/folder/buckets.db")
        assert collection.index("vectors") | {"stamp": 0} == before | {"stamp": 0}
        assert list(collection.verify()) == []
        assert collection.rebuild() == {"vectors": 400}


def test_a_file_of_buckets_is_found_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with Collection.create("c", buckets="sqlite:///buckets.db") as collection:
        collection.add_vectors(VECTORS)
    monkeypatch.chdir(tmp_path / "elsewhere")
    with Collection.open(tmp_path / "c") as collection:
        assert list(collection.verify()) == []
        assert collection.index("vectors")["store"].startswith(f"sqlite:///{tmp_path}/buckets.db")
