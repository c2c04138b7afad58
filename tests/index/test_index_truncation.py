"""Short, swapped and altered files: opening an index names the file at fault, and gives no wrong answer."""

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damaged import GONE, altered, body_of, fields, files_of, forged, kept  # type: ignore[import-not-found]

from lookalike import Index
from lookalike.errors import IndexFormatError
from lookalike.hashing import Hyperplane, PStable
from lookalike.index.io import array_directory as disk

QUERIES = np.random.default_rng(1).integers(1, 200, (6, 2)).astype(np.float32)
KINDS: dict[str, dict[str, Any]] = {
    "partitioned": {},
    "hashed": {"family": Hyperplane(tables=2, bits=2, seed=1), "metric": "cosine"},
    "p-stable": {"family": PStable(tables=2, floors=2, bucket_size=60.0, seed=1)},
    "scanned": {"scan_below": 1000},
}


def saved(path: Path, kind: str) -> Path:
    """Save an index of 30 rows with a tail and a removed row; return its directory."""
    rows = np.random.default_rng(0).integers(1, 200, (30, 2)).astype(np.uint8)
    index = Index.build(rows, n_jobs=1, **{"scan_below": 20, **KINDS[kind]})
    index.add([500], rows[:1] + 1)
    index.remove([7])
    index.save(path / "index")
    return path / "index"


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def index(tmp_path: Path, kind: str) -> Path:
    return saved(tmp_path, kind)


def refused(index: Path, file: str) -> None:
    """Check that opening the index is refused in one line that names `file`."""
    with pytest.raises(IndexFormatError, match=re.escape(str(index / file))) as raised:
        Index.open(index, verify=True)
    assert "\n" not in str(raised.value)


def answers(index: Path) -> Any:
    """Return what an index tells of itself and finds."""
    opened = Index.open(index, verify=True)
    return (
        opened.ids().tolist(),
        opened.vectors(opened.ids()).tolist(),
        *[found.tolist() for found in opened.search(QUERIES, 5, recall=1)],
        *[found.tolist() for found in opened.search(QUERIES, 5)],
    )


def test_every_file_cut_at_every_length(tmp_path: Path) -> None:
    """Of arrays beyond 512 bytes every seventh length, and every one of the first and last 64 bytes."""
    index = saved(tmp_path, "partitioned")
    files = files_of(index)
    assert len(files) == 1 + len(body_of(index)["arrays"])
    cuts = 0
    for file in files:
        with kept(file) as whole:
            end = len(whole)
            step = 7 if end > 512 and file.name != disk.MANIFEST else 1
            lengths = {*range(min(64, end)), *range(0, end, step), *range(max(0, end - 64), end)}
            for length in sorted(lengths, reverse=True):
                os.truncate(file, length)
                refused(index, file.name)
            cuts += len(lengths)
    assert cuts > 1000
    assert len(Index.open(index, verify=True)) == 30


def test_every_file_cut_short_or_grown_or_empty_whatever_the_index(index: Path) -> None:
    before = answers(index)
    for file in files_of(index):
        with kept(file) as whole:
            for length in {0, 1, 7, 8, len(whole) // 2, len(whole) - 1} - {len(whole)}:
                file.write_bytes(whole[: min(length, len(whole) - 1)])
                refused(index, file.name)
            for more in (b"\0", b" ", whole):
                file.write_bytes(whole + more)
                refused(index, file.name)
    assert answers(index) == before


def test_files_that_changed_places_are_found(index: Path) -> None:
    """Two arrays of one size: only their checksums tell."""
    before = answers(index)
    files = [file for file in sorted(index.glob("*.bin")) if file.stat().st_size]
    pairs = [
        (one, other)
        for place, one in enumerate(files)
        for other in files[place + 1 :]
        if one.stat().st_size == other.stat().st_size and one.read_bytes() != other.read_bytes()
    ]
    assert pairs
    for one, other in pairs:
        with kept(one) as first, kept(other) as second:
            one.write_bytes(second)
            other.write_bytes(first)
            refused(index, one.name)
    assert answers(index) == before


def test_what_is_no_file_is_named(index: Path) -> None:
    for file in files_of(index):
        aside = index.parent / "aside"
        file.rename(aside)
        refused(index, file.name)
        file.mkdir()
        refused(index, file.name)
        file.rmdir()
        file.symlink_to(index.parent / "nowhere")
        refused(index, file.name)
        file.unlink()
        aside.rename(file)
    assert len(Index.open(index, verify=True)) == 30


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"version":' + b"9" * 5000 + b"}",
        b"NaN",
        b"null",
        b'"lookalike index"',
        b"\0" * 500,
    ],
    ids=range(10),
)
def test_whatever_is_there_for_a_manifest_is_refused(tmp_path: Path, text: bytes) -> None:
    index = saved(tmp_path, "scanned")
    (index / disk.MANIFEST).write_bytes(text)
    refused(index, disk.MANIFEST)


def test_a_manifest_too_long_to_be_one_is_not_read(tmp_path: Path) -> None:
    index = saved(tmp_path, "scanned")
    os.truncate(index / disk.MANIFEST, disk.MANIFEST_BYTES + 1)
    with pytest.raises(IndexFormatError, match=r"manifest\.json: is too long"):
        Index.open(index)


@pytest.mark.parametrize("form", ["spaced", "escaped", "a key twice", "a key more"])
def test_other_forms_of_the_same_manifest_are_refused(tmp_path: Path, form: str) -> None:
    """Its bytes are as they were written, or they were changed by another hand."""
    index = saved(tmp_path, "scanned")
    file = index / disk.MANIFEST
    whole = file.read_bytes()
    manifest = json.loads(whole)
    other = {
        "spaced": json.dumps(manifest, sort_keys=True).encode(),
        "escaped": whole.replace(b'"magic"', b'"m\\u0061gic"'),
        "a key twice": whole.replace(b'"version":', b'"version":0,"version":', 1),
        "a key more": disk.text_of({**manifest, "more": 1}).encode(),
    }[form]
    assert other != whole
    file.write_bytes(other)
    refused(index, disk.MANIFEST)


def test_every_field_altered_by_hand_is_found(tmp_path: Path) -> None:
    """The manifest's checksum tells of any value, were it a good one."""
    index = saved(tmp_path, "hashed")
    file = index / disk.MANIFEST
    with kept(file) as whole:
        manifest, body = json.loads(whole), body_of(index)
        ways = list(fields(body))
        assert len(ways) > 80
        for way in ways:
            for wrong in (GONE, True, 2**70, "1"):
                changed = altered(body, way, wrong)
                if json.dumps(changed) != json.dumps(body):  # where it is not that already
                    file.write_bytes(disk.text_of({**manifest, "body": changed}).encode())
                    refused(index, disk.MANIFEST)


WRONG: tuple[Any, ...] = (True, 0.5, -(2**70), 1e308, "1", [1], {"a": 1})
POSSIBLE = {
    "options.recall": (0.5,),
    "buckets.radius": (0.5, 1e308),
    "buckets.tuning.copies": (0.5,),
    "buckets.tuning.spread": (0.5, 1e308),
}
"""Those that a field might have held."""


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:overflow:RuntimeWarning")
def test_no_field_of_another_type_or_size_is_taken(index: Path, kind: str) -> None:
    """Even behind a checksum that is right, a wrong field is refused, and a possible one makes no wrong answer."""
    file = index / disk.MANIFEST
    before = answers(index)
    taken: dict[str, list[Any]] = {}
    with kept(file):
        body = body_of(index)
        for way in fields(body):
            if way[0] == "arrays" and kind != "partitioned":
                continue  # told of in one way for all kinds
            for wrong in WRONG:
                name = ".".join(map(str, way[1:]))
                changed = altered(body, way, wrong)
                if changed == body:
                    continue
                file.write_bytes(forged(changed))
                try:
                    found = answers(index)
                except IndexFormatError as error:
                    assert str(index) in str(error), (way, wrong)
                    assert "\n" not in str(error)
                    continue
                assert found[:4] == before[:4], (way, wrong)
                if not any(wrong is possible for possible in POSSIBLE.get(name, ())):
                    taken.setdefault(name, []).append(wrong)
    assert not taken


@pytest.mark.parametrize("by", [-1, 1])
def test_no_shape_dimension_or_count_can_be_off_by_one(index: Path, by: int) -> None:
    file = index / disk.MANIFEST
    with kept(file):
        body = body_of(index)
        ways = [way for way in fields(body) if "shape" in way[-2:-1] or way[-1] == "dimension"]
        assert len(ways) > 8
        for way in ways:
            file.write_bytes(forged(altered(body, way, lambda value: value + by)))
            with pytest.raises(IndexFormatError, match=re.escape(str(index))):
                Index.open(index, verify=True)


def test_an_array_may_not_lie_outside(index: Path) -> None:
    file = index / disk.MANIFEST
    inside = (index / "ids.1.bin").read_bytes()
    (index.parent / "ids.1.bin").write_bytes(inside)
    with kept(file):
        body = body_of(index)
        for name in (
            "../ids.1.bin",
            str(index.parent / "ids.1.bin"),
            "ids.1.bin\0",
            "IDS.1.bin",
            ".",
            "manifest.json",
        ):
            file.write_bytes(forged(altered(body, ("arrays", "ids", "file"), name)))
            refused(index, disk.MANIFEST)


def test_buckets_are_of_the_family_that_was_asked_for(tmp_path: Path) -> None:
    """Or rows that are folded in later would be hashed by another."""
    index = saved(tmp_path, "hashed")
    other = PStable(tables=2, floors=2, bucket_size=60.0, seed=1).to_json()
    file = index / disk.MANIFEST
    with kept(file):
        body = body_of(index)
        for way, wrong in (
            (("options", "family"), None),
            (("options", "family"), other),
            (("options", "family", "parameters", "bits"), 3),
            (("options", "family", "parameters", "seed"), 2),
            (("buckets", "kind"), "partitioned"),
        ):
            file.write_bytes(forged(altered(body, ("properties", *way), wrong)))
            refused(index, disk.MANIFEST)
    opened = Index.open(index)
    opened.add(range(600, 640), np.ones((40, 2)))
    assert opened.stats().tail_rows == 0  # they were folded in
    assert len(opened) == 70
