"""Binary codes that are made of pictures: added, found, explained, moved and kept up as vectors are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.features.drawings import drawn_file as picture
from tests.services.postgres import PostgresServer

from lookalike import Collection
from lookalike.collection.query import MixQuery, PictureQuery, SourceQuery, VectorQuery
from lookalike.errors import FeatureMismatchError, OptionError
from lookalike.features.descriptors.edge_histogram import EdgeHistogram

KIND = "edge-histogram"
FEATURES = [KIND, "look"]
COUNT = 30


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = []
    for number in range(COUNT):
        paths.append(tmp_path / f"{number:02}.png")
        paths[-1].write_bytes(picture(number))
    return paths


@pytest.fixture
def own(tmp_path: Path, files: list[Path]) -> Iterator[Collection]:
    """Return a collection at hand, of the files."""
    with Collection.create(tmp_path / "own") as collection:
        collection.add(files, features=FEATURES, jobs=1)
        yield collection


def ids_of(collection: Collection) -> list[str]:
    """Return the ids of the files, in their order."""
    by_path = {source.places[0].path: source.id for source in collection.list()}
    return [by_path[path] for path in sorted(by_path)]


def found(collection: Collection, query: object, **options: object) -> list[tuple[str, float]]:
    return [(hit.id, hit.distance) for hit in collection.search(query, **options)]  # type: ignore[arg-type]


def test_codes_are_kept_and_are_those_of_the_extractor(own: Collection, files: list[Path]) -> None:
    record = own.features()[KIND]
    assert (record.metric, record.dimension) == ("hamming", EdgeHistogram.dimension)
    vectors = own.vectors(ids_of(own)[3])
    with Image.open(files[3]) as image:
        (expected,) = EdgeHistogram().extract([image.convert("RGB")])
    assert vectors[KIND].dtype == np.uint8
    np.testing.assert_array_equal(vectors[KIND], expected)
    assert list(own.verify()) == []


def test_workers_make_the_same_codes(own: Collection, files: list[Path], tmp_path: Path) -> None:
    with Collection.create(tmp_path / "other") as other:
        other.add(files, features=FEATURES, jobs=2)
        for id_ in ids_of(own):
            np.testing.assert_array_equal(other.vectors(id_)[KIND], own.vectors(id_)[KIND])


def test_a_picture_its_id_and_its_code_find_the_same(own: Collection, files: list[Path]) -> None:
    only = {KIND: 1.0}
    one = ids_of(own)[4]
    by_id = found(own, SourceQuery(one), features=only, k=6)
    by_picture = found(own, PictureQuery(files[4].read_bytes()), features=only, k=7)
    by_code = found(own, VectorQuery({KIND: own.vectors(one)[KIND]}), k=7)
    bits = np.unpackbits(own.vectors(one)[KIND])
    by_bits = found(own, VectorQuery({KIND: bits.astype(bool)}), k=7)
    assert by_picture == by_code == by_bits
    assert by_picture[0] == (one, 0)
    assert by_picture[1:] == by_id
    codes = {id_: own.vectors(id_)[KIND] for id_ in ids_of(own)}
    for id_, distance in by_id:
        assert distance == (np.unpackbits(codes[id_]) != bits).sum()


def test_a_picture_from_outside_is_compared_in_all_features(own: Collection) -> None:
    hits = own.search(PictureQuery(picture(7)), k=2)
    assert hits[0].id == ids_of(own)[7]
    assert hits[0].features.keys() == set(FEATURES)
    assert hits[0].features[KIND] == 0


def test_many_are_searched_as_one_by_one(own: Collection) -> None:
    queries = [SourceQuery(id_) for id_ in ids_of(own)[:3]]
    many = own.search_many(queries, k=3)
    assert [[hit.id for hit in hits] for hits in many] == [
        [hit.id for hit in own.search(query, k=3)] for query in queries
    ]


def test_it_is_explained(own: Collection) -> None:
    first, second = ids_of(own)[:2]
    told = own.explain(SourceQuery(first), second, features={KIND: 1.0})
    codes = [np.unpackbits(own.vectors(id_)[KIND]) for id_ in (first, second)]
    assert told.distance == (codes[0] != codes[1]).sum()


def test_it_is_rebuilt_and_removed(own: Collection) -> None:
    before = found(own, SourceQuery(ids_of(own)[0]), k=5)
    assert own.rebuild() == {KIND: COUNT, "look": COUNT}
    assert found(own, SourceQuery(ids_of(own)[0]), k=5) == before
    gone = before[0][0]
    own.remove(gone)
    assert gone not in dict(found(own, SourceQuery(ids_of(own)[0]), k=COUNT))
    own.remove_feature(KIND)
    assert own.features().keys() == {"look"}


def test_later_pictures_and_later_features(tmp_path: Path, files: list[Path]) -> None:
    with Collection.create(tmp_path / "c") as collection:
        collection.add(files[:20], jobs=1)
        report = collection.add(files, features=["phog"], jobs=1)
        assert (report.added, report.refreshed) == (COUNT - 20, 20)
        assert collection.info()["features"]["phog"]["vectors"] == COUNT
        files[0].write_bytes(picture(99))
        assert collection.add(files, jobs=1).changed == 1
        hits = collection.search(PictureQuery(picture(99)), k=1)
        assert hits[0].features == {"look": pytest.approx(0, abs=1e-6), "phog": 0}
        assert list(collection.verify()) == []


@pytest.mark.usefixtures("few_are_scanned")
def test_buckets_of_every_store_find_what_a_scan_finds(
    tmp_path: Path, store_url: str, files: list[Path]
) -> None:
    with Collection.create(tmp_path / "c", buckets=store_url) as collection:
        collection.add(files, features=KIND, jobs=1)
        told = collection.index(KIND)
        assert (told["chosen"], told["family"], told["base_rows"]) == ("bit-sampling", "bit-sampling", COUNT)
        first = collection.search(PictureQuery(picture(5)), k=3, strict=True)
        assert (first[0].id, first[0].distance, first.notes) == (ids_of(collection)[5], 0, ())
        assert list(collection.verify()) == []
        (tmp_path / "late.png").write_bytes(picture(77))
        collection.add(tmp_path / "late.png", jobs=1)
        hits = collection.search(PictureQuery(picture(77)), k=1, strict=True)
        assert (hits[0].distance, hits.notes) == (0, ())


@pytest.mark.usefixtures("few_are_scanned")
def test_it_is_moved_into_a_store_and_back(own: Collection, store_url: str) -> None:
    query = SourceQuery(ids_of(own)[2])
    before = found(own, query, features={KIND: 1.0}, k=3)
    assert own.migrate(KIND, buckets=store_url, queries=20).equal >= 0
    assert found(own, query, features={KIND: 1.0}, k=1) == before[:1]
    own.migrate(KIND, buckets="embedded", queries=20)
    assert found(own, query, features={KIND: 1.0}, k=3) == before


@pytest.fixture
def few_are_scanned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.collection.index_homes.SCAN_BELOW", 20)


def test_its_catalogue_may_be_on_postgresql(
    postgres: PostgresServer,
    own: Collection,
    files: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with Collection.create(postgres.new_database()) as server:
        server.add(files, features=FEATURES, jobs=1)
        for id_ in ids_of(own)[:3]:
            assert found(server, SourceQuery(id_)) == found(own, SourceQuery(id_))
        assert list(server.verify()) == []


def test_a_mix_is_of_what_has_a_mean(own: Collection) -> None:
    first, second = (SourceQuery(id_) for id_ in ids_of(own)[:2])
    hits = own.search(MixQuery([first, second]), k=2)
    assert hits[0].features.keys() == {"look"}
    with pytest.raises(OptionError, match=rf"codes and sets, as {KIND}, have no mean"):
        own.search(MixQuery([first, second]), features={KIND: 1.0})


def test_an_extractor_of_another_metric_is_told(own: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EdgeHistogram, "metric", "euclidean")
    with pytest.raises(FeatureMismatchError, match="metric hamming then, euclidean now"):
        own.search(PictureQuery(picture(1)))
