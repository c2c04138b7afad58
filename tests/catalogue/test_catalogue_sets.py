"""Sets and binary codes in the catalogue: their bytes, the room that grows with them, and damage to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from filled_catalogue import tamper  # type: ignore[import-not-found]
from hypothesis import given
from hypothesis import strategies as st

from lookalike.catalogue.blobs import fits, from_blobs, is_meant, to_blobs
from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.checksums import vector_checksum
from lookalike.catalogue.records import FeatureRecord, NewSource
from lookalike.errors import CollectionDamagedError, VectorError
from lookalike.sets import as_sets

SETS = [[5, 3], [], list(range(8))]


@pytest.fixture
def catalogue(location: Callable[[str], Path | str]) -> Iterator[Catalogue]:
    with Catalogue.create(location("c")) as made:
        with made.write() as writer:
            writer.add_feature(FeatureRecord("tags", "import", 8, "jaccard"))
            writer.add_feature(FeatureRecord("bits", "import", 2, "hamming"))
            writer.add_sources(
                [
                    NewSource(
                        f"id{row}",
                        f"{row:064x}",
                        "row",
                        9,
                        vectors={
                            "tags": as_sets([elements])[0],
                            "bits": np.array([row, 255], dtype=np.uint8),
                        },
                    )
                    for row, elements in enumerate(SETS)
                ]
            )
        yield made


@given(st.lists(st.sets(st.integers(0, 2**32 - 2), max_size=8), min_size=1, max_size=5))
def test_bytes_of_sets_are_those_of_their_elements(sets: list[set[int]]) -> None:
    rows = as_sets(sets, width=8)
    blobs = to_blobs(rows, "jaccard")
    assert [len(blob) for blob in blobs] == [4 * len(one) for one in sets]
    assert all(fits(blob, 8, "jaccard") and is_meant(blob, 8, "jaccard") for blob in blobs)
    assert np.array_equal(from_blobs(blobs, 8, "jaccard"), rows)


def test_sets_and_codes_come_back_as_they_went_in(catalogue: Catalogue) -> None:
    numbers, tags = catalogue.vectors("tags", [3, 1, 2])
    assert np.array_equal(tags, as_sets([SETS[2], SETS[0], SETS[1]], width=8))
    assert catalogue.vectors("bits", numbers)[1].tolist() == [[2, 255], [0, 255], [1, 255]]
    stored = catalogue.stored_query("id0", ["tags", "bits"])
    assert stored is not None and stored[1]["bits"].dtype == np.uint8
    (block,) = catalogue.changes("tags")
    assert block[1].dtype == np.uint32


def test_the_room_of_sets_grows_with_the_largest(catalogue: Catalogue) -> None:
    with catalogue.write() as writer:
        writer.add_vectors("tags", [2], as_sets([range(9)]))
    assert catalogue.features()["tags"].dimension == 16
    assert catalogue.vectors("tags", [1, 2])[1].shape == (2, 16)
    assert list(catalogue.verify()) == []


def test_bytes_are_counted_as_they_are(catalogue: Catalogue) -> None:
    assert catalogue.statistics().vector_bytes == {"tags": 4 * 10, "bits": 2 * 3}


def test_codes_of_another_length_are_refused(catalogue: Catalogue) -> None:
    with pytest.raises(VectorError, match="have 24 bits"), catalogue.write() as writer:
        writer.add_vectors("bits", [1], np.zeros((1, 3), dtype=np.uint8))


def test_sources_lack_what_is_older_than_they_are(catalogue: Catalogue) -> None:
    assert catalogue.outdated("tags").tolist() == []
    with catalogue.write() as writer:
        writer.update_metadata({2: {"title": "new"}})
        writer.add_sources([NewSource("id3", "3" * 64, "row", 9)])
    assert catalogue.outdated("tags").tolist() == [2, 4]
    with catalogue.write() as writer:
        writer.add_vectors("tags", [2, 4], as_sets([[1], [2]]))
    assert catalogue.outdated("tags").tolist() == []


@pytest.mark.parametrize(
    ("feature", "blob", "what"),
    [
        ("tags", b"\x05\0\0\0\x03\0\0\0", "set is not in order"),
        ("tags", b"\x05\0\0\0\x05\0\0\0", "set is not in order"),
        ("tags", b"\x05\0\0", "3 bytes, and not"),
        ("tags", bytes(36), "36 bytes, and not"),
        ("bits", b"\x05", "1 bytes, and not"),
    ],
)
def test_damage_is_found(catalogue: Catalogue, feature: str, blob: bytes, what: str) -> None:
    key = 1 if feature == "tags" else 2
    checksum = vector_checksum(1, key, 1, blob)
    tamper(
        catalogue,
        f"UPDATE vectors SET vector = x'{blob.hex()}', checksum = {checksum} WHERE number = 1 AND feature = {key}",
    )
    (problem,) = catalogue.verify()
    assert what in problem.what and feature in problem.where
    if "bytes" in what:
        with pytest.raises(CollectionDamagedError):
            catalogue.vectors(feature, [1])
