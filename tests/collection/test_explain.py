"""Why a source is, or is not, a hit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_pictures import draw  # type: ignore[import-not-found]
from tests.collection.afar import Create

from lookalike import Collection
from lookalike.catalogue import Where
from lookalike.catalogue.where import AnyOf
from lookalike.collection import index_homes
from lookalike.errors import MetadataError, OptionError, UnknownFeatureError, UnknownIdError

POINTS = {"apple": (0, 0), "pear": (1, 0), "plum": (2, 0), "fig": (3, 0), "melon": (9, 9)}


@pytest.fixture
def fruit(create: Create, tmp_path: Path) -> Iterator[Collection]:
    with create(tmp_path / "c") as collection:
        collection.add_vectors(
            np.array(list(POINTS.values()), dtype=np.float32),
            ids=list(POINTS),
            metadata=[
                {"title": f"green {name}" if name in ("apple", "fig") else name, "year": 2010}
                for name in POINTS
            ],
        )
        collection.add_vectors(np.eye(4, dtype=np.float32), ids=list(POINTS)[:4], feature="other")
        yield collection


@pytest.mark.parametrize(
    ("id_", "options", "reason"),
    [
        ("pear", {}, "It is hit 1 of 2."),
        ("plum", {}, "It is hit 2 of 2."),
        ("fig", {}, "2 others come before it"),
        ("apple", {}, "it is the query itself"),
        ("fig", {"max_distance": 2.5}, "its distance 3.0 is above the limit 2.5"),
        ("plum", {"text": "green"}, "its text has no 'green'"),
        ("pear", {"where": ["year=2011..", "title=pear"]}, "it does not meet year=2011.."),
        ("pear", {"where": {"year": (2011, 2012)}}, "it does not meet year="),
        ("melon", {"features": {"other": 1}}, "it has no vector of other"),
        ("fig", {"text": "green"}, "It is hit 1 of 1."),
        ("plum", {"text": "green", "blend": True}, "It is hit"),
    ],
)
def test_the_verdict_gives_the_reason(
    fruit: Collection, id_: str, options: dict[str, Any], reason: str
) -> None:
    given: dict[str, Any] = {"k": 2, "features": {"vectors": 1}} | options
    if options.get("blend"):
        given["k"] = 4
    explained = fruit.explain("apple", id_, **given)
    assert reason in explained.verdict
    hits = fruit.search("apple", **given)
    assert explained.is_hit == (id_ in [hit.id for hit in hits])
    assert explained.rank == next((rank for rank, hit in enumerate(hits, 1) if hit.id == id_), None)
    if explained.distance is not None:
        assert explained.distance == pytest.approx(np.hypot(*POINTS[id_]), abs=1e-5)
    json.dumps(explained.to_json(), allow_nan=False)
    assert all(isinstance(line, str) and "\n" not in line for line in explained.lines())


def test_several_features_are_told_apart(fruit: Collection) -> None:
    explained = fruit.explain("apple", "fig", features={"vectors": 3, "other": 1})
    assert explained.features["vectors"].distance == pytest.approx(3)
    assert explained.features["other"].distance == pytest.approx(np.sqrt(2))
    points = np.array(list(POINTS.values()), dtype=np.float64)
    apart = np.linalg.norm(points[:, np.newaxis] - points, axis=2)[~np.eye(len(points), dtype=bool)]
    spread = np.sqrt(np.mean(apart**2)), np.sqrt(2)  # so few sources are measured by the root mean square
    shares = np.array([0.75, 0.25]) / spread
    assert explained.distance == pytest.approx(np.dot(shares, [3, np.sqrt(2)]) / shares.sum(), rel=1e-5)
    assert explained.parts["vectors"].weight == 0.75
    assert explained.parts["vectors"].comparable == pytest.approx(3 / spread[0], rel=1e-5)
    assert explained.parts["other"].comparable == pytest.approx(1)
    assert explained.parts["vectors"].rank == explained.features["vectors"].rank + 1
    assert any("weight 0.7500, comparable distance" in line for line in explained.lines())
    assert fruit.explain("apple", "melon").missing_features == ("other",)


def test_words_and_filters_are_told_one_by_one(fruit: Collection) -> None:
    explained = fruit.explain("apple", "fig", text="green sour", where=["year=2010", "title=x"])
    assert explained.words == {"green": ("title",), "sour": ()}
    assert explained.filters == {"year=2010": True, "title=x": False}
    lines = "\n".join(explained.lines())
    assert "word 'sour': not found" in lines
    assert "filter title=x: not met" in lines


def test_filters_are_told_as_people_write_them(fruit: Collection) -> None:
    where = Where.parse(["year=2011..", "title!=x|y", "title<=m"])
    told = fruit.explain("apple", "fig", where=where)
    assert told.filters == {"year=2011..": False, "title!=x|y": True, "title=..m": True}
    assert "it does not meet year=2011.." in told.verdict


def test_filters_that_are_called_the_same_all_count(fruit: Collection) -> None:
    where = Where((AnyOf("year", (2010,)), AnyOf("year", ("2010",))))
    assert len(fruit.search("apple", where=where)) == 0
    assert len(fruit.search("apple", where=Where((AnyOf("year", (2010,)),)))) == 4


def test_buckets_are_told_where_there_are_any(
    create: Create, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_homes, "SCAN_BELOW", 500)
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(40, 8)) * 10
    vectors = (centres[np.arange(3000) % 40] + rng.normal(size=(3000, 8))).astype(np.float32)
    with create(tmp_path / "c") as collection:
        collection.add_vectors(vectors, ids=[str(row) for row in range(3000)])
        assert collection.info()["features"]["vectors"]["index"]["path"] == "buckets"
        json.dumps(collection.info(), allow_nan=False)
        near = collection.explain(vectors[0], "40")
        (feature,) = near.features.values()
        assert feature.path == "buckets"
        assert feature.tables and any(table.shared for table in feature.tables)
        assert feature.estimated_distance is not None
        assert near.distance == pytest.approx(np.linalg.norm(vectors[0] - vectors[40]), rel=1e-4)
        farthest = int(np.argmax(np.linalg.norm(vectors - vectors[0], axis=1)))
        far = collection.explain(vectors[0], str(farthest))
        assert not far.is_hit
        assert "buckets" in far.verdict or "others come before" in far.verdict
        for one in (near, far):
            json.dumps(one.to_json(), allow_nan=False)
            assert any("table" in line for line in one.lines())


def test_pictures_are_named_by_path_too(
    create: Create, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = draw(tmp_path / "pictures", ["a.png", "b.png"])
    monkeypatch.chdir(tmp_path)
    with create(tmp_path / "c") as collection:
        collection.add("pictures", jobs=1)
        assert collection.explain(paths[0], "pictures/b.png").rank == 1
        with pytest.raises(UnknownIdError, match=r"none\.png"):
            collection.explain(paths[0], "none.png")


def test_errors_are_those_of_search(fruit: Collection) -> None:
    for error, options in (
        (UnknownFeatureError, {"features": {"look": 1}}),
        (OptionError, {"k": 0}),
        (OptionError, {"text": "!?"}),
        (OptionError, {"max_distance": float("inf")}),
        (MetadataError, {"where": ["nothing"]}),
        (MetadataError, {"where": ["nosuchfield=1"]}),
    ):
        with pytest.raises(error):
            fruit.explain("apple", "pear", **options)
        with pytest.raises(error):
            fruit.search("apple", **options)
