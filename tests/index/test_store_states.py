"""An index whose buckets are in a store: what several processes see of it, and no answer is of two states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.index.readers import Rows, rows_of

from lookalike import Index
from lookalike.buckets import BucketStore, Header, MemoryBuckets
from lookalike.errors import BucketStoreError, OptionError
from lookalike.index.finder import StaleBucketsError
from lookalike.index.shared_index import OutdatedBucketsError
from lookalike.index.store_index import StoreIndex

_RANDOM = np.random.default_rng(5)
CENTRES = _RANDOM.normal(size=(60, 24)) * 3
VECTORS = (CENTRES[_RANDOM.integers(0, 60, 1200)] + _RANDOM.normal(size=(1200, 24))).astype(np.float32)
QUERIES = (CENTRES[_RANDOM.integers(0, 60, 40)] + _RANDOM.normal(size=(40, 24))).astype(np.float32)
NEW = QUERIES[:5] + 100
NEW_IDS = list(range(9000, 9005))


def built(store: Any, rows: Rows, *, family: Any = "clusters", metric: str = "euclidean") -> StoreIndex:
    """Return an index of `rows`, of the state 1."""
    return StoreIndex.build(
        store, "a store", rows, [rows(rows.ids())], dimension=24, metric=metric, family=family, stamp=1
    )


def store_of(index: StoreIndex) -> BucketStore:
    """Return the store of an index that has one."""
    assert index.store is not None
    return index.store


def other_of(index: StoreIndex, rows: Rows) -> StoreIndex:
    """Return what another process opens."""
    opened = StoreIndex.open(store_of(index), "a store", rows)
    assert opened is not None
    return opened


@pytest.fixture
def rows() -> Rows:
    return rows_of(VECTORS)


@pytest.fixture
def index(rows: Rows) -> StoreIndex:
    return built(MemoryBuckets(), rows)


def test_any_process_opens_it_by_what_the_store_tells(rows: Rows, index: StoreIndex) -> None:
    other = other_of(index, rows)
    assert (other.stamp, other.metric, other.family) == (1, "euclidean", index.family)
    assert np.array_equal(other.search(QUERIES, 10)[0], index.search(QUERIES, 10)[0])


def test_fewer_vectors_are_fetched_than_there_are(rows: Rows, index: StoreIndex) -> None:
    before = rows.asked
    index.search(QUERIES[0], 10)
    assert 10 <= rows.asked - before < len(rows) / 3


def test_one_in_a_thousand_is_found_by_comparing_these(rows: Rows, index: StoreIndex) -> None:
    before = rows.asked
    ids, _ = index.search(QUERIES[0], 4, allow=[5, 170, 200, 1199])
    assert sorted(ids[0].tolist()) == [5, 170, 200, 1199]
    assert rows.asked - before == 4


def test_a_store_without_buckets_has_no_index(rows: Rows) -> None:
    assert StoreIndex.open(MemoryBuckets(), "a store", rows) is None


def test_no_rows_have_no_buckets_and_no_hits() -> None:
    index = built(MemoryBuckets(), Rows())
    assert (index.has_buckets, len(index), index.store) == (False, 0, None)
    assert (index.search(QUERIES, 3)[0] == -1).all()


@pytest.mark.parametrize("family", [None, "learned"])
def test_buckets_in_a_store_are_those_of_a_family(rows: Rows, family: Any) -> None:
    with pytest.raises(OptionError, match="needs a hash family"):
        built(MemoryBuckets(), rows, family=family)


def test_what_is_newer_than_the_buckets_is_found_before_it_is_published(
    rows: Rows, index: StoreIndex
) -> None:
    rows.update(zip(NEW_IDS, NEW, strict=True))
    index.update([], NEW_IDS, NEW, stamp=2)
    assert index.search(NEW, 1)[0][:, 0].tolist() == NEW_IDS
    assert store_of(index).stats().ids == 1200, "a reader writes nothing"


def test_removed_rows_are_hidden_before_it_is_published(rows: Rows, index: StoreIndex) -> None:
    nearest = np.unique(index.search(QUERIES, 10)[0])
    index.update(nearest, [], np.empty((0, 24)), stamp=2)
    ids, _ = index.search(QUERIES, 10)
    assert not np.isin(ids, nearest).any() and (ids >= 0).all()


def test_a_row_that_is_replaced_is_found_once_and_by_its_new_vector(rows: Rows, index: StoreIndex) -> None:
    rows[7] = QUERIES[0] + 50
    index.update([], [7], rows[7][np.newaxis], stamp=2)
    for _ in range(2):
        assert index.search(rows[7], 1)[0][0, 0] == 7
        assert (index.search(VECTORS[7], 1200)[0] == 7).sum() == 1
        index.publish()


def test_what_is_published_is_what_others_see(rows: Rows, index: StoreIndex) -> None:
    rows.update(zip(NEW_IDS, NEW, strict=True))
    del rows[3]
    index.update([3], NEW_IDS, NEW, stamp=2)
    index.publish()
    other = other_of(index, rows)
    assert (other.stamp, other.stats().tail_rows, index.stats().tail_rows) == (2, 0, 0)
    assert other.search(NEW, 1)[0][:, 0].tolist() == NEW_IDS
    assert 3 not in other.search(VECTORS[3], 10)[0]


def test_a_change_of_a_state_that_is_no_more_is_not_published(rows: Rows, index: StoreIndex) -> None:
    other = other_of(index, rows)
    other.update([], [9000], NEW[:1], stamp=2)
    other.publish()
    index.update([], [9001], NEW[1:2], stamp=3)
    with pytest.raises(OutdatedBucketsError):
        index.publish()
    header = store_of(index).header()
    assert header is not None and header.stamp == 2


SEARCHES: dict[str, dict[str, Any]] = {
    "probes": {},
    "all rows": {"recall": 1},
    "few rows": {"allow": [5, 170]},
}


@pytest.fixture(params=SEARCHES.values(), ids=list(SEARCHES))
def options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Options of a search that probes buckets, or compares every row that may be found."""
    found: dict[str, Any] = request.param
    return found


def test_a_view_answers_of_no_other_state(rows: Rows, index: StoreIndex, options: dict[str, Any]) -> None:
    view = index.view()
    index.update([], [9000], NEW[:1], stamp=2)
    index.publish()
    with pytest.raises(StaleBucketsError):
        view.search(QUERIES, 3, **options)


def test_a_view_of_another_family_answers_nothing(rows: Rows, index: StoreIndex) -> None:
    view = index.view()
    assert built(store_of(index), rows, family="hyperplane").stats().tables > 1
    with pytest.raises(StaleBucketsError):
        view.search(QUERIES, 3)


def test_buckets_of_another_state_are_looked_at_anew(rows: Rows, index: StoreIndex) -> None:
    other = other_of(index, rows)
    rows[9000] = NEW[0]
    index.update([], [9000], NEW[:1], stamp=2)
    index.publish()
    assert other.search(np.append(QUERIES, NEW[:1], axis=0), 10)[0][-1, 0] == 9000
    assert other.stamp == 2


def test_buckets_that_are_gone_are_an_error_and_no_short_answer(
    index: StoreIndex, options: dict[str, Any]
) -> None:
    store_of(index).drop()
    with pytest.raises(BucketStoreError, match="a store: the buckets are gone"):
        index.search(QUERIES, 3, **options)


def test_a_store_that_cannot_be_asked_is_an_error_whether_it_is_needed_or_not(
    index: StoreIndex, options: dict[str, Any]
) -> None:
    store_of(index).close()
    with pytest.raises(BucketStoreError, match="closed"):
        index.search(QUERIES, 3, **options)


def test_vectors_that_are_gone_leave_no_answer_short(rows: Rows, index: StoreIndex) -> None:
    for number in np.unique(index.search(QUERIES[:1], 250)[0]).tolist():
        del rows[number]
    assert (index.search(QUERIES[:1], 10)[0] >= 0).all()
    allowed = np.array(sorted(rows))[::2]
    assert np.isin(index.search(QUERIES[:1], 10, allow=allowed)[0], allowed).all()


def test_rows_longer_than_any_need_other_buckets_under_dot(rows: Rows) -> None:
    index = built(MemoryBuckets(), rows, metric="dot")
    assert index.fits()
    rows[9000] = VECTORS[0] * 100
    index.update([], [9000], rows[9000][np.newaxis], stamp=2)
    assert index.search(VECTORS[0], 1)[0][0, 0] == 9000
    assert not index.fits()


def test_more_than_twice_the_rows_need_other_buckets(rows: Rows, index: StoreIndex) -> None:
    rows.update(zip(range(10_000, 11_200), VECTORS, strict=True))
    assert index.fits()
    rows[9999] = VECTORS[0]
    assert not index.fits()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"family": None}, "damaged"),
        ({"measured": "much"}, "damaged"),
        ({"options": {}}, "damaged"),
        ({"radius": -1.0}, "damaged"),
        ({"format": 9}, "format 9"),
    ],
)
def test_a_header_that_no_index_wrote_is_refused(
    rows: Rows, index: StoreIndex, changed: dict[str, Any], message: str
) -> None:
    header = store_of(index).header()
    assert header is not None
    store_of(index).fill(Header(1, header.tables, {**header.properties, **changed}), [])
    with pytest.raises(BucketStoreError, match=message):
        StoreIndex.open(store_of(index), "a store", rows)


def test_buckets_of_something_else_are_refused(rows: Rows) -> None:
    store = MemoryBuckets()
    store.fill(Header(1, ("a",), {}), [])
    with pytest.raises(BucketStoreError, match="something else"):
        StoreIndex.open(store, "a store", rows)


def test_tables_of_another_family_are_refused(rows: Rows, index: StoreIndex) -> None:
    header = store_of(index).header()
    assert header is not None
    store_of(index).fill(Header(1, ("another",), header.properties), [])
    with pytest.raises(BucketStoreError, match="other tables"):
        StoreIndex.open(store_of(index), "a store", rows)


def test_explain_and_distances_are_exact(rows: Rows, index: StoreIndex) -> None:
    (nearest,) = index.search(QUERIES[0], 3)[0].tolist()
    told = index.explain(QUERIES[0], nearest[2])
    assert (told.rank, told.path, told.candidate) == (2, "buckets", True)
    exact = np.linalg.norm(QUERIES[0] - np.array([rows[number] for number in nearest]), axis=1)
    np.testing.assert_allclose(index.distances(QUERIES[0], nearest), exact, rtol=1e-6)
    assert np.isnan(index.distances(QUERIES[0], [9500])).all()


@pytest.mark.parametrize("metric", ["hamming", "jaccard"])
def test_codes_and_sets_have_the_hits_of_the_embedded_index(metric: str) -> None:
    random = np.random.default_rng(2)
    if metric == "hamming":
        rows: Any = random.integers(0, 256, (40, 24), dtype=np.uint8)[random.integers(0, 40, 900)]
        rows ^= (random.random(rows.shape) < 0.1).astype(np.uint8)
        family, width = "bit-sampling", 24
    else:
        rows = [sorted({*range(10 * (i % 40), 10 * (i % 40) + 12), 1000 + i % 7}) for i in range(900)]
        family, width = "min-hash", None
    embedded = Index.build(rows, metric=metric, family=family, scan_below=0)
    kept = Rows(zip(range(900), embedded.vectors(range(900)), strict=True))
    kept.dimension, kept.dtype = embedded.dimension, embedded.vectors([0]).dtype
    assert width in (None, kept.dimension)
    index = StoreIndex.build(
        MemoryBuckets(),
        "a store",
        kept,
        [kept(kept.ids())],
        dimension=embedded.dimension,
        metric=metric,
        family=family,
        stamp=1,
    )
    ours, theirs = index.search(rows[:40], 5), embedded.search(rows[:40], 5)
    assert np.array_equal(ours[0], theirs[0]) and np.array_equal(ours[1], theirs[1])
