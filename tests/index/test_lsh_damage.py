"""Damaged files of an index over a hash family: an error of Lookalike or an answer, never one without end or bounds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from damaged import files_of, kept  # type: ignore[import-not-found]

from lookalike import Index
from lookalike.errors import IndexFormatError, LookalikeError
from lookalike.hashing import FamilySpec
from lookalike.index.io import array_directory as disk
from lookalike.sets import as_sets

Random = np.random.Generator
Damage = Callable[[bytes, list[bytes], Random], bytes]
SECTOR = 512
DAMAGES = 40
"""Of each family."""
FAMILIES = ("hyperplane", "cross-polytope", "p-stable", "clusters", "clusterings")


def rows(count: int, seed: int) -> npt.NDArray[np.float32]:
    random = np.random.default_rng(seed)
    centres = 4 * np.random.default_rng(0).standard_normal((30, 8))
    return (centres[random.integers(0, 30, count)] + random.standard_normal((count, 8))).astype(np.float32)


def rows_for(family: str, count: int, seed: int) -> tuple[str, Any]:
    """Return a metric that the family is for, and rows."""
    bits = rows(count, seed) > 0
    if family == "min-hash":
        return "jaccard", as_sets(bits, width=8)
    return (
        ("hamming", np.packbits(bits, axis=1))
        if family == "bit-sampling"
        else ("euclidean", rows(count, seed))
    )


@pytest.fixture(scope="module", params=(*FAMILIES, "min-hash", "bit-sampling"))
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of an index that answers by its buckets."""
    path = tmp_path_factory.mktemp("index") / "index"
    metric, given = rows_for(request.param, 1500, 0)
    parameters = {"tables": 4, "bits": 8} if metric == "hamming" else {}
    asked = FamilySpec(request.param, parameters)
    built = Index.build(given, metric=metric, scan_below=0, recall=0.7, family=asked, path=path)
    assert built.stats().buckets
    np.save(path.parent / "queries.npy", rows_for(request.param, 40, 1)[1])
    return path


def one_bit(content: bytes, others: list[bytes], random: Random) -> bytes:
    damaged = bytearray(content)
    bit = int(random.integers(8 * len(content)))
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def many_bits(content: bytes, others: list[bytes], random: Random) -> bytes:
    for _ in range(20):
        content = one_bit(content, others, random)
    return content


def zeroed_sector(content: bytes, others: list[bytes], random: Random) -> bytes:
    start = int(random.integers(-(-len(content) // SECTOR))) * SECTOR
    sector = content[start : start + SECTOR]
    return content[:start] + bytes(len(sector)) + content[start + SECTOR :]


def noise_in_a_sector(content: bytes, others: list[bytes], random: Random) -> bytes:
    start = int(random.integers(-(-len(content) // SECTOR))) * SECTOR
    sector = content[start : start + SECTOR]
    return content[:start] + random.bytes(len(sector)) + content[start + SECTOR :]


def cut_short(content: bytes, others: list[bytes], random: Random) -> bytes:
    return content[: int(random.integers(len(content)))]


def of_another_array(content: bytes, others: list[bytes], random: Random) -> bytes:
    """Return as many bytes of another file, over and over where it is shorter."""
    other = others[int(random.integers(len(others)))]
    return (other * (len(content) // len(other) + 1))[: len(content)]


WAYS: tuple[Damage, ...] = (
    one_bit,
    many_bits,
    zeroed_sector,
    noise_in_a_sector,
    cut_short,
    of_another_array,
)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of damaged rows that are no numbers any more
def test_damage_ends_in_an_answer_or_an_error_and_verifying_finds_it(index: Path) -> None:
    files = [file for file in files_of(index) if file.name != disk.MANIFEST and file.stat().st_size]
    contents = {file: file.read_bytes() for file in files}
    queries = np.load(index.parent / "queries.npy")
    for seed in range(DAMAGES):
        random = np.random.default_rng(seed)
        file = files[int(random.integers(len(files)))]
        others = [content for other, content in contents.items() if other is not file]
        with kept(file) as content:
            damaged = WAYS[seed % len(WAYS)](content, others, random)
            if damaged == content:
                continue
            file.write_bytes(damaged)
            try:
                opened = Index.open(index)
                ids, _ = opened.search(queries, 5)
                opened.search(queries, 5, allow=np.arange(0, 1500, 7))
                opened.explain(queries[0], 3)
                assert ids.shape == (40, 5)
            except LookalikeError:
                pass
            with pytest.raises(IndexFormatError):
                Index.open(index, verify=True)


@pytest.mark.parametrize("place", [1, 5, -2])
@pytest.mark.parametrize("value", [-1, 2**62, -(2**62), 0])
def test_starts_that_do_not_rise_are_refused_when_the_index_is_opened(
    index: Path, place: int, value: int
) -> None:
    file = next(file for file in files_of(index) if file.name.startswith("buckets.starts_0"))
    with kept(file) as content:
        starts = np.frombuffer(content, dtype="<i8").copy()
        starts[place] = value
        file.write_bytes(starts.tobytes())
        with pytest.raises(IndexFormatError, match="buckets of table 0 are damaged"):
            Index.open(index)


@pytest.mark.parametrize("member", [-1, 1500, 2**31 - 1])
def test_members_that_are_no_rows_are_refused_when_they_are_met(index: Path, member: int) -> None:
    file = next(file for file in files_of(index) if file.name.startswith("buckets.members_0"))
    with kept(file) as content:
        file.write_bytes(np.full(len(content) // 4, member, dtype="<i4").tobytes())
        with pytest.raises(IndexFormatError, match="name rows that are not there"):
            Index.open(index).search(np.load(index.parent / "queries.npy"), 5, recall=0.1)


@pytest.mark.parametrize("family", FAMILIES)
def test_functions_that_hold_no_numbers_are_refused(tmp_path: Path, family: str) -> None:
    spec = FamilySpec(family, {"centred": True} if family in ("hyperplane", "cross-polytope") else {})
    path = tmp_path / "index"
    Index.build(rows(300, 0), scan_below=0, family=spec, path=path)
    file = next(
        file
        for name in ("mean", "offsets", "centroids")
        for file in files_of(path)
        if file.name.startswith(f"family.{name}")
    )
    size = 8 if "offsets" in file.name else 4
    damaged = np.full(file.stat().st_size // size, np.nan, dtype=f"<f{size}")
    file.write_bytes(damaged.tobytes())
    with pytest.raises(IndexFormatError, match="NaN or infinity"):
        Index.open(path)
