"""Vectors of whole numbers of eight bits: kept as such, and compared as exactly as any."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.services.engines import EngineServer

from lookalike.arrays import Array, Float32
from lookalike.engine import EngineIndex, TokenScheme
from lookalike.engine.client import Engine, path_of
from lookalike.engine.tokens import ALL_CANDIDATES
from lookalike.errors import EngineError, OptionError, VectorError
from lookalike.hashing import Clusterings

COUNT, DIMENSION = 500, 20
IDS = [f"p{i:03}" for i in range(COUNT)]
DTYPES = ("uint8", "int8")


def rows_of(dtype: str) -> Array:
    """Vectors (500, 20) that use the whole range, some of them twice, and some alike."""
    limits, random = np.iinfo(dtype), np.random.default_rng(4)
    middles = random.integers(limits.min, limits.max + 1, size=(25, DIMENSION))
    rows = middles[np.arange(COUNT) % 25] + random.integers(-9, 10, size=(COUNT, DIMENSION))
    rows[0], rows[1], rows[2] = limits.min, limits.max, 0
    rows[40:60] = rows[5:25]
    clipped: Array = np.clip(rows, limits.min, limits.max).astype(dtype)
    return clipped


def make(engine: Engine, name: str, dtype: str, **options: Any) -> EngineIndex:
    """Make an index and fill it; candidates are all documents, so that hits have to equal those of exact search."""
    rows = rows_of(dtype)
    family = Clusterings(tables=2, clusters=5).fit(rows.astype(np.float32))
    scheme = TokenScheme(family, "euclidean", probes=5, candidates=ALL_CANDIDATES)
    index = EngineIndex.create(
        engine, name, scheme=scheme, dtype=dtype, fields={"even": "boolean"}, **options
    )
    index.add(IDS, rows, [{"even": i % 2 == 0} for i in range(COUNT)])
    return index


def nearest(query: Array, dtype: str, k: int) -> list[tuple[str, float]]:
    """Ids and distances of the k nearest; equal ones by id."""
    distances = np.linalg.norm(rows_of(dtype).astype(np.float64) - query.astype(np.float64), axis=1)
    order = sorted(range(COUNT), key=lambda i: (round(float(distances[i]), 6), IDS[i]))
    return [(IDS[i], float(distances[i])) for i in order[:k]]


def check(index: EngineIndex, query: Array, dtype: str, k: int = 10, **options: Any) -> None:
    hits, expected = index.search(query, k, **options), nearest(query, dtype, k)
    assert list(hits.ids) == [one for one, _ in expected]
    np.testing.assert_allclose(hits.distances, [distance for _, distance in expected], rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_whole_numbers_are_kept_compared_and_returned_as_they_are(
    engine: Engine, index_name: str, dtype: str
) -> None:
    rows = rows_of(dtype)
    with make(engine, index_name, dtype) as index:
        np.testing.assert_array_equal(index.vectors(IDS), rows.astype(np.float32))
        for i in (0, 1, 2, 5, 45, 333):
            check(index, rows[i], dtype)
        check(index, rows[7], dtype, k=COUNT)
    with EngineIndex.open(engine, index_name) as again:
        check(again, rows[300], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_query_between_whole_numbers_finds_what_is_nearest_to_it(
    engine: Engine, index_name: str, dtype: str
) -> None:
    """Engines compare what it is rounded to, by which others are nearer, and equally near."""
    index, random = make(engine, index_name, dtype), np.random.default_rng(6)
    for i in (5, 60, 200, 411):
        moved = rows_of(dtype)[i] + random.uniform(-0.5, 0.5, DIMENSION).astype(np.float32)
        check(index, moved, dtype)
        assert index.explain(moved, IDS[i]).distance == pytest.approx(
            float(np.linalg.norm(moved - rows_of(dtype)[i].astype(np.float64))), rel=1e-6
        )
    both = np.stack([rows_of(dtype)[5].astype(np.float32), rows_of(dtype)[5] + np.float32(0.4)])
    assert [hits.ids[0] for hits in index.search_many(both, 3)] == [IDS[5], IDS[5]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_query_outside_of_their_range_finds_what_is_nearest_to_it(
    engine: Engine, index_name: str, dtype: str
) -> None:
    far: Float32 = rows_of(dtype)[9].astype(np.float32) * 3 - 100
    check(make(engine, index_name, dtype), far, dtype)


def test_filters_alike_and_graphs_work_on_them(engine: Engine, index_name: str) -> None:
    index, rows = make(engine, index_name, "uint8", graph=True), rows_of("uint8")
    query = rows[5] + np.float32(0.3)
    expected = [one for one, _ in nearest(query, "uint8", COUNT) if int(one[1:]) % 2 == 0][:5]
    assert list(index.search(query, 5, where={"even": True}).ids) == expected
    assert IDS[5] in index.search(query, 5, candidates="knn").ids
    assert set(index.more_like_this(query, 2).ids) == {IDS[5], IDS[40]}


def test_a_rebuilt_index_keeps_their_type(engine: Engine, index_name: str) -> None:
    index = make(engine, index_name, "uint8")
    index.rebuild(scheme=index.scheme)
    assert index._target.header.dtype == "uint8"
    check(index, rows_of("uint8")[77], "uint8")


def test_a_feature_of_the_users_index_keeps_them(engine: Engine, index_name: str) -> None:
    engine.call("PUT", path_of(index_name))
    engine.call("PUT", path_of(index_name, "_doc", "mine"), {"a": 1}, params={"refresh": "true"})
    rows = rows_of("int8")
    index = EngineIndex.attach(engine, index_name, sample=rows)
    index.add(["mine"], rows[:1])
    np.testing.assert_array_equal(index.vectors(["mine"])[0], rows[0].astype(np.float32))
    index.drop()


def test_what_they_cannot_hold_is_refused_whole(engine: Engine, index_name: str) -> None:
    index = make(engine, index_name, "uint8")
    wrong = rows_of("uint8")[:3].astype(np.float32)
    wrong[1, 4] = 0.5
    with pytest.raises(VectorError, match="row 1 has numbers that uint8"):
        index.add(["x", "y", "z"], wrong)
    assert len(index) == COUNT


@pytest.mark.parametrize(
    ("given", "options", "kept"),
    [
        ("uint8", {}, "uint8"),
        ("float32", {}, "float32"),
        ("float32", {"dtype": "uint8"}, "uint8"),
        ("uint8", {"metric": "cosine"}, "float32"),
    ],
)
def test_vectors_are_kept_as_the_sample_has_them_or_as_is_asked(
    engine: Engine, index_name: str, given: str, options: dict[str, Any], kept: str
) -> None:
    sample = rows_of("uint8")[3:].astype(given)
    with EngineIndex.create(engine, index_name, sample=sample, **options) as index:
        assert index._target.header.dtype == kept


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": ["uint8"]}, "an engine keeps one of float32, uint8, int8"),
        ({"dtype": "int16"}, "dtype is 'int16'; an engine keeps one of float32, uint8, int8"),
        ({"dtype": "uint8", "metric": "cosine"}, "keeps uint8 under euclidean, not under cosine"),
    ],
)
def test_no_other_type_is_kept(engine: Engine, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        EngineIndex.create(engine, "never-made", sample=rows_of("int8"), **options)


def test_the_metric_is_that_of_a_given_scheme(engine: Engine) -> None:
    family = Clusterings(tables=2, clusters=5).fit(rows_of("uint8").astype(np.float32))
    with pytest.raises(OptionError, match="under euclidean, not under cosine"):
        EngineIndex.create(engine, "never-made", scheme=TokenScheme(family, "cosine"), dtype="uint8")


def test_a_header_of_another_type_than_the_field_is_refused(engine: Engine, index_name: str) -> None:
    index = make(engine, index_name, "uint8")
    ((name, told),) = engine.call("GET", path_of(index_name, "_mapping")).items()
    meta = told["mappings"]["_meta"]
    meta["lookalike"]["features"]["vector"]["dtype"] = "float32"
    engine.call("PUT", path_of(name, "_mapping"), {"_meta": meta})
    if index._target.header.vector != "binary":
        with pytest.raises(EngineError, match="byte"):
            EngineIndex.open(engine, index_name)
    meta["lookalike"]["features"]["vector"]["dtype"] = "complex64"
    engine.call("PUT", path_of(name, "_mapping"), {"_meta": meta})
    with pytest.raises(EngineError, match="its header is damaged"):
        EngineIndex.open(engine, index_name)


def test_an_engine_that_compares_nothing_keeps_them(limited_server: EngineServer) -> None:
    engine = Engine.open(limited_server.url, timeout=60)
    with make(engine, "whole-numbers", "uint8") as index:
        assert not index._target.scripts
        check(index, rows_of("uint8")[5], "uint8")
        np.testing.assert_array_equal(index.vectors(IDS[:9]), rows_of("uint8")[:9].astype(np.float32))
    engine.close()
