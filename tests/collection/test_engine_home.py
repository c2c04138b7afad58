"""A collection whose feature is searched in an engine: the same hits as beside the catalogue, whoever writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.services.engines import EngineServer

from lookalike import Collection
from lookalike.collection.stored_index import EngineIndexed
from lookalike.engine import few, finder
from lookalike.engine.client import Engine
from lookalike.engine.followed import Followed, find_followed, kept_numbers
from lookalike.errors import OptionError
from lookalike.index.finder import StaleBucketsError

_RANDOM = np.random.default_rng(3)
CENTRES = _RANDOM.normal(size=(40, 12)) * 3
VECTORS = (CENTRES[_RANDOM.integers(0, 40, 700)] + _RANDOM.normal(size=(700, 12))).astype(np.float32)
IDS = [f"s{number}" for number in range(700)]
METADATA = [{"title": ["red shoe", "blue hat"][n % 2], "group": n % 7} for n in range(700)]
FEW = 90
"""Sources that have so few tokens that every one is a candidate."""


def add(collection: Collection, first: int, last: int, metric: str | None = None) -> None:
    """Add some of the sources."""
    part = slice(first, last)
    collection.add_vectors(VECTORS[part], ids=IDS[part], metadata=METADATA[part], metric=metric)


def found(collection: Collection, row: int, k: int = 5) -> list[str]:
    """Return the ids of the hits of a vector, for which the engine was asked without trouble."""
    hits = collection.search(VECTORS[row], k=k, strict=True)
    assert hits.notes == ()
    return [hit.id for hit in hits]


def place_of(collection: Collection) -> EngineIndexed:
    """Return where the feature is searched."""
    place = EngineIndexed.of(collection._catalogue.features()["vectors"].index)
    assert place is not None
    return place


def in_engine(collection: Collection) -> Followed:
    """Return the index as it lies in the engine."""
    there = find_followed(Engine.open(place_of(collection).url), place_of(collection).index)
    assert there is not None
    return there


def numbers_there(collection: Collection) -> list[int]:
    """Return the numbers of the sources that have a document."""
    numbers: list[int] = kept_numbers(in_engine(collection).target).tolist()
    return numbers


def same_hits(collection: Collection, embedded: Collection, **options: object) -> bool:
    """Whether both find the same at the same distances."""
    answers = [one.search_many(VECTORS[:40], **options) for one in (collection, embedded)]  # type: ignore[arg-type]
    ours, theirs = ([[(hit.id, hit.distance) for hit in hits] for hits in answer] for answer in answers)
    return ours == theirs and all(hits.notes == () for hits in answers[0])


@pytest.fixture
def collection(tmp_path: Path, engine_server: EngineServer) -> Iterator[Collection]:
    with Collection.create(tmp_path / "c", engine=engine_server.url) as made:
        add(made, 0, FEW)
        yield made
        if "vectors" in made._catalogue.features():
            made.remove_feature("vectors")


@pytest.fixture
def other(tmp_path: Path, collection: Collection) -> Iterator[Collection]:
    """The same collection, as another process has it."""
    with Collection.open(tmp_path / "c") as opened:
        yield opened


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Collection]:
    """A collection of the same sources beside the catalogue."""
    with Collection.create(tmp_path / "e") as made:
        add(made, 0, FEW)
        yield made


def test_a_new_feature_is_searched_in_the_engine(collection: Collection, engine_server: EngineServer) -> None:
    told = collection.index("vectors")
    assert (told["chosen"], told["base_rows"], told["path"]) == ("tokens", FEW, "buckets")
    assert told["store"].startswith(engine_server.url)
    assert numbers_there(collection) == collection._catalogue.numbers_with(["vectors"]).tolist()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"k": FEW},
        {"where": {"group": 3}},
        {"where": {"group": (None, 5)}, "text": "red"},
        {"text": "shoe", "blend": True},
        {"max_distance": 4.0},
    ],
    ids=str,
)
def test_hits_are_those_of_the_embedded_index(
    collection: Collection, embedded: Collection, options: dict[str, object]
) -> None:
    assert same_hits(collection, embedded, **options)


@pytest.mark.parametrize("change", ["by who searches", "by another", "in the catalogue alone"])
def test_hits_are_the_same_after_additions_and_removals(
    collection: Collection, other: Collection, embedded: Collection, change: str
) -> None:
    assert same_hits(collection, embedded)
    for one in (other if change == "by another" else collection, embedded):
        if change == "in the catalogue alone":  # as where a writer dies between catalogue and engine
            with one._catalogue.write() as writer:
                writer.remove(list(one._catalogue.numbers(["s3", "s4"]).values()))
        else:
            add(one, FEW, FEW + 5)
            one.remove(["s3", "s4"])
            one.add_vectors(VECTORS[200:201], ids=["s5"], on_duplicate="replace")
    assert same_hits(collection, embedded)
    assert same_hits(collection, embedded, where={"group": 3})


def test_cosine_distances_are_those_of_the_embedded_index(
    tmp_path: Path, engine_server: EngineServer
) -> None:
    with (
        Collection.create(tmp_path / "c", engine=engine_server.url) as collection,
        Collection.create(tmp_path / "e") as embedded,
    ):
        for one in (collection, embedded):
            add(one, 0, FEW, "cosine")
        assert same_hits(collection, embedded)
        collection.remove_feature("vectors")


def test_tokens_of_many_sources_find_almost_all(
    collection: Collection, embedded: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(few, "FEW_ROWS", FEW)  # else all are compared, which takes no tokens
    monkeypatch.setattr(few, "CLIENT_EXACT_ROWS", FEW)
    for one in (collection, embedded):
        add(one, FEW, 700)
    assert in_engine(collection).follows.rows == 700, "tokens were not learned anew"
    assert not few.is_of_few(in_engine(collection).target.scheme)
    assert collection.explain(VECTORS[3], "s3").features["vectors"].tokens
    ours, theirs = (
        [{hit.id: hit.distance for hit in hits} for hits in one.search_many(VECTORS[:100])]
        for one in (collection, embedded)
    )
    equal = [
        got[id_] == known[id_] for got, known in zip(ours, theirs, strict=True) for id_ in got.keys() & known
    ]
    assert all(equal)
    assert len(equal) >= 0.95 * 1000
    assert same_hits(collection, embedded, where={"group": 3})


def test_a_filter_too_long_to_be_sent_finds_the_same(
    collection: Collection, embedded: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finder, "MOST_TERMS", 5)
    assert same_hits(collection, embedded, where={"group": 3})
    assert same_hits(collection, embedded, where={"group": (None, 5)}, k=3)
    monkeypatch.setattr(finder, "MOST_NEIGHBOURS", 20)
    assert same_hits(collection, embedded, where={"group": 3})


def test_each_process_finds_what_others_write(collection: Collection, other: Collection) -> None:
    assert found(other, 3)[0] == "s3"
    add(collection, FEW, FEW + 5)
    assert found(other, FEW + 2)[0] == IDS[FEW + 2]
    other.remove(["s3"])
    assert "s3" not in found(collection, 3)
    collection.add_vectors(VECTORS[3:4], ids=["s3"])
    assert (found(other, 3)[0], found(collection, FEW + 2)[0]) == ("s3", IDS[FEW + 2])
    assert list(other.verify()) == []


def test_who_only_searches_writes_nothing(collection: Collection, other: Collection) -> None:
    before = in_engine(collection).follows
    with collection._catalogue.write() as writer:
        writer.remove([collection._catalogue.numbers(["s3"])["s3"]])
    assert "s3" not in found(other, 3)
    assert in_engine(collection).follows == before
    add(collection, FEW, FEW + 1)
    assert numbers_there(collection) == collection._catalogue.numbers_with(["vectors"]).tolist()


def test_a_view_answers_of_its_own_state_alone(collection: Collection, other: Collection) -> None:
    with other._searcher.indexes() as (_, _, indexes):
        assert indexes["vectors"].search(VECTORS[:1], 3)[0].shape == (1, 3)
        add(collection, FEW, FEW + 1)
        with pytest.raises(StaleBucketsError):
            indexes["vectors"].search(VECTORS[:1], 3)


def test_what_it_shares_with_a_query_is_told(collection: Collection) -> None:
    told = collection.explain(VECTORS[3], "s3").features["vectors"]
    assert (told.candidate, told.rank, told.path) == (True, 0, "buckets")
    tokens = in_engine(collection).target.scheme.documents(VECTORS[3:4])[0][0]
    assert sorted(token for token, _ in told.tokens) == sorted(tokens)
    assert any("shares 1 token: " in line for line in collection.explain(VECTORS[3], "s3").lines())


def test_an_index_moves_to_an_engine_and_back(embedded: Collection, engine_server: EngineServer) -> None:
    assert embedded.migrate("vectors", engine=engine_server.url).equal == 10 * FEW
    index = place_of(embedded).index
    assert engine_server.request("GET", f"/{index}/_count")["count"] == FEW
    embedded.add_vectors(VECTORS[FEW : FEW + 1], ids=["new"])
    assert found(embedded, FEW)[0] == "new"
    report = embedded.migrate("vectors", buckets="embedded")
    assert (report.buckets, report.equal) == ("embedded", 10 * (FEW + 1))
    assert embedded.index("vectors")["chosen"] == "learned"
    assert engine_server.request("GET", f"/{index}-*/_alias") == {}


WRONG: dict[str, tuple[Callable[[Collection, str], object], str]] = {
    "family": (lambda c, url: c.set_index("vectors", "p-stable", engine=url), "no p-stable"),
    "store and engine": (
        lambda c, url: c.set_index("vectors", buckets="memory:x", engine=url),
        "give buckets or engine",
    ),
    "no engine": (
        lambda c, url: c.set_index("vectors", engine="redis://x"),
        "give the URL of a search engine",
    ),
    "nowhere": (lambda c, url: c.migrate("vectors"), "give buckets"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_an_engine_does_not_take_is_refused(embedded: Collection, case: str) -> None:
    change, message = WRONG[case]
    before = embedded.index("vectors")
    with pytest.raises(OptionError, match=message):
        change(embedded, "opensearch://127.0.0.1:1")
    assert embedded.index("vectors") == before


def test_what_an_engine_cannot_compare_stays_beside_the_catalogue(
    collection: Collection, engine_server: EngineServer
) -> None:
    collection.add_vectors(VECTORS[:20], feature="products", metric="dot")
    assert collection.index("products")["chosen"] == "learned"
    with pytest.raises(OptionError, match="compared by dot"):
        collection.set_index("products", engine=engine_server.url)


def test_more_neighbours_than_an_engine_returns_are_compared_one_by_one(collection: Collection) -> None:
    with collection._searcher.indexes() as (_, _, indexes):
        ids, _ = indexes["vectors"].search(VECTORS[:1], finder.MOST_NEIGHBOURS + 1)
    assert np.count_nonzero(ids >= 0) == FEW
