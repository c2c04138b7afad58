"""Filters, words and facets of a collection in a search engine: what SQL says of one beside the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from tests.collection.test_engine_home import in_engine
from tests.services.engines import EngineServer

from lookalike import Collection, Then
from lookalike.collection import records
from lookalike.collection.engine_records import engine_finder
from lookalike.collection.report import Listener
from lookalike.engine.bulk import Action, write
from lookalike.engine.client import Engine
from lookalike.engine.documents import read_documents
from lookalike.engine.followed import id_of
from lookalike.engine.layout import writing_alias
from lookalike.errors import EngineUnavailableError, MetadataError, OptionError

_RANDOM = np.random.default_rng(5)
COUNT = 240
VECTORS = _RANDOM.normal(size=(COUNT, 8)).astype(np.float32)
IDS = [f"s{number}" for number in range(COUNT)]
YEARS: list[Any] = [
    2010,
    2010.0,
    2010.5,
    "2010",
    None,
    [2009, "new"],
    2**53 + 1,
    True,
    -3,
    [],
    {"from": 2010},
    0,
]
TITLES = ["red shoe", "blue hat", "red t-shirt for shoes", "Hat, blau", "RED"]


def metadata_of(number: int) -> dict[str, Any]:
    """Return metadata of which no engine could keep each field as one type."""
    told: dict[str, Any] = {"title": TITLES[number % 5], "group": number % 7, "a.b": {"deep": [1]}}
    if number % 13:
        told["year"] = YEARS[number % len(YEARS)]
    if number % 3 == 0:
        told["added"] = f"20{number % 30:02d}-0{number % 9 + 1}-01"
    if number % 4 == 0:
        told["tags"] = [*("sale", "new")[: number % 3], f"tag {number % 5}"]
    if number % 6 == 0:
        told["subject"] = ["红色连衣裙", "赤いスニーカー", "รองเท้าสีแดง"][number % 18 // 6]
    if number % 50 == 0:
        told["notes"] = "lang " * 400 + str(number)
    return told


METADATA = [metadata_of(number) for number in range(COUNT)]


@dataclass
class Both:
    """The same sources in an engine and beside the catalogue."""

    engine: Collection
    embedded: Collection

    def add(self, first: int, last: int, metadata: list[dict[str, Any]]) -> None:
        for one in (self.engine, self.embedded):
            one.add_vectors(
                VECTORS[first:last], ids=IDS[first:last], metadata=metadata, on_duplicate="replace"
            )


@pytest.fixture(scope="module")
def both(engine_server: EngineServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("both")
    with (
        Collection.create(folder / "c", engine=engine_server.url) as engine,
        Collection.create(folder / "e") as embedded,
    ):
        made = Both(engine, embedded)
        made.add(0, COUNT, METADATA)
        yield made
        engine.remove_feature("vectors")


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what SQL was asked to choose by an engine's collection; nothing where the engine does it."""
    chosen: list[str] = []
    select = records.CatalogueRecords.views

    def watched(self: Any, indexes: Any) -> Any:
        chosen.extend(name for name, view in indexes.items() if engine_finder(view) is not None)
        return select(self, indexes)

    monkeypatch.setattr(records.CatalogueRecords, "views", watched)
    return chosen


def told(
    collection: Collection, row: int = 3, **options: Any
) -> tuple[list[tuple[str, float]], dict[str, Any]]:
    hits = collection.search(VECTORS[row] + np.float32(0.01), **options)
    assert not any("compared instead" in note for note in hits.notes)
    return [(hit.id, hit.distance) for hit in hits], dict(hits.facets)


REQUESTS: list[dict[str, Any]] = [
    {"where": {"year": 2010}},
    {"where": {"year": "2010"}},
    {"where": {"year": True}},
    {"where": {"year": (2010, 2011)}},
    {"where": {"year": (None, 0.0)}},
    {"where": {"year": (2**53, None)}},
    {"where": {"year": ("2", "o")}},
    {"where": ["year!=2010"]},
    {"where": ["year!=new|0"]},
    {"where": ["a.b!=1"]},
    {"where": {"added": ("2010-01", "2019-06-30")}},
    {"where": {"tags": ["sale", "tag 2"], "group": (2, 5)}},
    {"where": {"notes": ("l", None)}},
    {"where": {"notes": METADATA[50]["notes"]}},
    {"where": {"group": 99}},
    {"text": "shoe"},
    {"text": "t-shirt RED"},
    {"text": "blau"},
    {"text": "连衣裙"},
    {"text": "红"},
    {"text": "衣连"},
    {"text": "スニーカー"},
    {"text": "เท้า red"},
    {"text": "red", "where": {"group": [1, 2]}, "max_distance": 3.5},
    {"text": "lang", "blend": True, "text_weight": 0.0},
]


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_hits_and_facets_are_what_sql_says(both: Both, request_: dict[str, Any], asked: list[str]) -> None:
    options: dict[str, Any] = {"k": COUNT, "facets": ["year", "title", "tags", "group", "notes"], **request_}
    assert told(both.engine, **options) == told(both.embedded, **options)
    hits = both.engine.search(VECTORS[3], **options)
    by_sql = request_.get("where", {}) == {"notes": METADATA[50]["notes"]} or not all(hits.facets.values())
    assert bool(asked) == by_sql


def test_the_few_nearest_under_a_filter_are_those_of_sql(both: Both) -> None:
    for row in range(0, COUNT, 40):
        options: dict[str, Any] = {"k": 5, "where": {"group": (1, 4)}, "text": "hat"}
        assert told(both.engine, row, **options) == told(both.embedded, row, **options)


def test_a_chain_of_criteria_finds_what_it_finds_by_sql(both: Both) -> None:
    for then in (Then("s5", among=20), [Then(where={"group": (1, 4)}, among=60), Then("s9", text="hat")]):
        assert told(both.engine, then=then) == told(both.embedded, then=then)


def test_words_find_the_same_sources_by_the_scores_of_the_engine(both: Both) -> None:
    ours, theirs = (
        one.search(text="red shoe", k=COUNT, facets=["group"]) for one in (both.engine, both.embedded)
    )
    assert {hit.id for hit in ours} == {hit.id for hit in theirs} and ours.facets == theirs.facets
    scores = [hit.text_score for hit in ours]
    assert scores == sorted(scores, key=lambda score: -(score or 0)) and all(scores)
    assert scores != [hit.text_score for hit in theirs]
    # Of two words in titles, the shorter title matches better.
    assert ours[0].title == "red shoe"


def test_the_own_score_of_the_query_is_told_though_filters_leave_it_out(both: Both) -> None:
    for one in (both.engine, both.embedded):
        hits = one.search("s0", where={"group": 1}, text="red")
        assert hits.itself is not None and hits.itself.text_score is not None


def test_looks_and_words_weigh_as_much_as_is_asked_for(both: Both) -> None:
    asked_for: dict[str, Any] = {"where": {"group": (0, 5)}, "text": "red", "k": COUNT}
    by_looks, _ = told(both.engine, **asked_for)
    assert told(both.engine, **asked_for, text_weight=0.0)[0] == by_looks
    within = {one for one, distance in by_looks if distance <= 4}
    by_words = [one for one, _ in told(both.engine, **asked_for, text_weight=1.0, max_distance=4.0)[0]]
    scores = {hit.id: hit.text_score or 0.0 for hit in both.engine.search(**asked_for)}
    assert set(by_words) == within
    assert [scores[one] for one in by_words] == sorted((scores[one] for one in within), reverse=True)


def test_a_blend_has_sources_without_the_words(both: Both) -> None:
    ids = {one for one, _ in told(both.engine, text="blau", blend=True, k=COUNT)[0]}
    assert len(ids) == COUNT


def test_changed_metadata_count_at_once_and_reach_the_engine(both: Both, asked: list[str]) -> None:
    changed = {"title": "green shoe", "group": "none"}
    options: dict[str, Any] = {"text": "green", "where": {"group": "none"}, "facets": ["group"]}
    with Collection.open(both.engine.location) as other:
        told(other)
        for one in (both.engine, both.embedded):
            numbers = one._catalogue.numbers(IDS[:2]).values()
            with one._catalogue.write() as writer:
                writer.update_metadata(dict.fromkeys(numbers, changed))
        expected = told(both.embedded, **options)
        assert [len(part) for part in expected] == [2, 1]
        assert told(other, **options) == expected
        assert asked  # as the engine lacks the change
        both.engine._update_indexes(Listener())
        told(other)  # sees that the engine has come to this state
        asked.clear()
        assert told(other, **options) == told(both.engine, **options) == expected
        assert not asked
        assert list(other.verify()) == []
    both.add(0, 2, METADATA[:2])


def test_what_was_removed_counts_no_more(both: Both, asked: list[str]) -> None:
    for one in (both.engine, both.embedded):
        one.remove(IDS[200:])
    options: dict[str, Any] = {"k": COUNT, "where": {"group": (0, 3)}, "facets": ["group"]}
    assert told(both.engine, **options) == told(both.embedded, **options)
    assert not asked
    both.add(200, COUNT, METADATA[200:])


def test_a_filter_is_sql_while_the_engine_lacks_a_change(
    both: Both, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Collection, "_update_indexes", lambda *_: None)
        both.add(4, 5, [{"title": "late", "group": 3}])
    options: dict[str, Any] = {"where": {"title": "late"}, "facets": ["group"], "text": "late"}
    hits, facets = told(both.engine, **options)
    assert ([one for one, _ in hits], facets) == ([IDS[4]], {"group": ((3, 1),)})
    assert asked
    both.add(4, 5, METADATA[4:5])


def test_while_the_engine_is_down_all_is_compared_and_counted_in_the_catalogue(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"text": "red", "where": {"group": (1, 4)}, "facets": ["group"], "k": 9}
    expected = told(both.embedded, **options)
    with monkeypatch.context() as down, Collection.open(both.engine.location) as other:
        told(other, **options)

        def refuse(*_: Any, **__: Any) -> Any:
            raise EngineUnavailableError("the engine is down; start it")

        down.setattr(Engine, "call", refuse)
        hits = other.search(VECTORS[3] + np.float32(0.01), **options)
        assert ([(hit.id, hit.distance) for hit in hits], dict(hits.facets)) == expected
        assert hits.notes == ("the engine is down; start it; every vector of vectors was compared instead",)
        with pytest.raises(EngineUnavailableError, match="is down"):
            other.search(VECTORS[3], strict=True, **options)


def test_what_the_engine_refuses_is_left_to_sql(
    both: Both, asked: list[str], engine_server: EngineServer
) -> None:
    options: dict[str, Any] = {"where": {"group": [0, 1, 2, 3, 4, 5], "notes": ("lang", None)}}
    assert len(told(both.embedded, **options)[0]) == 5
    settings = f"/{in_engine(both.engine).target.index}/_settings"
    for limit in (5, None):
        engine_server.request("PUT", settings, {"index.max_terms_count": limit})
        asked.clear()
        assert told(both.engine, **options) == told(both.embedded, **options)
        assert bool(asked) == (limit is not None)


def test_documents_with_other_metadata_are_found_by_verify_and_made_anew(both: Both) -> None:
    target = in_engine(both.engine).target
    names = [id_of(7), id_of(8)]
    there = read_documents(target.engine, target.index, names)
    changed = [Action(name, {**there[name]["_source"], "values": []}) for name in names]
    write(target.engine, writing_alias(target.index), changed, require_alias=True)
    (problem,) = both.engine.verify()
    assert "lacks 2 of" in str(problem)
    both.engine.rebuild()
    assert list(both.engine.verify()) == []


def test_fields_that_nobody_has_are_refused(both: Both) -> None:
    for options in ({"where": {"yeer": 2010}}, {"facets": ["yeer"]}):
        with pytest.raises(MetadataError, match="did you mean 'year'"):
            both.engine.search(VECTORS[0], **options)


def test_the_own_graph_of_the_engine_finds_the_same_at_exact_distances(both: Both) -> None:
    with pytest.raises(OptionError, match="graph=True"):
        both.engine.search(VECTORS[0], candidates="knn")
    both.engine.set_index("vectors", engine=both.engine.index("vectors")["store"].split(" ")[0], graph=True)
    options: dict[str, Any] = {"where": {"group": (1, 4)}, "text": "red"}
    for _ in range(2):
        assert told(both.engine, **options, candidates="knn") == told(both.embedded, **options)
        both.add(0, 1, METADATA[:1])  # which changes the mapping
    with pytest.raises(OptionError, match="graph"):
        both.embedded.search(VECTORS[0], candidates="knn")
