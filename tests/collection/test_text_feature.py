"""Features of metadata beside those of pictures: added with them, kept up, fused, asked for by words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_pictures import draw  # type: ignore[import-not-found]

from lookalike import Collection, TextQuery
from lookalike.arrays import Float32, Metric
from lookalike.errors import FeatureError, FeatureMismatchError, OptionError
from lookalike.features import registry

METADATA: dict[str, dict[str, Any]] = {
    "a.png": {"title": "Red Running Shoe", "tags": ["sport"]},
    "b.png": {"title": "Blue running shoes", "tags": ["sport", "new"]},
    "c.png": {"title": "红色连衣裙"},
    "d.png": {"title": "红色裙子"},
}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    draw(folder, [*METADATA, "e.png"])
    return folder


@pytest.fixture
def shop(tmp_path: Path, pictures: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path / "c") as made:
        made.add(pictures, metadata=METADATA, features=["look", "text"], jobs=1)
        yield made


def found(collection: Collection, query: Any, **options: Any) -> list[tuple[str, float]]:
    hits = collection.search(query, **options)
    return [(Path(hit.path or "").name, round(hit.distance, 6)) for hit in hits]


def id_of(collection: Collection, name: str) -> str:
    return next(source.id for source in collection.list() if Path(source.places[0].path).name == name)


def test_alike_descriptions_are_found(shop: Collection) -> None:
    assert found(shop, id_of(shop, "a.png"), features=["text"])[:1] == [("b.png", round(1 - 3 / 6, 6))]
    assert found(shop, id_of(shop, "c.png"), features=["text"])[:1] == [("d.png", round(1 - 1 / 6, 6))]
    assert found(shop, TextQuery("a blue shoe"))[0][0] == "b.png"


def test_words_and_looks_are_fused(shop: Collection, pictures: Path) -> None:
    own = id_of(shop, "a.png")
    hits = shop.search(own, features={"look": 0.5, "text": 0.5})
    assert hits[0].features.keys() == {"look", "text"}
    assert [hit.id for hit in shop.search(own)] == [
        hit.id for hit in shop.search(own, features=["look", "text"])
    ]
    # A picture from outside has no words: it is compared by its looks.
    assert shop.search((pictures / "a.png").read_bytes())[0].features.keys() == {"look"}


def test_words_follow_the_metadata(shop: Collection, pictures: Path) -> None:
    changed = {**METADATA, "e.png": {"title": "green hat"}, "a.png": {"title": "coat", "tags": []}}
    shop.add(pictures, metadata=changed, jobs=1)
    assert found(shop, TextQuery("green hats"))[0] == ("e.png", 0)
    assert found(shop, TextQuery("coat"))[0] == ("a.png", 0)


def test_it_comes_to_a_collection_that_has_looks_only(tmp_path: Path, pictures: Path) -> None:
    with Collection.create(tmp_path / "later") as later:
        later.add(pictures, metadata=METADATA, jobs=1)
        report = later.add(pictures, features="names:text=title", jobs=1)
        assert report.unchanged == 5
        assert found(later, TextQuery("running shoe"), features=["names"])[0] == ("a.png", round(1 / 3, 6))
        told = later.info()["features"]["names"]
        assert (told["extractor"], told["vectors"], told["metric"]) == ("text", 5, "jaccard")
        later.add(pictures, features=["look", "names:text"], jobs=1)  # as it is
        with pytest.raises(FeatureMismatchError, match="'names' is there, and is made by text of"):
            later.add(pictures, features="names:text=tags", jobs=1)
        with pytest.raises(FeatureMismatchError, match="'look' is there, and is made by look"):
            later.add(pictures, features="look:text", jobs=1)
        with pytest.raises(FeatureMismatchError, match="'names' is made of metadata"):
            later.add(pictures, features="names:phog", jobs=1)


def test_pictures_need_a_feature_of_their_own(tmp_path: Path, pictures: Path) -> None:
    with Collection.create(tmp_path / "bare") as bare:
        with pytest.raises(OptionError, match="text is made of metadata, and nothing of the pictures"):
            bare.add(pictures, features="text", jobs=1)
        assert not bare.info()["features"]


class Prices:
    """A plug-in: the price and the year, as a vector."""

    version = "1"
    model_hash = ""
    dimension = 2
    metric: Metric = "euclidean"
    options: Mapping[str, Any] = {}
    rows = 1

    def extract_metadata(self, metadata: Sequence[Mapping[str, Any]]) -> Float32:
        rows = [[one.get("price", 0), one.get("year", 0)] for one in metadata]
        return np.array(rows, np.float32)[: len(rows) * self.rows]


def plug_in(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("prices", f"{__name__}:Prices", registry.ENTRY_POINTS)
    monkeypatch.setattr(EntryPoint, "load", lambda _: Prices)
    monkeypatch.setattr(registry, "entry_points", lambda group, name="prices": [point] * (name == "prices"))


def test_plug_ins_make_vectors_of_metadata(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug_in(monkeypatch)
    priced = {name: {"price": place} for place, name in enumerate(sorted([*METADATA, "e.png"]))}
    with Collection.create(tmp_path / "c") as shop:
        shop.add(pictures, metadata=priced, features=["look", "prices"], jobs=1)
        hits = found(shop, id_of(shop, "b.png"), features=["prices"], k=3)
        assert hits == [("a.png", 1), ("c.png", 1), ("d.png", 2)]
        monkeypatch.setattr(Prices, "version", "2")
        with pytest.raises(FeatureMismatchError, match="version 1 then, 2 now"):
            shop.update_metadata(id_of(shop, "a.png"), {"price": 9})


@pytest.mark.parametrize(("rows", "message"), [(0, "gave 0 rows for 5 sources"), ("x", "prices fails")])
def test_a_plug_in_that_fails_is_named(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch, rows: Any, message: str
) -> None:
    plug_in(monkeypatch)
    monkeypatch.setattr(Prices, "rows", rows)
    with Collection.create(tmp_path / "c") as shop:
        with pytest.raises(FeatureError, match=message):
            shop.add(pictures, features=["look", "prices"], jobs=1)
        assert shop.info()["features"]["look"]["vectors"] == 5  # what was acknowledged stays
