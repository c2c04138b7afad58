"""Evaluation of collections: by fields, folders and judged pairs, sources that lack features, families, each error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_pictures import draw  # type: ignore[import-not-found]

from lookalike import Collection, SourceQuery
from lookalike.collection import Listener
from lookalike.errors import LookalikeError, MetadataError, OptionError, UnknownFeatureError, UnknownIdError
from lookalike.evaluation import Evaluation

COUNT, KINDS = 120, 6


def kind(row: int) -> int:
    """Return which kind a row is of."""
    return row % KINDS


def vectors(noise: float, seed: int) -> Any:
    """Return vectors of six kinds (120, 8)."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(9).normal(size=(KINDS, 8))
    made = centres[np.arange(COUNT) % KINDS] + noise * random.normal(size=(COUNT, 8))
    return made.astype(np.float32)


IDS = [f"s{row}" for row in range(COUNT)]


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    """Return a collection of two features with noise of their own, and one of noise alone; kinds are in metadata."""
    metadata = [
        {
            "kind": f"kind{kind(row)}",
            "tags": [f"t{kind(row)}", "rare" if row < 2 else f"only{row}"],
            "serial": row,
            "all": "same",
        }
        for row in range(COUNT)
    ]
    with Collection.create(tmp_path / "c") as made:
        made.add_vectors(vectors(1.0, 1), ids=IDS, feature="good", metadata=metadata)
        made.add_vectors(vectors(1.0, 2), ids=IDS, feature="other", metric="cosine")
        made.add_vectors(vectors(9.0, 3), ids=IDS, feature="noise")
        yield made


def row_of(found: Evaluation, name: str) -> Any:
    """Return the row of that name."""
    return next(row for row in found.rows if row.name == name)


def searched_precision(collection: Collection, k: int, **options: Any) -> float:
    """Return the precision of the searches that a user would do, one a source."""
    right = 0
    for row, id_ in enumerate(IDS):
        hits = collection.search(SourceQuery(id_), k=k, **options)
        right += sum(hit.metadata["kind"] == f"kind{kind(row)}" for hit in hits)
    return right / (k * COUNT)


def test_figures_are_those_of_searches(collection: Collection) -> None:
    found = collection.evaluate("kind", k=5)
    assert (found.queries, found.sources, found.k) == (COUNT, COUNT, 5)
    for name in ("good", "other", "noise"):
        expected = searched_precision(collection, 5, features={name: 1.0})
        assert row_of(found, name).precision.mean == pytest.approx(expected)
    assert found.proposal is not None
    for name in ("default weights", "proposed weights"):
        row = row_of(found, name)
        weights = None if name == "default weights" else row.weights
        expected = searched_precision(collection, 5, features=weights)
        assert row.precision.mean == pytest.approx(expected, abs=1e-3)


def test_features_that_complement_each_other_are_proposed_together(collection: Collection) -> None:
    found = collection.evaluate("kind", k=5)
    assert found.proposal is not None
    assert {"good", "other"} <= set(found.proposal.weights)
    best = max(row.precision.mean for row in found.rows if row.is_feature)
    assert found.proposal.precision.mean >= best
    assert found.proposal.gain.mean > 0
    assert "Proposed: " in str(found)


def test_noise_is_not_proposed(collection: Collection) -> None:
    found = collection.evaluate("kind", k=5, features=["good", "noise"])
    assert found.proposal is not None
    assert found.proposal.weights.get("noise", 0) <= 0.2
    assert found.curve is not None
    assert (found.curve.first, found.curve.second) == ("good", "noise")
    assert len(found.curve.points) == 11


def test_recall_and_average_precision_count_all_that_is_relevant(collection: Collection) -> None:
    found = collection.evaluate("kind", k=COUNT, features=["good"])
    row = found.rows[0]
    assert row.recall.mean == 1.0
    assert row.precision.mean == pytest.approx((COUNT / KINDS - 1) / COUNT)
    assert 0.5 < row.average_precision.mean < 1
    assert row.ndcg is None


def test_a_list_makes_relevant_what_shares_a_member(collection: Collection) -> None:
    found = collection.evaluate("tags", k=5, features=["good"])
    # Sources 0 and 1 are of different kinds, and both are rare.
    by_kind = collection.evaluate("kind", k=5, features=["good"])
    assert found.queries == COUNT
    assert found.rows[0].recall.mean < by_kind.rows[0].recall.mean


def test_queries_are_drawn_by_a_fixed_rule(collection: Collection) -> None:
    first, second = (collection.evaluate("kind", queries=30, features=["good"]) for _ in range(2))
    assert first == second
    assert first.queries == 30
    assert any("30 queries were drawn from 120" in note for note in first.notes)


def test_sources_without_label_or_feature_are_counted(collection: Collection) -> None:
    collection.add_vectors(vectors(1.0, 1)[:3] + 1, ids=["x0", "x1", "x2"], feature="good")
    collection.update_metadata("x0", {"kind": "kind0"})
    found = collection.evaluate("kind", k=5)
    notes = "\n".join(found.notes)
    assert "3 sources lack other: never found by it, and no queries" in notes
    assert "2 sources have no value of kind" in notes
    assert found.queries == COUNT
    expected = searched_precision(collection, 5, features={"other": 1.0})
    assert row_of(found, "other").precision.mean == pytest.approx(expected)


def test_families_are_measured_against_the_exact_search(collection: Collection) -> None:
    collection.add_words(["tags"], feature="tags")
    found = collection.evaluate("kind", k=5, features=["good", "tags"], families=["hyperplane"])
    told = [(row.feature, row.family) for row in found.indexes]
    assert told == [("good", "learned"), ("good", "hyperplane"), ("tags", "min-hash")]
    assert found.indexes[0].path == "scan"
    assert found.indexes[0].recall.mean == 1.0
    assert all(row.recall.mean == 1.0 for row in found.indexes if row.path == "scan")


def test_recall_through_buckets_is_that_of_their_index(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = (random.normal(size=(50, 16))[np.arange(2000) % 50] + random.normal(size=(2000, 16))).astype("f4")
    labels = [{"kind": row % 50} for row in range(2000)]
    with Collection.create(tmp_path / "c") as made:
        made.add_vectors(rows, metadata=labels)
        found = made.evaluate("kind", queries=200, families=["clusters"])
    exact, buckets = found.indexes
    assert (exact.is_own, buckets.is_own) == (True, False)
    assert (exact.path, buckets.path) == ("scan", "buckets")
    assert exact.recall.mean == 1.0
    assert "buckets of  recall     +-  precision@10     +-\nvectors" in str(found)
    assert 0.9 < buckets.recall.mean <= 1.0
    assert buckets.precision.mean == pytest.approx(exact.precision.mean, abs=0.1)


def test_features_of_one_extractor_are_compared(tmp_path: Path) -> None:
    draw(tmp_path / "pictures", [f"{name}/{number}.png" for name in ("cat", "dog") for number in range(3)])
    with Collection.create(tmp_path / "c") as made:
        made.add(tmp_path / "pictures", features=["look", "again:look"], jobs=1)
        found = made.evaluate("folder", k=2)
    (pair,) = found.pairs
    assert {pair.first, pair.second} == {"look", "again"}
    assert pair.precision.mean == pair.precision.error == 0
    assert pair.precision.is_noise
    assert found.relevance == "2 labels by folder"
    assert "within the noise" in str(found)


def test_a_field_called_folder_goes_before_folders(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c") as made:
        made.add_vectors(
            vectors(1.0, 1)[:4],
            ids=IDS[:4],
            metadata=[{"folder": "a"}, {"folder": "a"}, {"folder": "b"}, {}],
        )
        found = made.evaluate("folder", k=2)
        assert found.queries == 2
        made.add_vectors(vectors(1.0, 1)[:2], ids=IDS[:2], feature="b")


def pairs_of(collection: Collection) -> list[tuple[str, str, float]]:
    """Return judged pairs of three queries: all of the kind, of which the next is better; and one of another kind."""
    told: list[tuple[str, str, float]] = []
    for row in range(3):
        others = [other for other in range(COUNT) if kind(other) == kind(row) and other != row]
        told += [(f"s{row}", f"s{other}", 2.0 if place == 0 else 1.0) for place, other in enumerate(others)]
        told.append((f"s{row}", f"s{row + 1}", 0.0))
    return told


def test_judged_pairs_say_what_is_relevant(collection: Collection, tmp_path: Path) -> None:
    pairs = pairs_of(collection)
    file = tmp_path / "pairs.csv"
    lines = [f"{query},{source},because,{grade}" for query, source, grade in pairs]
    file.write_text("\n".join(["query,source,why,grade", "", *lines]), encoding="utf-8-sig")
    found = collection.evaluate(judged=file, k=5, features=["good"])
    assert found == collection.evaluate(judged=str(file), k=5, features=["good"])
    assert found.queries == 3
    row = found.rows[0]
    assert row.ndcg is not None
    assert 0 < row.ndcg.mean <= 1
    exact = 0
    for query in range(3):
        hits = collection.search(SourceQuery(f"s{query}"), k=5, features={"good": 1.0})
        exact += sum(kind(int(hit.id[1:])) == kind(query) for hit in hits)
    assert row.precision.mean == pytest.approx(exact / 15)
    assert any("of the first 5 by good are judged" in note for note in found.notes)
    listed = collection.evaluate(judged=pairs, k=5, features=["good"])
    assert listed.rows == found.rows


def test_pairs_name_pictures_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path / "pictures", ["a.png", "b.png", "c.png"])
    (tmp_path / "pictures" / "pairs.csv").write_text("query,source\na.png,b.png\n")
    (tmp_path / "pairs.csv").write_text(f"query,source\npictures/a.png,{tmp_path / 'pictures' / 'b.png'}\n")
    monkeypatch.chdir(tmp_path)
    with Collection.create(tmp_path / "c") as made:
        made.add(tmp_path / "pictures", jobs=1)
        for file in ("pictures/pairs.csv", "pairs.csv"):
            found = made.evaluate(judged=file, k=2)
            assert found.queries == 1
            assert found.rows[0].recall.mean == 1.0


@pytest.mark.parametrize(
    ("text", "kind_of_error", "message"),
    [
        ("", MetadataError, "line 1: one column must be 'query'"),
        ("query,other\ns0,s1\n", MetadataError, "line 1: one column must be 'source'"),
        ("query,source,source\n", MetadataError, "line 1: one column must be 'source'"),
        ("query,source,grade\ns0,s1,1\n\ns0,s999,1\n", UnknownIdError, "line 4: s999 is no id or path"),
        ("query,source,grade\ns0,s1\n", MetadataError, "line 2: 2 cells, but the header has 3"),
        ("query,source,grade\ns0,,1\n", MetadataError, "line 2: the column 'source' is empty"),
        ("query,source,grade\ns0,s1,good\n", MetadataError, "line 2: the grade is 'good'"),
        ("query,source,grade\ns0,s1,-1\n", MetadataError, "line 2: the grade is '-1'"),
        ("query,source,grade\ns0,s1,nan\n", MetadataError, "line 2: the grade is 'nan'"),
        ("query,source,grade\ns0,s0,1\n", MetadataError, "line 2: s0 is the query itself"),
        ("query,source,grade\ns0,s1,1\ns0,s1,0\n", MetadataError, "line 3: this pair was judged before"),
        ("query,source,grade\ns0,s1,0\n", MetadataError, "no pair has a grade above 0"),
        ("query,source\n", MetadataError, "no pair has a grade above 0"),
        ('query,source\n"s0,s1\n', MetadataError, "check the quotes"),
    ],
)
def test_a_file_of_pairs_that_makes_no_sense_is_refused_with_its_line(
    collection: Collection, tmp_path: Path, text: str, kind_of_error: type[LookalikeError], message: str
) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text(text)
    with pytest.raises(kind_of_error, match=message):
        collection.evaluate(judged=file)


def test_a_file_of_pairs_that_cannot_be_read_is_named(collection: Collection, tmp_path: Path) -> None:
    with pytest.raises(MetadataError, match=r"none\.csv cannot be read"):
        collection.evaluate(judged=tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(b"query,source\n\xe9,s1\n")
    with pytest.raises(MetadataError, match=r"latin\.csv is not UTF-8"):
        collection.evaluate(judged=tmp_path / "latin.csv")


@pytest.mark.parametrize(
    ("arguments", "kind_of_error", "message"),
    [
        ({}, OptionError, "one of the two"),
        ({"by": "kind", "judged": []}, OptionError, "one of the two"),
        ({"by": 3}, OptionError, "give the name of a metadata field"),
        ({"by": "colour"}, MetadataError, "no source has the metadata field 'colour'; the fields are: all, "),
        ({"by": "folder"}, MetadataError, "no source has a value of folder"),
        ({"by": "serial"}, MetadataError, "no two sources share a value of serial"),
        ({"by": "all"}, MetadataError, "all sources share a value of all"),
        ({"by": "kind", "k": 0}, OptionError, "k is 0"),
        ({"by": "kind", "queries": 0}, OptionError, "queries is 0"),
        ({"by": "kind", "features": ["none"]}, UnknownFeatureError, "none"),
        ({"by": "kind", "features": []}, OptionError, "no feature was chosen"),
        ({"by": "kind", "features": {"good": 0, "other": 0}}, OptionError, "weight"),
        ({"by": "kind", "features": "good"}, OptionError, "give a list"),
        ({"by": "kind", "families": "p-stable"}, OptionError, "give a list"),
        ({"by": "kind", "families": ["no"]}, OptionError, "hash family 'no'"),
        ({"by": "kind", "families": ["min-hash"]}, OptionError, "min-hash"),
        ({"judged": 3}, OptionError, "give a CSV file, or a list"),
        ({"judged": [("s0",)]}, OptionError, "judged pair 1"),
        ({"judged": [("s0", 3)]}, OptionError, "judged pair 1"),
        ({"judged": [("s0", "s1", "x")]}, MetadataError, "judged pair 1: the grade is 'x'"),
        ({"judged": [("s0", "s1"), ("s0", "gone")]}, UnknownIdError, "judged pair 2: gone"),
        ({"by": "kind", "listener": 3}, OptionError, "listener"),
    ],
)
def test_what_makes_no_sense_is_refused(
    collection: Collection, arguments: dict[str, Any], kind_of_error: type[LookalikeError], message: str
) -> None:
    with pytest.raises(kind_of_error, match=message):
        collection.evaluate(**arguments)


def test_a_collection_without_features_is_refused(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c") as made, pytest.raises(UnknownFeatureError, match="no feature"):
        made.evaluate("kind")


def test_queries_that_lack_the_features_are_refused(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c") as made:
        for feature, ids in (("one", ["a", "b"]), ("two", ["c", "d"])):
            labels = [{"kind": feature}, {"kind": feature}]
            made.add_vectors(vectors(1.0, 1)[:2], ids=ids, feature=feature, metadata=labels)
        with pytest.raises(UnknownFeatureError, match="none of the 4 queries has all of one, two"):
            made.evaluate("kind")
        assert made.evaluate("kind", features=["one"]).queries == 2


def test_words_of_the_labels_themselves_are_left_out(collection: Collection) -> None:
    collection.add_words(["kind"], feature="telling")
    collection.add_words(["serial"], feature="fair")
    found = collection.evaluate("kind", k=5)
    assert {row.name for row in found.rows if row.is_feature} == {"good", "other", "noise", "fair"}
    assert "telling is left out, as it is made of kind itself" in found.notes
    asked = collection.evaluate("kind", k=5, features=["telling"])
    assert asked.rows[0].precision.mean == 1.0


def test_weights_that_are_given_are_measured(collection: Collection) -> None:
    found = collection.evaluate("kind", k=5, features={"good": 0.3, "other": 0.7})
    row = row_of(found, "given weights")
    assert row.weights == {"good": 0.3, "other": 0.7}
    assert row.precision.mean == pytest.approx(
        searched_precision(collection, 5, features=row.weights), abs=1e-3
    )


def test_it_tells_how_far_it_is(collection: Collection) -> None:
    class Told(Listener):
        """Counts."""

        count = done = 0

        def total(self, count: int) -> None:
            self.count = count

        def advance(self, rows: int) -> None:
            self.done += rows

    told = Told()
    collection.evaluate("kind", listener=told)
    assert told.done == told.count == 2 * 3 * COUNT


def test_it_is_drawn_and_told_in_json(collection: Collection, tmp_path: Path) -> None:
    found = collection.evaluate("kind", k=5, features=["good", "other"])
    found.to_svg(tmp_path / "figures.svg")
    text = (tmp_path / "figures.svg").read_text(encoding="utf-8")
    assert text.count("<rect") == 1 + 3 * len(found.rows)
    assert text.count("<circle") == 11
    document = json.loads(json.dumps(found.to_json()))
    assert document["rows"][0]["precision"]["mean"] == found.rows[0].precision.mean
    with pytest.raises(LookalikeError, match="cannot be written"):
        found.to_svg(tmp_path / "none" / "figures.svg")
