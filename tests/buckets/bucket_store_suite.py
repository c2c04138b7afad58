"""What every bucket store must do. A store's test module subclasses `BucketStoreSuite` and gives `open`."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from tests.buckets.bucket_store_machine import BucketStoreMachine
from tests.buckets.bucket_store_model import (
    Int64,
    UInt64,
    answers,
    asked,
    expected,
    filled,
    header,
    keys,
    numbers,
)

from lookalike.buckets import BucketStore, open_bucket_store
from lookalike.errors import (
    BucketStoreError,
    BucketStoreUnavailableError,
    DuplicateIdError,
    OptionError,
    VectorError,
)

KILLED_AMID_FILLING = """
import os, signal, sys
import numpy as np
from lookalike.buckets import Header, open_bucket_store

def batches():
    for first in range(0, 20_000, 1000):
        yield np.arange(first, first + 1000), np.full((1000, 1), 5, dtype=np.uint64)
    os.kill(os.getpid(), signal.SIGKILL)

open_bucket_store(*sys.argv[1:]).fill(Header(2, ("t",), {}), batches())
"""


class BucketStoreSuite:
    """Tests of one kind of store."""

    shares = True
    """Whether two handles on one namespace see the same buckets."""
    examples = 60
    """Histories that are tried; fewer where each takes long."""

    def open(self, namespace: str) -> BucketStore:
        """Return a handle on a namespace of the store under test."""
        raise NotImplementedError

    def url(self) -> str | None:
        """Return the URL by which another process opens the store; None where none can."""
        return None

    def nobody_there(self) -> str | None:
        """Return the URL of such a store that is not there; None where there is always one."""
        return None

    @pytest.fixture
    def store(self) -> Iterator[BucketStore]:
        """Return a handle on a namespace of its own."""
        with self.open(str(uuid.uuid4())) as store:
            yield store
            store.drop()

    def test_any_history_gives_what_a_plain_model_gives(self) -> None:
        suite = self

        class Machine(BucketStoreMachine):
            shares = suite.shares

            def open(self, namespace: str) -> BucketStore:
                return suite.open(namespace)

        run_state_machine_as_test(
            Machine, settings=settings(deadline=None, max_examples=self.examples, stateful_step_count=12)
        )

    def test_a_writer_that_is_killed_amid_filling_leaves_the_old_buckets(self) -> None:
        url, name = self.url(), str(uuid.uuid4())
        if url is None:
            pytest.skip("no other process can open this store")
        with self.open(name) as store:
            filled(store, {1: [5]})
            killed = subprocess.run([sys.executable, "-c", KILLED_AMID_FILLING, url, name], check=False)
            assert killed.returncode == -signal.SIGKILL
            assert (store.header(), answers(store, asked(5))) == (header(), [({1: 1}, 1)])
            filled(store, {3: [5]}, stamp=4)
            assert (store.header(), answers(store, asked(5))) == (header(stamp=4), [({3: 1}, 1)])
            store.drop()

    def test_a_store_that_is_not_there_says_so(self) -> None:
        url = self.nobody_there()
        if url is None:
            pytest.skip("this store is always there")
        with pytest.raises(BucketStoreUnavailableError), open_bucket_store(url, "n", timeout=1) as store:
            store.header()

    def test_an_empty_namespace_has_no_header(self, store: BucketStore) -> None:
        assert store.header() is None

    def test_an_empty_namespace_has_no_candidates(self, store: BucketStore) -> None:
        assert answers(store, np.zeros((2, 3, 4), dtype=np.uint64)) == [({}, 0), ({}, 0)]

    def test_an_empty_namespace_counts_nothing(self, store: BucketStore) -> None:
        stats = store.stats()
        assert (stats.ids, stats.tables, stats.buckets, stats.largest_bucket) == (0, 0, 0, 0)

    def test_an_empty_namespace_has_no_ids(self, store: BucketStore) -> None:
        assert (store.ids().dtype.name, store.ids().tolist()) == ("int64", [])

    def test_an_empty_namespace_takes_no_changes(self, store: BucketStore) -> None:
        assert not store.apply(numbers(), numbers([1]), keys([[1]]), seen=0, stamp=1)

    def test_a_header_is_kept_as_it_was_given(self, store: BucketStore) -> None:
        given = header(
            3, stamp=2**63 - 1, family={"family": "p-stable", "parameters": {"tables": 3}}, recall=[0.9, None]
        )
        store.fill(given, [])
        assert store.header() == given

    def test_properties_that_are_no_json_are_refused(self, store: BucketStore) -> None:
        filled(store, {1: [5]})
        with pytest.raises(OptionError, match="properties cannot be kept as JSON"):
            store.fill(header(family=object()), [])
        assert answers(store, asked(5)) == [({1: 1}, 1)]

    def test_no_queries_have_no_candidates(self, store: BucketStore) -> None:
        filled(store, {1: [3]})
        assert answers(store, np.zeros((0, 1, 4), dtype=np.uint64)) == []

    def test_large_keys_and_ids_are_kept(self, store: BucketStore) -> None:
        filled(store, {2**63 - 1: [2**64 - 1], 0: [2**63]})
        assert answers(store, asked(2**64 - 1, 2**63)) == [({0: 1, 2**63 - 1: 1}, 2)]

    def test_a_filter_does_not_change_who_is_met(self, store: BucketStore) -> None:
        filled(store, {number: [5] for number in range(6)})
        assert answers(store, asked(5), allow={4, 9}) == [({4: 1}, 6)]

    def test_a_filter_may_allow_nobody(self, store: BucketStore) -> None:
        filled(store, {1: [5]})
        assert answers(store, asked(5), allow=set()) == [({}, 1)]

    @pytest.mark.parametrize(("limit", "cut"), [(2, True), (3, False)])
    def test_a_limit_says_whether_it_cut(self, store: BucketStore, limit: int, cut: bool) -> None:
        filled(store, {number: [5] for number in range(9)})
        found = store.candidates(asked(5), limit=limit, allow=numbers([1, 2, 3]))
        assert found.cut.tolist() == [cut]

    def test_a_limit_keeps_most_hits_then_lower_ids(self, store: BucketStore) -> None:
        filled(store, {1: [5, 0, 0], 2: [5, 5, 0], 3: [5, 5, 0], 4: [5, 5, 5]}, 3)
        probes = np.full((1, 3, 1), 5, dtype=np.uint64)
        assert answers(store, probes, 2) == [({2: 2, 4: 3}, 4)]

    def test_a_limit_is_one_or_more(self, store: BucketStore) -> None:
        with pytest.raises(OptionError, match="limit is 0"):
            store.candidates(asked(5), limit=0)

    def test_more_ids_than_one_command_holds(self, store: BucketStore) -> None:
        ids = np.arange(70_000)
        store.fill(header(), [(ids, (ids % 7).astype(np.uint64)[:, np.newaxis])])
        allow = ids[ids % 2 == 0]
        found = store.candidates(asked(3), limit=70_000, allow=allow)
        assert np.array_equal(found.ids, ids[(ids % 7 == 3) & (ids % 2 == 0)])

    def test_more_changes_than_one_command_holds(self, store: BucketStore) -> None:
        ids = np.arange(70_000)
        store.fill(header(), [(ids, np.zeros((len(ids), 1), dtype=np.uint64))])
        assert store.apply(ids[:35_000], ids[30_000:], np.ones((40_000, 1), dtype=np.uint64), seen=1, stamp=2)
        assert np.array_equal(store.candidates(asked(0, 1), limit=70_000).ids, ids[30_000:])

    def test_a_batch_of_queries_is_answered_each_by_itself(self, store: BucketStore) -> None:
        random = np.random.default_rng(0)
        model = dict(enumerate(random.integers(0, 50, (400, 2)).tolist()))
        filled(store, model, 2)
        queries = random.integers(0, 50, (90, 2, 5)).astype(np.uint64)
        assert answers(store, queries, 30) == expected(model, queries, 30, None)

    def test_a_change_of_a_stale_state_is_not_made(self, store: BucketStore) -> None:
        filled(store, {1: [5], 2: [5]}, stamp=7)
        assert not store.apply(numbers([1]), numbers([3]), keys([[5]]), seen=6, stamp=8)
        assert store.header() == header(stamp=7)
        assert answers(store, asked(5)) == [({1: 1, 2: 1}, 2)]

    def test_a_change_sets_the_stamp_and_nothing_else_of_the_header(self, store: BucketStore) -> None:
        store.fill(header(2, stamp=3, recall=0.9), [])
        assert store.apply(numbers(), numbers([1]), keys([[1, 1]]), seen=3, stamp=99)
        assert store.header() == header(2, stamp=99, recall=0.9)

    def test_ids_that_are_taken_out_and_put_in_are_moved(self, store: BucketStore) -> None:
        filled(store, {1: [5]})
        store.apply(numbers([1]), numbers([1]), keys([[6]]), seen=1, stamp=2)
        assert answers(store, asked(5, 6)) == [({1: 1}, 1)]
        assert answers(store, asked(5)) == [({}, 0)]

    def test_filling_again_replaces_everything(self, store: BucketStore) -> None:
        filled(store, {1: [5], 2: [6]})
        filled(store, {3: [5, 5]}, 2, stamp=4)
        assert store.header() == header(2, stamp=4)
        assert answers(store, np.full((1, 2, 1), 5, dtype=np.uint64)) == [({3: 2}, 1)]

    def test_readers_see_the_old_buckets_while_new_ones_are_filled_in(self, store: BucketStore) -> None:
        filled(store, {1: [5]})
        seen = []

        def batches() -> Iterator[tuple[Int64, UInt64]]:
            for number in (2, 3):
                yield numbers([number]), keys([[5]])
                seen.append((store.header(), answers(store, asked(5))))

        store.fill(header(stamp=2), batches())
        assert seen == [(header(stamp=1), [({1: 1}, 1)])] * 2
        assert answers(store, asked(5)) == [({2: 1, 3: 1}, 2)]

    def test_filling_that_fails_leaves_the_old_buckets(self, store: BucketStore) -> None:
        filled(store, {1: [5]})

        def failing() -> Iterator[tuple[Int64, UInt64]]:
            yield numbers([2]), keys([[5]])
            raise RuntimeError("no more vectors")

        with pytest.raises(RuntimeError, match="no more vectors"):
            store.fill(header(stamp=2), failing())
        assert (store.header(), answers(store, asked(5))) == (header(stamp=1), [({1: 1}, 1)])

    def test_readers_never_see_half_a_change(self, store: BucketStore) -> None:
        ids = np.arange(200)
        store.fill(header(stamp=0), [(ids, np.zeros((200, 1), dtype=np.uint64))])
        seen: set[int] = set()
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                seen.add(len(store.candidates(asked(0), limit=999).ids))

        reader = threading.Thread(target=read)
        reader.start()
        for stamp in range(20):
            own = np.full((200, 1), (stamp + 1) % 2, dtype=np.uint64)
            assert store.apply(numbers(), ids, own, seen=stamp, stamp=stamp + 1)
        done.set()
        reader.join()
        assert seen <= {0, 200}

    def test_of_two_changes_of_one_state_one_is_made(self, store: BucketStore) -> None:
        filled(store, {1: [5]}, stamp=1)
        made: list[bool] = []

        def change(number: int) -> None:
            made.append(store.apply(numbers(), numbers([number]), keys([[5]]), seen=1, stamp=number))

        threads = [threading.Thread(target=change, args=(number,)) for number in (2, 3, 4, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(made) == [False, False, False, True]
        assert store.stats().ids == 2

    def test_stats_count_buckets_over_all_tables(self, store: BucketStore) -> None:
        filled(store, {1: [5, 5], 2: [5, 6], 3: [5, 7]}, 2)
        stats = store.stats()
        assert (stats.ids, stats.tables, stats.buckets, stats.largest_bucket) == (3, 2, 4, 3)
        assert stats.median_bucket == 1

    def test_dropping_takes_out_everything(self, store: BucketStore) -> None:
        filled(store, {1: [5]})
        store.drop()
        assert (store.header(), store.stats().ids, answers(store, asked(5))) == (None, 0, [({}, 0)])

    def test_what_is_dropped_may_be_dropped_again(self, store: BucketStore) -> None:
        store.drop()
        store.drop()
        assert store.header() is None

    def test_two_namespaces_do_not_mix(self, store: BucketStore) -> None:
        filled(store, {1: [5]})
        with self.open(str(uuid.uuid4())) as other:
            filled(other, {2: [5]}, stamp=3)
            assert (answers(store, asked(5)), answers(other, asked(5))) == ([({1: 1}, 1)], [({2: 1}, 1)])
            other.drop()
        assert store.header() == header()

    def test_two_handles_on_one_namespace_see_the_same(self) -> None:
        if not self.shares:
            pytest.skip("this store is private to its handle")
        name = str(uuid.uuid4())
        with self.open(name) as first, self.open(name) as second:
            filled(first, {1: [5]})
            assert second.apply(numbers(), numbers([2]), keys([[5]]), seen=1, stamp=2)
            assert first.header() == header(stamp=2)
            assert answers(first, asked(5)) == [({1: 1, 2: 1}, 2)]
            first.drop()

    def test_what_was_filled_in_is_there_after_reopening(self) -> None:
        if not self.shares:
            pytest.skip("this store is private to its handle")
        name = str(uuid.uuid4())
        with self.open(name) as store:
            filled(store, {1: [5]}, stamp=6)
        with self.open(name) as store:
            assert (store.header(), answers(store, asked(5))) == (header(stamp=6), [({1: 1}, 1)])
            store.drop()

    def test_a_closed_store_says_so(self, store: BucketStore) -> None:
        closed = self.open(str(uuid.uuid4()))
        closed.close()
        closed.close()
        with pytest.raises(BucketStoreError, match="closed"):
            closed.header()

    def test_as_many_keys_as_ids_are_wanted(self, store: BucketStore) -> None:
        with pytest.raises(VectorError, match="one row for each of 2 ids"):
            store.fill(header(), [(numbers([1, 2]), keys([[1]]))])
        store.fill(header(), [])
        with pytest.raises(VectorError, match="one row for each of 2 ids"):
            store.apply(numbers(), numbers([1, 2]), keys([[1]]), seen=1, stamp=2)

    def test_keys_of_as_many_tables_are_wanted(self, store: BucketStore) -> None:
        with pytest.raises(VectorError, match="keys are of 2 tables; the store has 1"):
            store.fill(header(), [(numbers([1]), keys([[1, 2]]))])
        filled(store, {1: [1]})
        with pytest.raises(VectorError, match="keys are of 2 tables; the store has 1"):
            store.apply(numbers(), numbers([1]), keys([[1, 2]]), seen=1, stamp=2)
        with pytest.raises(VectorError, match="keys are of 3 tables; the store has 1"):
            store.candidates(np.zeros((1, 3, 1), dtype=np.uint64), limit=1)

    def test_an_id_twice_is_refused(self, store: BucketStore) -> None:
        with pytest.raises(DuplicateIdError):
            store.fill(header(), [(numbers([1]), keys([[1]])), (numbers([1]), keys([[2]]))])
        store.fill(header(), [])
        with pytest.raises(DuplicateIdError):
            store.apply(numbers(), numbers([1, 1]), keys([[1], [2]]), seen=1, stamp=2)
        assert store.header() == header()
