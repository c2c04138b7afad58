"""What the service tells of a whole collection: groups of copies, growth, buckets and homes."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient
from tests.service.conftest import Serve
from tests.service.shop import picture

from lookalike import Collection
from lookalike.collection.copies import Copies


@pytest.fixture
def with_copy(own_shop: Path, serve: Serve, tmp_path: Path) -> tuple[TestClient, set[str]]:
    """Return a client of a shop that has one picture in two qualities, and the two ids."""
    copy = tmp_path / "copy.jpg"
    Image.open(io.BytesIO(picture(2))).convert("RGB").save(copy, quality=97)
    with Collection.open(own_shop) as collection:
        collection.add(copy, metadata={str(copy): {"title": "<b>copy</b>"}})
        made = next(iter(collection.browse(limit=1)[0])).id
        known = next(one.id for one in collection.list() if str(one.metadata["title"]).endswith("number 2"))
    return serve(own_shop), {made, known}


def test_copies_are_a_group(with_copy: tuple[TestClient, set[str]]) -> None:
    client, expected = with_copy
    told = client.get("/api/v1/groups").json()
    assert any(expected <= {one["id"] for one in group} for group in told["groups"])
    assert (told["looked_at"], told["total"]) == (13, 13)


def test_groups_are_found_once_for_each_state(
    own_shop: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    copies = Collection.copies

    def counted(collection: Collection, feature: str | None = None, **options: Any) -> Copies:
        asked.append(options["max_distance"])
        return copies(collection, feature, **options)

    monkeypatch.setattr(Collection, "copies", counted)
    client = serve(own_shop)
    first = client.get("/api/v1/groups?max_distance=0.5").json()
    assert client.get("/api/v1/groups?max_distance=0.5").json() == first
    assert asked == [0.5]
    with Collection.open(own_shop) as collection:
        collection.remove([first["groups"][0][0]["id"]])
    assert client.get("/api/v1/groups?max_distance=0.5").json()["total"] == first["total"] - 1


def test_nothing_is_alike_within_no_distance(client: TestClient) -> None:
    assert client.get("/api/v1/groups?max_distance=0").json()["groups"] == []


@pytest.mark.parametrize(
    "query", ["max_distance=x", "max_distance=-1", "max_distance=nan", "feature=none", "limit=0"]
)
def test_groups_that_make_no_sense_are_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/api/v1/groups?{query}").status_code == 422


def test_growth_is_told_by_day(client: TestClient) -> None:
    told = client.get("/api/v1/growth").json()
    assert sum(told.values()) == 63
    assert all(re.fullmatch(r"\d{4}-\d{2}-\d{2}", day) for day in told)


def test_the_page_shows_copies_as_text(with_copy: tuple[TestClient, set[str]]) -> None:
    client, expected = with_copy
    page = client.get("/copies").text
    assert all(id_ in page for id_ in expected)
    assert "<b>copy" not in page
    assert client.get("/copies?feature=none").status_code == 422


def test_the_page_tells_growth_and_homes(client: TestClient) -> None:
    page = client.get("/collection").text
    assert "<h2>Growth</h2>" in page
    assert "beside the catalogue" in page
    assert "exact: every vector is compared" in page


def test_an_empty_collection_has_no_copies(tmp_path: Path, serve: Serve) -> None:
    Collection.create(tmp_path / "empty").close()
    client = serve(tmp_path / "empty")
    assert client.get("/copies").status_code == client.get("/collection").status_code == 200


def test_a_home_in_trouble_is_told(own_shop: Path, serve: Serve, tmp_path: Path) -> None:
    buckets = tmp_path / "buckets.sqlite"
    with Collection.open(own_shop) as collection:
        collection.set_index("look", "hyperplane", buckets=f"sqlite:///{buckets}")
    buckets.write_bytes(b"damaged" * 1000)
    page = serve(own_shop).get("/collection").text
    assert "in trouble" in page
