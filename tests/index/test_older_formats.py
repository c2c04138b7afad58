"""Indexes that earlier versions saved."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damaged import body_of, forged  # type: ignore[import-not-found]

from lookalike.errors import IndexFormatError
from lookalike.index import Index
from lookalike.index.io import array_directory as disk


def rows(count: int = 3000) -> Any:
    random = np.random.default_rng(0)
    return np.repeat(random.standard_normal((count // 50, 24)) * 3, 50, axis=0) + random.standard_normal(
        (count, 24)
    )


def as_format_4(path: Path) -> None:
    """Rewrite a saved index as format 4 had it: sketches end with 16 constants and 16 slopes in float32."""
    body = body_of(path)
    entry = body["arrays"]["blocks"]
    file = path / entry["file"]
    count, width = entry["shape"]
    raw = file.read_bytes()
    blocks = np.frombuffer(raw, np.uint8)[: count * width].reshape(count, width)
    assert len(raw) == blocks.size
    words = np.ascontiguousarray(blocks[:, -64:]).view(np.uint32)
    wide = np.concatenate((blocks[:, :-64], words.view(np.uint8), (words << 16).view(np.uint8)), axis=1)
    file.write_bytes(wide.tobytes())
    entry["shape"] = list(wide.shape)
    entry["checksum"] = hashlib.blake2b(wide.tobytes(), digest_size=16).hexdigest()
    (path / disk.MANIFEST).write_bytes(forged(body, 4))


@pytest.mark.parametrize(
    ("metric", "family"), [("euclidean", None), ("cosine", None), ("dot", None), ("cosine", "hyperplane")]
)
def test_an_index_of_format_4_answers_as_it_did(tmp_path: Path, metric: Any, family: Any) -> None:
    vectors, path = rows(), tmp_path / "index"
    index = Index.build(vectors, metric=metric, family=family, scan_below=500)
    index.save(path)
    as_format_4(path)
    old = Index.open(path, verify=True)
    for recall in (0.8, 0.95):
        found, expected = (each.search(vectors[:50], 10, recall=recall) for each in (old, index))
        assert np.array_equal(found[0], expected[0])
        assert np.array_equal(found[1], expected[1])
    old.add([9000], vectors[:1] + 0.01)
    old.save(path)
    assert json.loads((path / disk.MANIFEST).read_bytes())["version"] == disk.VERSION
    again = Index.open(path, verify=True)
    assert 9000 in again
    again.add(np.arange(10_000, 13_000), vectors + 0.1)  # so many that they are folded in
    again.save(path)
    buckets: Any = index.view().snapshot.base.buckets
    assert body_of(path)["arrays"]["blocks"]["shape"][1] == buckets.sketched.blocks.shape[1]
    assert {9000, 10_000} <= set(Index.open(path, verify=True).ids().tolist())


def test_an_index_of_a_format_before_that_is_refused(tmp_path: Path) -> None:
    Index.build(rows(100)).save(tmp_path / "index")
    (tmp_path / "index" / disk.MANIFEST).write_bytes(forged(body_of(tmp_path / "index"), 3))
    with pytest.raises(IndexFormatError, match=r"format version 3.*reads 4 to 5.*rebuild"):
        Index.open(tmp_path / "index")
