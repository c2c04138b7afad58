"""Queries of several parts: pictures, words and what is not wanted, with weights; and words alone, by a text tower."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from lookalike import Collection, MixQuery, PictureQuery, SourceQuery, TextQuery, VectorQuery, Weighted
from lookalike.errors import ModelError, OptionError, UnknownFeatureError, VectorError

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("tokenizers")

from tests.features import networks
from tests.features.networks import COLOURS, SHARED, picture, unit


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a network of two towers, a picture of each colour, and a collection of them in `c`."""
    folder = tmp_path_factory.mktemp("mixes")
    (folder / "pictures").mkdir()
    for colour in COLOURS:
        picture(colour).save(folder / "pictures" / f"{colour}.png")
    clip = f"clip:onnx={networks.clip_like(folder / 'clip')}"
    with Collection.create(folder / "c") as collection:
        collection.add([folder / "pictures"], features=["look", clip])
    return folder


@pytest.fixture
def collection(made: Path) -> Iterator[Collection]:
    with Collection.open(made / "c") as opened:
        yield opened


def names(collection: Collection, query: MixQuery | TextQuery, **options: object) -> list[str]:
    hits = collection.search(query, **options)  # type: ignore[arg-type]
    return [Path(str(hit.path)).stem for hit in hits]


def stored(collection: Collection, colour: str) -> SourceQuery:
    (found,) = [one for one in collection.list() if Path(one.places[0].path).stem == colour]
    return SourceQuery(found.id)


def test_words_find_pictures(collection: Collection) -> None:
    for colour in COLOURS:
        hits = collection.search(TextQuery(f"a {colour} shoe"), k=2)
        assert Path(str(hits[0].path)).stem == colour
        assert set(hits[0].features) == {"clip"}
        assert hits[0].distance < 0.01 < hits[1].distance


def test_words_between_pictures(collection: Collection) -> None:
    assert names(collection, MixQuery([TextQuery("red"), TextQuery("green")]), k=1) == ["yellow"]
    assert names(collection, MixQuery([stored(collection, "red"), TextQuery("green")]), k=1) == ["yellow"]


def test_parts_that_are_stored_are_no_hits(collection: Collection, made: Path) -> None:
    mix = MixQuery([stored(collection, "red"), made / "pictures" / "green.png"], [stored(collection, "blue")])
    found = names(collection, mix, k=6)
    assert sorted(found) == ["pink", "white", "yellow"]
    assert found[0] == "yellow"
    assert len(names(collection, mix, k=2)) == 2


def test_a_batch_keeps_the_parts_of_one_mix_among_the_hits_of_others(collection: Collection) -> None:
    red, green = stored(collection, "red"), stored(collection, "green")
    hits = collection.search_many([MixQuery([red]), MixQuery([green]), TextQuery("red")], k=6)
    own = [{hit.id for hit in one} for one in hits]
    assert red.id not in own[0]
    assert green.id in own[0]
    assert red.id in own[1]
    assert green.id not in own[1]
    assert {red.id, green.id} <= own[2]


def test_what_is_not_wanted_is_kept_away_from(collection: Collection) -> None:
    plain = names(collection, MixQuery([TextQuery("yellow")]))
    away = names(collection, MixQuery([TextQuery("yellow")], [TextQuery("red")]))
    assert plain.index("red") == plain.index("green") - 1 or plain.index("red") == plain.index("green") + 1
    assert away.index("green") < away.index("red")


def test_weights(collection: Collection) -> None:
    def distances(mix: MixQuery) -> dict[str, float]:
        hits = collection.search(mix, features={"clip": 1})
        return {Path(str(hit.path)).stem: hit.distance for hit in hits}

    more = distances(MixQuery([Weighted(TextQuery("red"), 3), Weighted(TextQuery("blue"), 1)]))
    expected = unit(3 * unit(COLOURS["red"] @ SHARED) + unit(COLOURS["blue"] @ SHARED))
    reds = collection.vectors(stored(collection, "red").id)["clip"]
    assert more["red"] == pytest.approx(1 - expected @ reds, abs=1e-5)
    once = distances(MixQuery([TextQuery("yellow")], [TextQuery("red")]))
    twice = distances(MixQuery([TextQuery("yellow")], [Weighted(TextQuery("red"), 2)]))
    none = distances(MixQuery([TextQuery("yellow")], [Weighted(TextQuery("red"), 0)]))
    assert none["red"] < once["red"] < twice["red"]


def test_pictures_alone_are_mixed_in_every_feature(collection: Collection, made: Path) -> None:
    mix = MixQuery(
        [made / "pictures" / "red.png", PictureQuery((made / "pictures" / "blue.png").read_bytes())]
    )
    hits = collection.search(mix, k=1)
    assert set(hits[0].features) == {"look", "clip"}
    assert hits.to_json()["query"]["like"][0]["weight"] == 1


def test_vectors_and_explain(collection: Collection) -> None:
    mix = MixQuery([VectorQuery({"clip": COLOURS["red"] @ SHARED})], [TextQuery("blue")])
    assert names(collection, mix, k=1) == ["red"]
    assert collection.explain(mix, stored(collection, "red").id).to_json()["rank"] == 1


def test_mixes_that_make_no_sense(collection: Collection) -> None:
    red = TextQuery("red")
    with pytest.raises(OptionError, match="nothing is wanted"):
        MixQuery([], [red])
    with pytest.raises(OptionError, match="sum to nothing; give one above 0"):
        MixQuery([Weighted(red, 0)])
    with pytest.raises(OptionError, match="weighs -1; give 0 or more"):
        Weighted(red, -1)
    with pytest.raises(OptionError, match="give a finite number"):
        Weighted(red, float("nan"))
    with pytest.raises(OptionError, match="a mix cannot be a part of another"):
        MixQuery([MixQuery([red])])
    with pytest.raises(OptionError, match="like is of type str; give a list"):
        MixQuery("red.png")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="the query is of type str"):
        MixQuery(["red.png"])  # type: ignore[list-item]
    with pytest.raises(OptionError, match="no feature of vectors in common"):
        collection.search(MixQuery([red, VectorQuery({"look": np.ones(2477)})]))
    with pytest.raises(UnknownFeatureError, match="'look'"):
        collection.search(MixQuery([red, red]), features={"look": 1, "clip": 1})
    with pytest.raises(VectorError, match="the query's clip: row 0 is all zero"):
        collection.search(MixQuery([VectorQuery({"clip": np.zeros(4)}), red]))
    with pytest.raises(OptionError, match="has no word to compare"):
        collection.search(TextQuery("  "))


def test_words_without_a_tower(collection: Collection) -> None:
    with pytest.raises(
        UnknownFeatureError, match="or by a network that has a text tower; lookalike words makes"
    ):
        collection.search(TextQuery("red"), features={"look": 1})


def test_words_of_metadata_and_a_tower_are_compared_together(made: Path, tmp_path: Path) -> None:
    clip = f"clip:onnx={made / 'clip' / 'model.onnx'}"
    titles = {str(made / "pictures" / f"{colour}.png"): {"title": colour} for colour in COLOURS}
    with Collection.create(tmp_path / "c") as collection:
        collection.add([made / "pictures"], features=[clip], metadata=titles)
        collection.add_words(["title"], feature="title")
        (hit,) = collection.search(TextQuery("green"), k=1)
        assert set(hit.features) == {"clip", "title"}
        assert Path(str(hit.path)).stem == "green"


def test_a_tokenizer_that_went_missing(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    picture("red").save(tmp_path / "pictures" / "red.png")
    model = networks.clip_like(tmp_path / "clip")
    with Collection.create(tmp_path / "c") as collection:
        collection.add([tmp_path / "pictures"], features=[f"onnx={model}"])
        (tmp_path / "clip" / "tokenizer.json").unlink()
        with pytest.raises(ModelError, match="there is no tokenizer for the text model"):
            collection.search(TextQuery("red"))


def test_a_text_tower_that_is_gone_is_passed_over_with_a_note(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for colour in COLOURS:
        picture(colour).save(tmp_path / "pictures" / f"{colour}.png")
    models = {name: networks.clip_like(tmp_path / name) for name in ("one", "two")}
    with Collection.create(tmp_path / "c") as collection:
        features = [f"{name}:onnx={model}" for name, model in models.items()]
        collection.add([tmp_path / "pictures"], features=features)
    red = TextQuery("a red shoe")
    with Collection.open(tmp_path / "c") as collection, hidden(tmp_path / "two"):
        hits = collection.search(red, k=1)
        assert Path(str(hits[0].path)).stem == "red"
        assert set(hits[0].features) == {"one"}
        (note,) = hits.notes
        assert note.startswith("the text is not compared by feature two: ")
        assert "two" in note
        assert collection.search(MixQuery([red]), k=1).notes == hits.notes
        assert not collection.search(red, k=1, features={"one": 1.0}).notes
        with pytest.raises(ModelError):
            collection.search(red, k=1, features={"two": 1.0})
    with (
        Collection.open(tmp_path / "c") as collection,
        hidden(tmp_path / "one"),
        hidden(tmp_path / "two"),
        pytest.raises(ModelError),
    ):
        collection.search(red)
    with Collection.open(tmp_path / "c") as collection:
        (hit,) = collection.search(red, k=1)
        assert set(hit.features) == {"one", "two"}


def test_parts_are_described_in_the_features_that_are_compared_alone(made: Path) -> None:
    red = (made / "pictures" / "red.png").read_bytes()
    with Collection.open(made / "c") as collection:
        mix = MixQuery([red, stored(collection, "green")])
        with hidden(made / "clip"):
            assert set(collection.search(mix, k=1, features={"look": 1.0})[0].features) == {"look"}
            with pytest.raises(ModelError):
                collection.search(mix, k=1)


@contextmanager
def hidden(folder: Path) -> Iterator[None]:
    """Have a folder be away while the body runs."""
    away = folder.rename(folder.with_name(f"away-{folder.name}"))
    try:
        yield
    finally:
        away.rename(folder)
