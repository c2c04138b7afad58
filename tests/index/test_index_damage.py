"""Whatever becomes of an index's files, opening them tells which is wrong, and never crashes."""

import json
from typing import Any

import numpy as np
import pytest
from damaged import GONE, altered, body_of, fields, files_of, forged  # type: ignore[import-not-found]

from lookalike.errors import IndexFormatError
from lookalike.index import Index
from lookalike.index.io import array_directory as disk


@pytest.fixture(scope="module")
def saved(tmp_path_factory: Any) -> Any:
    """Return the directory of a small index with buckets, a tail and a removed row."""
    random = np.random.default_rng(0)
    centres = random.integers(0, 200, (6, 5))
    rows = (centres[random.integers(0, 6, 120)] + random.integers(0, 50, (120, 5))).astype(np.uint8)
    index = Index.build(rows, scan_below=50, n_jobs=1)
    index.add([500], rows[:1])
    index.remove([7])
    path = tmp_path_factory.mktemp("damage") / "index"
    index.save(path)
    return path


def test_flipped_bits_are_all_found(saved: Any) -> None:
    """Each flip is told of by the check of its own file: its checksum, or that of the manifest."""
    random = np.random.default_rng(1)
    files = [file for file in files_of(saved) if file.stat().st_size]
    wholes = {file: file.read_bytes() for file in files}
    sizes = np.array([len(whole) for whole in wholes.values()])
    for number in range(500):
        # Half by size, half by file, so that small files have their share.
        share = sizes / sizes.sum() if number % 2 else None
        file = files[int(random.choice(len(files), p=share))]
        damaged = bytearray(wholes[file])
        damaged[int(random.integers(len(damaged)))] ^= 1 << int(random.integers(8))
        file.write_bytes(damaged)
        try:
            with pytest.raises(IndexFormatError, match=file.name.replace(".", r"\.")):
                disk.read(saved, verify=True)
            if number % 200 == 0:
                with pytest.raises(IndexFormatError):
                    Index.open(saved, verify=True)
        finally:
            file.write_bytes(wholes[file])
    assert len(Index.open(saved, verify=True)) == 120


def test_every_field_of_the_manifest_is_checked(saved: Any) -> None:
    """Even where its checksum is right, a field that is gone or of another kind is no crash and no wrong answer."""
    file = saved / disk.MANIFEST
    whole = file.read_bytes()
    body = body_of(saved)
    truth = Index.open(saved).search(np.zeros(5), 5)[0]
    ways = list(fields(body))
    assert len(ways) > 60
    refused = 0
    for way in ways:
        for wrong in (GONE, None, -1, 2**70):
            file.write_bytes(forged(altered(body, way, wrong)))
            try:
                found = Index.open(saved, verify=True).search(np.zeros(5), 5)[0]
                assert np.array_equal(found, truth), (way, wrong)
            except IndexFormatError as error:
                assert str(saved) in str(error), (way, wrong)
                refused += 1
    file.write_bytes(whole)
    assert refused > 0.8 * 4 * len(ways)


@pytest.mark.parametrize("field", ["magic", "version", "checksum", "body"])
@pytest.mark.parametrize("wrong", [None, "x", -1, 1.5, [], {}, True])
def test_every_field_around_the_body_is_checked(saved: Any, field: Any, wrong: Any) -> None:
    file = saved / disk.MANIFEST
    whole = file.read_bytes()
    file.write_text(json.dumps({**json.loads(whole), field: wrong}))
    try:
        with pytest.raises(IndexFormatError, match=r"manifest\.json"):
            Index.open(saved)
    finally:
        file.write_bytes(whole)
