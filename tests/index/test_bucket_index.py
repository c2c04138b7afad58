"""Search beside a database of the user's own, over buckets in a store of each kind."""

from __future__ import annotations

import contextlib
import io
import re
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.index.readers import Rows, rows_of
from tests.services.postgres import PostgresServer

from lookalike import BucketIndex, Index
from lookalike.errors import (
    BucketStoreError,
    BucketStoreUnavailableError,
    InputError,
    OptionError,
    VectorError,
    VectorReadError,
)
from lookalike.hashing import FamilySpec

DOCS = Path(__file__).parents[2] / "docs"
_RANDOM = np.random.default_rng(8)
CENTRES = _RANDOM.normal(size=(30, 24)) * 3
VECTORS = (CENTRES[_RANDOM.integers(0, 30, 900)] + _RANDOM.normal(size=(900, 24))).astype(np.float32)
IDS = np.arange(900) * 3
QUERY = "SELECT id, vector FROM products WHERE id IN :ids"


@pytest.fixture
def rows() -> Rows:
    return rows_of(VECTORS, IDS)


@pytest.fixture
def index(store_url: str, rows: Rows) -> Iterator[BucketIndex]:
    with BucketIndex.create(
        store_url, "shop/look", ids=IDS, vectors=VECTORS, fetch=rows, family="p-stable"
    ) as made:
        yield made


def test_hits_are_those_of_the_embedded_index(index: BucketIndex) -> None:
    embedded = Index.build(VECTORS, ids=IDS, family="p-stable", scan_below=0)
    for allow in (None, IDS[::2], IDS[:3]):
        ours, theirs = (one.search(VECTORS[:60] + 0.1, 10, allow=allow) for one in (index, embedded))
        assert np.array_equal(ours[0], theirs[0]) and np.array_equal(ours[1], theirs[1])


def test_another_process_opens_it_by_url_and_namespace(
    index: BucketIndex, store_url: str, rows: Rows
) -> None:
    with BucketIndex.open(store_url, "shop/look", fetch=rows) as other:
        assert (other.metric, other.dimension, len(other)) == ("euclidean", 24, 900)
        assert other.family.table_uuids() == index.family.table_uuids()
        assert np.array_equal(other.search(VECTORS[:9], 5)[0], index.search(VECTORS[:9], 5)[0])


def test_what_one_adds_and_removes_another_finds_at_once(
    index: BucketIndex, store_url: str, rows: Rows
) -> None:
    with BucketIndex.open(store_url, "shop/look", fetch=rows) as other:
        other.search(VECTORS[:9], 5)
        rows[5000] = VECTORS[0]
        index.add([5000], VECTORS[:1])
        assert other.search(VECTORS[0], 2)[0].tolist() == [[0, 5000]]
        other.remove([0, 17])
        assert index.search(VECTORS[:40], 2)[0][0].tolist()[0] == 5000
        assert (len(index), len(other), other.stats().rows) == (900, 900, 900)


def test_tables_of_several_parameters_live_side_by_side(
    index: BucketIndex, store_url: str, rows: Rows
) -> None:
    spec = FamilySpec("hyperplane", {"tables": 3})
    with BucketIndex.create(
        store_url, "shop/other", ids=IDS[:300], fetch=rows, family=spec, metric="cosine"
    ) as other:
        assert (other.family.tables, len(other), other.metric) == (3, 300, "cosine")
        assert (index.family.name, len(index), index.metric) == ("p-stable", 900, "euclidean")


def test_a_namespace_of_other_parameters_is_refused(index: BucketIndex, store_url: str, rows: Rows) -> None:
    for other in ("hyperplane", FamilySpec("p-stable", {"tables": 99})):
        with pytest.raises(BucketStoreError, match="has buckets of p-stable with"):
            BucketIndex.open(store_url, "shop/look", fetch=rows, family=other)
    BucketIndex.open(store_url, "shop/look", fetch=rows, family="p-stable").close()


def test_buckets_are_replaced_on_demand_alone(index: BucketIndex, store_url: str, rows: Rows) -> None:
    with pytest.raises(BucketStoreError, match="has buckets already"):
        BucketIndex.create(store_url, "shop/look", ids=IDS, fetch=rows)
    assert len(index) == 900
    BucketIndex.create(store_url, "shop/look", ids=IDS[:600], fetch=rows, replace=True).close()
    assert np.isin(index.search(VECTORS[:40], 5)[0], IDS[:600]).all()
    assert index.family.name == "clusters"


def test_writers_at_once_lose_nothing(index: BucketIndex, store_url: str, rows: Rows) -> None:
    def add(first: int) -> None:
        with BucketIndex.open(store_url, "shop/look", fetch=rows) as own:
            for number in range(first, first + 3):
                own.add([number], VECTORS[:1] + 50)

    threads = [threading.Thread(target=add, args=(first,)) for first in (5000, 6000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert index.stats().rows == 906


def test_a_namespace_without_buckets_is_told_of(store_url: str, rows: Rows) -> None:
    with pytest.raises(BucketStoreError, match=r"\(shop/none\) has no buckets"):
        BucketIndex.open(store_url, "shop/none", fetch=rows)


def test_explain_and_stats_tell_of_the_store(index: BucketIndex, store_url: str) -> None:
    told, stats = index.explain(VECTORS[0], 0), index.stats()
    assert (told.rank, told.path, len(told.tables)) == (0, "buckets", stats.tables)
    assert stats.store is not None and stats.store.endswith("(shop/look)")


def test_a_closed_index_says_so(index: BucketIndex) -> None:
    index.close()
    with pytest.raises(InputError, match="the index is closed"):
        index.search(VECTORS[0], 1)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"ids": []}, VectorError, "no ids"),
        ({"recall": 1}, OptionError, "recall is 1"),
        ({"family": "learned"}, OptionError, "needs a hash family"),
        ({"fetch": 7}, OptionError, "fetch is of type int"),
        ({"fetch": QUERY}, OptionError, "URL of its database"),
        ({"fetch": "SELECT 1", "database": "sqlite:///x"}, OptionError, "does not ask for :ids"),
        ({"fetch": QUERY, "database": "nothing://x"}, VectorReadError, "check its URL"),
        ({"database": "sqlite:///x"}, OptionError, "is for an SQL query"),
        ({"vectors": VECTORS[:7]}, VectorError, "900 ids were given for 7 vectors"),
        ({"vectors": None, "fetch": lambda ids: ids}, VectorError, "as a pair"),
        ({"vectors": None, "fetch": lambda ids: (ids + 1, VECTORS)}, VectorError, None),
        ({"metric": "taxi"}, OptionError, "metric"),
    ],
)
def test_what_makes_no_sense_is_refused(
    rows: Rows, changed: dict[str, Any], error: type[Exception], message: str | None
) -> None:
    arguments: dict[str, Any] = {"ids": IDS, "vectors": VECTORS, "fetch": rows}
    with pytest.raises(error, match=message):
        made = BucketIndex.create("memory:refused", "shop/look", **(arguments | changed))
        made.search(VECTORS[:1], 3)


def test_a_longer_vector_is_refused_under_dot(rows: Rows) -> None:
    with BucketIndex.create(
        "memory:dot", "shop/look", ids=IDS, vectors=VECTORS, fetch=rows, metric="dot"
    ) as index:
        index.add([1], VECTORS[:1])
        with pytest.raises(VectorError, match="longer than those"):
            index.add([1], VECTORS[:1] * 100)


def test_a_store_that_is_not_there_says_so(rows: Rows) -> None:
    with pytest.raises(BucketStoreUnavailableError):
        BucketIndex.open("redis://127.0.0.1:1", "shop/look", fetch=rows)


@pytest.mark.parametrize("form", ["bytes", "array", "text"])
def test_vectors_come_from_a_table_of_postgresql(one_postgres: PostgresServer, form: str) -> None:
    import psycopg

    url = one_postgres.new_database()
    kind = {"bytes": "bytea", "array": "real[]", "text": "text"}[form]
    values: Any = {
        "bytes": lambda vector: vector.tobytes(),
        "array": lambda vector: vector.tolist(),
        "text": lambda vector: str(vector.tolist()),
    }[form]
    with psycopg.connect(url) as shop, shop.cursor() as cursor:
        cursor.execute(f"CREATE TABLE products (id bigint PRIMARY KEY, vector {kind})".encode())
        cursor.executemany(
            "INSERT INTO products VALUES (%s, %s)",
            [(int(number), values(vector)) for number, vector in zip(IDS, VECTORS, strict=True)],
        )
    with BucketIndex.create(url, "shop/look", ids=IDS, fetch=QUERY, database=url) as index:
        ids, distances = index.search(VECTORS[:40], 1)
        assert np.array_equal(ids[:, 0], IDS[:40]) and not distances.any()


def test_a_query_that_the_database_refuses_is_told_of(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'shop.sqlite'}"
    with pytest.raises(VectorReadError, match="no such table"):
        BucketIndex.create("memory:refused", "a", ids=[1], fetch=QUERY, database=database)
    with contextlib.closing(sqlite3.connect(tmp_path / "shop.sqlite")) as shop:
        shop.execute("CREATE TABLE products (id, vector)")
        shop.execute("INSERT INTO products VALUES (1, 'a red shoe')")
        shop.commit()
    with pytest.raises(VectorError, match="the query gives no ids with vectors"):
        BucketIndex.create("memory:refused", "a", ids=[1], fetch=QUERY, database=database)


def test_the_example_of_the_page_runs_and_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (DOCS / "own-database.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    (printed,) = re.findall(r"```text\n(.*?)```", page, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(program, "own-database.md", "exec"), {})
    assert out.getvalue() == printed
