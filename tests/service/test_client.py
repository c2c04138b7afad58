"""`Client` gives what `Collection` gives: one suite on both."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient
from tests.service.conftest import Serve, as_http
from tests.service.shop import fields, picture

from lookalike import Client, Collection, MixQuery, SourceQuery, TextQuery, Weighted
from lookalike.catalogue import Where
from lookalike.errors import (
    DuplicateIdError,
    InputError,
    MetadataError,
    OptionError,
    PictureFormatError,
    PictureTruncatedError,
    ServiceError,
    ServiceUnavailableError,
    UnknownFeatureError,
    UnknownIdError,
    VectorError,
)
from lookalike.service.keys import Keys
from lookalike.service.settings import Limits

Both = Any
"""A `Collection` or a `Client`."""


@pytest.fixture(params=["collection", "client"])
def shown(request: pytest.FixtureRequest, own_shop: Path, serve: Serve) -> Iterator[Both]:
    """Return a shop of the test's own, opened here or behind a service."""
    if request.param == "collection":
        with Collection.open(own_shop) as collection:
            yield collection
    else:
        with Client("http://localhost", http=as_http(serve(own_shop))) as client:
            yield client


@pytest.fixture
def ids(own_shop: Path) -> list[str]:
    with Collection.open(own_shop) as collection:
        return [source.id for source in collection.list()]


def test_a_search_by_id(shown: Both, own_shop: Path, ids: list[str]) -> None:
    with Collection.open(own_shop) as collection:
        expected = collection.search(ids[0], k=5)
    found = shown.search(ids[0], k=5)
    assert [(hit.id, hit.distance, hit.features) for hit in found] == [
        (hit.id, hit.distance, hit.features) for hit in expected
    ]
    assert found[0].metadata == expected[0].metadata


def test_a_search_by_a_mix(shown: Both, own_shop: Path, ids: list[str]) -> None:
    mix = MixQuery([SourceQuery(ids[0]), Weighted(picture(4), 3.0)], [Weighted(SourceQuery(ids[9]), 0.5)])
    with Collection.open(own_shop) as collection:
        expected = collection.search(mix, k=5)
        unweighted = collection.search(
            MixQuery([SourceQuery(ids[0]), picture(4)], [SourceQuery(ids[9])]), k=5
        )
    assert [hit.distance for hit in expected] != [hit.distance for hit in unweighted]
    for found in (shown.search(mix, k=5), *shown.search_many([mix, mix], k=5)):
        assert [(hit.id, hit.distance) for hit in found] == [(hit.id, hit.distance) for hit in expected]


def test_a_description_needs_a_text_tower(shown: Both) -> None:
    with pytest.raises(UnknownFeatureError, match="text tower"):
        shown.search(TextQuery("a red shoe"))


@pytest.mark.parametrize("as_path", [True, False])
def test_a_search_by_a_picture(shown: Both, ids: list[str], tmp_path: Path, as_path: bool) -> None:
    (tmp_path / "query.png").write_bytes(picture(4))
    query = tmp_path / "query.png" if as_path else picture(4)
    first = shown.search(query, k=1)[0]
    assert (first.id, first.distance) == (ids[4], 0)


def test_a_search_by_vectors(shown: Both, own_shop: Path, ids: list[str]) -> None:
    with Collection.open(own_shop) as collection:
        vectors = collection.vectors(ids[3])
    assert shown.search(vectors["look"], k=1)[0].id == ids[3]
    assert shown.search(vectors, k=1)[0].id == ids[3]


@pytest.mark.parametrize(
    "where",
    [
        {"colour": "red"},
        {"colour": ["red", "blue"], "price": (12, None)},
        ["colour!=red", "price<=18"],
        Where.parse(["price>=11", "price<=20", "kind!=hat|bag"]),
        {"tags": "shoe"},
    ],
)
def test_filters_mean_the_same(shown: Both, own_shop: Path, ids: list[str], where: Any) -> None:
    with Collection.open(own_shop) as collection:
        expected = [hit.id for hit in collection.search(ids[0], k=12, where=where)]
        listed = [source.id for source in collection.list(where=where)]
    assert [hit.id for hit in shown.search(ids[0], k=12, where=where)] == expected
    assert [source.id for source in shown.list(where=where)] == listed


def test_words_narrow_or_weigh_in_or_rank_alone(shown: Both, own_shop: Path, ids: list[str]) -> None:
    for query, options in (
        (ids[0], {"text": "hat"}),
        (ids[0], {"text": "hat", "blend": True}),
        (None, {"text": "red"}),
    ):
        with Collection.open(own_shop) as collection:
            expected = collection.search(query, k=9, **options)
        found = shown.search(query, k=9, **options)
        assert [(hit.id, hit.text_score) for hit in found] == [(hit.id, hit.text_score) for hit in expected]
    assert all(math.isnan(hit.distance) for hit in shown.search(text="red"))


def test_a_limit_of_distance_holds(shown: Both, ids: list[str]) -> None:
    third = shown.search(ids[0], k=3)[2].distance
    assert len(shown.search(ids[0], k=12, max_distance=third)) == 3


def test_several_queries_of_more_hits_than_a_request_has(shown: Both, ids: list[str]) -> None:
    from lookalike.collection import SourceQuery

    assert [len(hits) for hits in shown.search_many([SourceQuery(one) for one in ids[:2]], k=300)] == [11, 11]


def test_values_are_counted(shown: Both, ids: list[str]) -> None:
    assert shown.facets(["colour"], where={"kind": "hat"}) == {
        "colour": (("blue", 1), ("green", 1), ("red", 1))
    }
    hits = shown.search(ids[0], facets=["kind"], where={"colour": "red"})
    assert hits.facets == {"kind": (("shoe", 2), ("bag", 1), ("hat", 1))}


def test_words_may_weigh_as_much_as_is_said(shown: Both, own_shop: Path, ids: list[str]) -> None:
    options: dict[str, Any] = {"text": "hat red", "blend": True, "text_weight": 0.9, "k": 12}
    with Collection.open(own_shop) as collection:
        expected = collection.search(ids[0], **options)
    found = shown.search(ids[0], **options)
    assert [hit.id for hit in found] == [hit.id for hit in expected]
    assert found.query["text_weight"] == 0.9


def test_several_queries_at_once(shown: Both, ids: list[str]) -> None:
    from lookalike.collection import SourceQuery

    together = shown.search_many([SourceQuery(one) for one in ids[:3]], k=4)
    assert [[hit.id for hit in hits] for hits in together] == [
        [hit.id for hit in shown.search(one, k=4)] for one in ids[:3]
    ]


def test_sources_are_listed_and_counted(shown: Both, ids: list[str]) -> None:
    assert [source.id for source in shown.list()] == ids
    assert [source.id for source in shown.list(limit=5)] == ids[:5]
    assert len(shown) == 12
    assert shown.info()["sources"] == 12


def test_pictures_are_added_with_metadata(shown: Both, tmp_path: Path) -> None:
    path = tmp_path / "new.png"
    path.write_bytes(picture(200))
    shown.add([path], metadata={str(path): fields(200)})
    assert len(shown) == 13
    assert shown.search(picture(200), k=1)[0].metadata == fields(200)


def test_what_is_no_picture_is_skipped_and_copies_are_counted(shown: Both, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    for name, data in (("a", picture(200)), ("b", picture(200)), ("c", b"none"), ("d", picture(201)[:300])):
        (folder / f"{name}.png").write_bytes(data)
    (folder / "e.svg").write_bytes(b"<svg/>")
    (folder / "table.csv").write_text("image,title\na.png,one\nb.png,two\nz.png,none\n")
    report = shown.add(folder, metadata=folder / "table.csv")
    assert (report.added, report.duplicate, report.unmatched_metadata) == (1, 1, 1)
    assert sorted(Path(event.path).name for event in report.skipped) == ["c.png", "d.png"]
    assert {event.path: event.reason for event in report.skipped}[str(folder / "c.png")].startswith(
        "is not a picture"
    )
    assert list(report.passed_over) == [".svg"]
    assert shown.search(picture(200), k=1)[0].metadata == {"title": ["one", "two"]}


def test_an_older_picture_that_is_away_stops_no_adding(own_shop: Path, serve: Serve, tmp_path: Path) -> None:
    """It lacks a feature, so that whoever adds tries it again, and tells that it was skipped."""
    first, second = tmp_path / "first.png", tmp_path / "second.png"
    first.write_bytes(picture(300))
    second.write_bytes(picture(301))
    with Collection.open(own_shop) as collection:
        gone = next(iter(collection.list())).places[0].path
        Path(gone).unlink()
        collection.remove_feature("look")
        assert [event.path for event in collection.add(first, features=["look"]).skipped] == [gone]
    with Client("http://localhost", http=as_http(serve(own_shop))) as client:
        report = client.add(second)
    assert (report.added, len(report.skipped)) == (1, 0)


def test_vectors_are_added_and_removed(shown: Both) -> None:
    rows = np.random.default_rng(1).random((30, 8), dtype=np.float32)
    names = [f"v{number}" for number in range(30)]
    shown.add_vectors(rows, ids=names, feature="embedding", metadata=[{"n": number} for number in range(30)])
    assert shown.search(rows[7], k=1)[0].id == "v7"
    with pytest.raises(DuplicateIdError):
        shown.add_vectors(rows[:1], ids=["v0"], feature="embedding")
    with pytest.raises(UnknownIdError, match="nobody"):
        shown.remove(["v7", "nobody"])
    assert shown.search(rows[7], k=1)[0].id == "v7"
    assert shown.remove(["v7", "v8"]) == 2
    assert shown.search(rows[7], k=1)[0].id != "v7"
    assert len(shown) == 40


@pytest.mark.parametrize(("name", "value"), [("SENT_BYTES", 500), ("SENT_ROWS", 2), ("SENT_PICTURES", 2)])
def test_what_makes_several_requests_is_added_whole(
    own_shop: Path, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: int
) -> None:
    monkeypatch.setattr(f"lookalike.client.sending.{name}", value)
    rows = np.random.default_rng(1).random((7, 3), dtype=np.float32)
    metadata = [{"text": "x" * 100, "n": number} for number in range(7)]
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    for number, path in enumerate(paths):
        path.write_bytes(picture(200 + number))
    with Client("http://localhost", http=as_http(serve(own_shop))) as client:
        report = client.add_vectors(rows, ids=range(7), feature="embedding", metadata=metadata)
        assert report.added == 7
        added = [source for source in client.list() if source.kind == "row"]
        assert [(source.id, source.metadata["n"]) for source in added] == [(str(n), n) for n in range(7)]
        assert client.search(rows[6], k=1)[0].id == "6"
        assert client.add(paths).added == 5
        with pytest.raises(VectorError, match="row 5"):
            client.add_vectors(np.vstack([rows[:5], [[1, np.nan, 1]]]), feature="other")
        assert "other" not in client.info()["features"]


def test_metadata_are_changed(shown: Both, ids: list[str]) -> None:
    shown.update_metadata(ids[0], {"colour": "pink", "price": None})
    assert [hit.id for hit in shown.search(text="pink")] == [ids[0]]
    assert [source.id for source in shown.list(where={"price": (None, 10)})] == []


def test_errors_are_the_same(shown: Both, ids: list[str], tmp_path: Path) -> None:
    with pytest.raises(UnknownIdError):
        shown.remove("nobody")
    with pytest.raises(MetadataError):
        shown.search(ids[0], where={"nothing": 1})
    with pytest.raises(UnknownFeatureError):
        shown.search(ids[0], features={"nothing": 1})
    with pytest.raises(InputError):
        shown.search(ids[0], k=0)
    with pytest.raises(OptionError):
        shown.search(text="!!")
    with pytest.raises(PictureFormatError):
        shown.search(b"no picture")
    with pytest.raises(PictureTruncatedError):
        shown.search(picture(1)[:200])
    with pytest.raises((VectorError, InputError)):
        shown.search({"look": np.array([1.0, np.inf])})
    with pytest.raises(UnknownIdError):
        shown.update_metadata("nobody", {})


def test_hits_beyond_a_page_are_fetched(tmp_path: Path, serve: Serve) -> None:
    rows = np.random.default_rng(1).random((500, 4), dtype=np.float32)
    with Collection.create(tmp_path / "rows") as collection:
        collection.add_vectors(rows, ids=[str(number) for number in range(500)])
        expected = [hit.id for hit in collection.search("3", k=450)]
    with Client("http://localhost", http=as_http(serve(tmp_path / "rows"))) as client:
        assert [hit.id for hit in client.search("3", k=450)] == expected
        assert len(list(client.list())) == 500


def test_more_hits_than_a_search_may_have_are_told_of(tmp_path: Path, serve: Serve) -> None:
    with Collection.create(tmp_path / "rows") as collection:
        collection.add_vectors(np.random.default_rng(1).random((30, 4)), ids=[str(n) for n in range(30)])
    with Client(
        "http://localhost", http=as_http(serve(tmp_path / "rows", limits=Limits(most_hits=20)))
    ) as client:
        hits = client.search("3", k=25)
        assert len(hits) == 20
        assert "at most 20 hits" in hits.notes[-1]
        assert client.search("3", k=15).notes == ()


def test_a_key_is_sent(shop: Path, serve: Serve) -> None:
    served: TestClient = serve(shop, keys=Keys.of(read="r" * 30, write="w" * 30))
    with Client("http://localhost", key="r" * 30, http=as_http(served)) as client:
        assert len(client) > 0
        with pytest.raises(ServiceError, match="write key"):
            client.remove("nobody")
    with (
        Client("http://localhost", http=as_http(served)) as client,
        pytest.raises(ServiceError, match="X-API-Key"),
    ):
        len(client)


def test_a_service_that_is_not_there_is_told() -> None:
    with (
        Client("http://127.0.0.1:9") as client,
        pytest.raises(ServiceUnavailableError, match=r"127\.0\.0\.1:9"),
    ):
        len(client)


@pytest.mark.parametrize("url", ["localhost:8000", "", 5, "ftp://x"])
def test_an_address_that_is_none_is_refused(url: Any) -> None:
    with pytest.raises(OptionError, match="http"):
        Client(url)
