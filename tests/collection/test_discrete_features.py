"""Binary codes and sets in a collection: in by arrays and files, found by id, row and vector, kept up and verified."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike import Collection
from lookalike.collection.query import Query, RowQuery, SourceQuery, VectorQuery
from lookalike.errors import FeatureMismatchError, LookalikeError, OptionError, VectorError, VectorFileError

TAGS = [["red", "shoe"], ["blue", "shoe", "sale"], ["red", "hat"], [], ["shoe", "red"]]
IDS = ["a", "b", "c", "d", "e"]


def codes(rows: int = 200, seed: int = 0) -> Any:
    return np.random.default_rng(seed).random((rows, 20)) < 0.5


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path / "shop") as made:
        yield made


@pytest.fixture
def tagged(collection: Collection) -> Collection:
    collection.add_vectors(TAGS, ids=IDS, feature="tags", metric="jaccard")
    return collection


def found(collection: Collection, query: Any, **options: Any) -> list[tuple[str, float]]:
    return [(hit.id, hit.distance) for hit in collection.search(query, **options)]


def close(distance: float) -> Any:
    return pytest.approx(distance, abs=1e-6)


def test_sets_are_found_by_id(tagged: Collection) -> None:
    assert found(tagged, SourceQuery("a")) == [
        ("e", 0),
        ("c", close(2 / 3)),
        ("b", close(3 / 4)),
        ("d", 1),
    ]


def test_sets_are_found_by_words(tagged: Collection) -> None:
    asked = VectorQuery({"tags": {"sale", "shoe", "blue", "new"}})
    assert found(tagged, asked, k=2) == [("b", close(1 / 4)), ("a", close(4 / 5))]


def test_empty_sets_are_alike(tagged: Collection) -> None:
    assert found(tagged, VectorQuery({"tags": []}), k=2) == [("d", 0), ("a", 1)]


def test_an_array_is_a_set_of_the_one_feature_of_sets(collection: Collection) -> None:
    collection.add_vectors([[1, 2], [3]], ids=["a", "b"], metric="jaccard")
    assert found(collection, np.array([1, 2, 4]), k=1) == [("a", close(1 / 3))]


def test_codes_are_found_by_bits_and_by_bytes(collection: Collection) -> None:
    bits = codes()
    collection.add_vectors(bits, ids=range(200), feature="bits", metric="hamming")
    for query in (bits[7], np.packbits(bits[7])):
        assert found(collection, query, k=1) == [("7", 0)]
    distances = (bits != bits[7]).sum(axis=1)
    assert [distance for _, distance in found(collection, SourceQuery("7"), k=5)] == sorted(distances)[1:6]


def test_many_queries_are_answered_as_one_by_one(tagged: Collection) -> None:
    queries: list[Query] = [
        SourceQuery("a"),
        VectorQuery({"tags": ["shoe"]}),
        VectorQuery({"tags": list("abcdefghijkl")}),
    ]
    many = [[(hit.id, hit.distance) for hit in hits] for hits in tagged.search_many(queries, k=3)]
    assert many == [found(tagged, query, k=3) for query in queries]


def test_features_of_sets_and_of_vectors_are_weighed_together(tagged: Collection) -> None:
    tagged.add_vectors(np.eye(5), ids=IDS, feature="look", on_duplicate="replace")
    hits = tagged.search(SourceQuery("a"), features={"tags": 3, "look": 1}, k=1)
    assert hits[0].id == "e"
    parts = tagged.explain(SourceQuery("a"), "e", features={"tags": 3, "look": 1}).parts
    assert (parts["tags"].weight, parts["look"].weight) == (0.75, 0.25)
    assert parts["look"].comparable == close(1)  # all are as far apart, which is one spread
    sets = [set(tags) for tags in TAGS]
    apart = [1 - len(one & other) / len(one | other) for one, other in permutations(sets, 2)]
    tags, look = 0.75 / np.sqrt(np.mean(np.square(apart))), 0.25 / 2**0.5
    assert hits[0].distance == close(2**0.5 * look / (look + tags))


def test_a_larger_set_makes_room_for_itself(tagged: Collection) -> None:
    assert tagged.index("tags")["dimension"] == 8
    tagged.add_vectors([range(20)], ids=["f"], feature="tags")
    assert tagged.index("tags")["dimension"] == 32
    assert found(tagged, SourceQuery("f"), k=1) == [("a", 1)]
    assert found(tagged, VectorQuery({"tags": range(19)}), k=1) == [("f", close(1 / 20))]
    assert list(tagged.verify()) == []


def test_another_process_sees_the_larger_set(tagged: Collection) -> None:
    with Collection.open(tagged.location) as other:
        assert found(other, SourceQuery("a"), k=1) == [("e", 0)]
        tagged.add_vectors([range(20)], ids=["f"], feature="tags")
        assert found(other, VectorQuery({"tags": range(20)}), k=1) == [("f", 0)]


def test_a_set_is_replaced_and_removed(tagged: Collection) -> None:
    tagged.add_vectors([["hat"]], ids=["e"], feature="tags", on_duplicate="replace")
    assert found(tagged, VectorQuery({"tags": ["hat"]}), k=1) == [("e", 0)]
    tagged.remove("e")
    assert found(tagged, VectorQuery({"tags": ["hat"]}), k=1) == [("c", close(1 / 2))]


def test_sets_without_ids_are_one_source_where_they_are_equal(collection: Collection) -> None:
    report = collection.add_vectors([["x", "y"], ["y", "x"], ["z"]], metric="jaccard")
    assert (report.added, report.duplicate) == (2, 1)


def test_info_tells_of_sets(tagged: Collection) -> None:
    feature = tagged.info()["features"]["tags"]
    assert (feature["metric"], feature["dimension"], feature["vectors"]) == ("jaccard", 8, 5)
    index = feature["index"]
    assert (index["chosen"], index["dtype"], index["path"]) == ("min-hash", "uint32", "scan")


def test_an_index_of_sets_is_rebuilt_and_verified(tagged: Collection) -> None:
    before = found(tagged, SourceQuery("a"))
    assert tagged.rebuild() == {"tags": 5}
    assert found(tagged, SourceQuery("a")) == before
    assert list(tagged.verify()) == []


def test_an_explanation_has_the_exact_distance(tagged: Collection) -> None:
    told = tagged.explain(SourceQuery("a"), "c")
    assert told.distance == close(2 / 3)
    assert told.features["tags"].path == "scan"


@pytest.mark.parametrize(
    ("metric", "family", "rows"),
    [
        ("jaccard", "min-hash", [[n, n + 1, n + 2] for n in range(300)]),
        ("hamming", "bit-sampling", codes(300)),
    ],
)
def test_buckets_may_be_asked_for(collection: Collection, metric: str, family: str, rows: Any) -> None:
    collection.add_vectors(rows, ids=range(300), feature="these", metric=metric)
    told = collection.set_index("these", family, tables=12)
    assert (told["chosen"], told["family"], told["parameters"]["tables"]) == (family, family, 12)
    assert found(collection, VectorQuery({"these": rows[7]}), k=1) == [("7", 0)]
    collection.add_vectors(rows[:1], ids=["late"], feature="these")
    assert found(collection, SourceQuery("late"), k=1) == [("0", 0)]
    assert list(collection.verify()) == []


def write(folder: Path, name: str) -> Path:
    """Write `TAGS` as a file of that name."""
    path = folder / name
    if name.endswith(".txt"):
        path.write_text("".join(f"{' '.join(tags)}\n" for tags in TAGS))
    elif name == "named.jsonl":
        lines = (json.dumps({"id": i, "elements": tags}) for i, tags in zip(IDS, TAGS, strict=True))
        path.write_text("\n".join(lines))
    elif name.endswith(".jsonl"):
        path.write_text("".join(f"{json.dumps(tags)}\n" for tags in TAGS))
    else:
        sparse = pytest.importorskip("scipy.sparse", reason="needs scipy: pip install scipy")
        words = sorted({tag for tags in TAGS for tag in tags})
        rows = [[float(word in tags) for word in words] for tags in TAGS]
        sparse.save_npz(path, sparse.csr_matrix(rows))
    return path


@pytest.mark.parametrize("name", ["tags.txt", "tags.jsonl", "tags.npz"])
def test_files_of_sets_are_imported(collection: Collection, tmp_path: Path, name: str) -> None:
    file = write(tmp_path, name)
    report = collection.import_file(file, metric="jaccard")
    assert (report.added, report.duplicate) == (4, 1)
    hits = collection.search(RowQuery(file, 1), k=2)
    assert [hit.distance for hit in hits] == [0, close(3 / 4)]
    assert hits[0].path == f"{file}#1"


def test_names_in_a_file_of_sets_become_ids(collection: Collection, tmp_path: Path) -> None:
    collection.import_file(write(tmp_path, "named.jsonl"), metric="jaccard")
    assert found(collection, SourceQuery("a"), k=1) == [("e", 0)]


@pytest.mark.parametrize("packed", [True, False])
def test_files_of_codes_are_imported(collection: Collection, tmp_path: Path, packed: bool) -> None:
    bits = codes()
    np.save(tmp_path / "codes.npy", np.packbits(bits, axis=1) if packed else bits)
    collection.import_file(tmp_path / "codes.npy", metric="hamming")
    assert collection.info()["features"]["vectors"]["dimension"] == 3
    hits = collection.search(RowQuery(tmp_path / "codes.npy", 9), k=2)
    assert [hit.distance for hit in hits] == sorted((bits != bits[9]).sum(axis=1))[:2]


@pytest.mark.parametrize(
    ("refused", "error", "message"),
    [
        (lambda c: c.add_vectors([[-3]], metric="jaccard"), VectorError, "set 0 has the number -3"),
        (lambda c: c.add_vectors([["a", 2]], metric="jaccard"), VectorError, "set 0 has 2"),
        (lambda c: c.add_vectors([[0.5, float("nan")]], metric="hamming"), VectorError, "type float64"),
        (
            lambda c: c.add_vectors(TAGS, feature="tags", metric="cosine"),
            OptionError,
            "compared by jaccard, not",
        ),
        (
            lambda c: c.add_vectors(codes(), feature="tags", metric="hamming"),
            OptionError,
            "compared by jaccard",
        ),
        (
            lambda c: c.set_index("tags", "p-stable"),
            OptionError,
            "p-stable does not hash what is compared by jaccard",
        ),
        (lambda c: c.search(VectorQuery({"tags": [1.5]})), VectorError, "1.5"),
    ],
)
def test_what_does_not_fit_is_refused(
    tagged: Collection,
    refused: Callable[[Collection], object],
    error: type[LookalikeError],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        refused(tagged)
    assert len(tagged) == 5


def test_codes_of_another_length_are_refused(collection: Collection) -> None:
    collection.add_vectors(codes(), metric="hamming")
    with pytest.raises(FeatureMismatchError, match="has dimension 3, these vectors have 2"):
        collection.add_vectors(codes()[:, :16], metric="hamming")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b"[1]\n{", "line 2 is no JSON"),
        ("a.jsonl", b"[1]\n7", "line 2 has no list"),
        ("a.jsonl", b'{"id": 1, "elements": []}\n[2]', '1 of 2 lines have an "id"'),
        ("a.jsonl", b"[1]\n[-2]", "set 1 has the number -2"),
        ("a.txt", b"\xff\xfe", "give a file of UTF-8 text"),
        ("a.npz", b"PK", "is no sparse matrix"),
    ],
)
def test_damaged_files_of_sets_are_refused(
    collection: Collection, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises((VectorFileError, VectorError), match=message):
        collection.import_file(tmp_path / name, metric="jaccard")
    assert len(collection) == 0


@pytest.mark.parametrize(("name", "metric"), [("a.txt", "cosine"), ("a.npy", "jaccard")])
def test_files_are_imported_under_the_metrics_that_they_are_for(
    collection: Collection, tmp_path: Path, name: str, metric: str
) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(OptionError, match="sets, which"):
        collection.import_file(tmp_path / name, metric=metric)


def test_many_sets_are_found_by_buckets_unless_something_else_is_chosen(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.collection.index_homes.SCAN_BELOW", 300)
    sets = [[n, n + 1, n + 2, 10_000 + n] for n in range(400)]
    collection.add_vectors(sets, ids=range(400), feature="sets", metric="jaccard")
    told = collection.index("sets")
    assert (told["chosen"], told["family"], told["path"]) == ("min-hash", "min-hash", "buckets")
    assert found(collection, VectorQuery({"sets": sets[7]}), k=1) == [("7", 0)]
