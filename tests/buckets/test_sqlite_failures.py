"""What the bucket store in SQLite says of files that are not what they should be."""

from __future__ import annotations

import resource
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from tests.buckets.bucket_store_model import answers, asked, filled, header, keys, numbers

from lookalike.buckets import Header, open_bucket_store
from lookalike.errors import BucketStoreError, BucketStoreUnavailableError, OptionError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "buckets.sqlite"


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:b.sqlite", "sqlite:///a\0b"]
)
def test_a_url_names_a_file(url: str) -> None:
    with pytest.raises(OptionError, match=r"names no file; give sqlite:///FILE"):
        open_bucket_store(url, "n")


def test_a_path_may_start_from_here(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    with open_bucket_store(f"sqlite:///{path.name}", "n") as store:
        filled(store, {1: [5]})
    assert path.is_file()


def test_a_path_may_hold_any_signs(tmp_path: Path) -> None:
    path = tmp_path / "a?b#c%20 d.sqlite"
    with open_bucket_store(f"sqlite:///{path}", "n") as store:
        filled(store, {1: [5]})
    assert path.is_file()


def test_asking_makes_no_file(path: Path) -> None:
    with open_bucket_store(f"sqlite:///{path}", "n") as store:
        assert (store.header(), answers(store, asked(5))) == (None, [({}, 0)])
    assert not path.exists()


def test_a_folder_that_is_missing_says_so(path: Path) -> None:
    with (
        open_bucket_store(f"sqlite:///{path.parent}/no/b.sqlite", "n") as store,
        pytest.raises(BucketStoreError, match=r"no/b.sqlite cannot be opened; see that its folder is there"),
    ):
        filled(store, {})


def test_another_kind_of_file_says_so(path: Path) -> None:
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(BucketStoreError, match="is no SQLite database; give another path"):
        open_bucket_store(f"sqlite:///{path}", "n")


def test_a_damaged_file_says_so(path: Path) -> None:
    with open_bucket_store(f"sqlite:///{path}", "n") as store:
        filled(store, {number: [number] for number in range(3000)})
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\x77" * (size - 4096))
    with pytest.raises(BucketStoreError, match="is damaged; take the file away and fill the store again"):
        open_bucket_store(f"sqlite:///{path}", "n").candidates(asked(5), limit=1)


def test_a_table_of_another_shape_says_so(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE lookalike_namespaces (name TEXT, colour TEXT)")
    connection.close()
    with pytest.raises(
        BucketStoreError, match=r"tables of another shape than Lookalike's \(no such column: layout\)"
    ):
        open_bucket_store(f"sqlite:///{path}", "n")


def test_buckets_of_a_newer_version_say_so(path: Path) -> None:
    with open_bucket_store(f"sqlite:///{path}", "n") as store:
        filled(store, {1: [5]})
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE lookalike_namespaces SET layout = 2")
        connection.close()
        with pytest.raises(
            BucketStoreError, match="has buckets of layout 2; this version of Lookalike reads layout 1"
        ):
            store.header()


def test_a_file_that_is_locked_is_waited_for_no_longer_than_the_timeout(path: Path) -> None:
    with open_bucket_store(f"sqlite:///{path}", "n", timeout=0.2) as store:
        filled(store, {1: [5]})
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(
            BucketStoreUnavailableError, match=r"locked by another writer for 0.2 s; try again later"
        ):
            filled(store, {2: [5]})
        assert answers(store, asked(5)) == [({1: 1}, 1)]
        other.close()
        filled(store, {2: [5]})


def test_a_file_that_was_taken_away_is_empty(path: Path) -> None:
    with open_bucket_store(f"sqlite:///{path}", "n") as store:
        filled(store, {1: [5]})
        assert answers(store, asked(5)) == [({1: 1}, 1)]
        path.unlink()
        assert (store.header(), answers(store, asked(5))) == (None, [({}, 0)])
        filled(store, {2: [5]})
        assert answers(store, asked(5)) == [({2: 1}, 1)]


def test_a_file_that_was_put_back_from_a_copy_is_noticed(path: Path) -> None:
    url, copy = f"sqlite:///{path}", path.with_suffix(".copy")
    with open_bucket_store(url, "n") as store:
        filled(store, {1: [5]})
    shutil.copy(path, copy)
    with open_bucket_store(url, "n") as store:
        assert store.apply(numbers(), numbers([2]), keys([[5]]), seen=1, stamp=2)
        assert answers(store, asked(5)) == [({1: 1, 2: 1}, 2)]
        for log in path.parent.glob("*-wal"), path.parent.glob("*-shm"):
            for file in log:
                file.unlink()
        copy.replace(path)
        assert (store.header(), answers(store, asked(5))) == (header(), [({1: 1}, 1)])


def test_a_users_own_tables_stay(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE shoes (id INTEGER)")
    with open_bucket_store(f"sqlite:///{path}", "n") as store:
        filled(store, {1: [5]})
        store.drop()
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    connection.close()
    assert tables == ["shoes", "lookalike_namespaces"]


def test_a_file_shrinks_when_a_namespace_is_dropped(path: Path) -> None:
    with open_bucket_store(f"sqlite:///{path}", "n") as store:
        filled(store, {number: [number] for number in range(9000)})
    full = path.stat().st_size
    with open_bucket_store(f"sqlite:///{path}", "n") as store:
        store.drop()
    assert path.stat().st_size < full / 4


def test_buckets_that_are_added_to_stay_bytes(path: Path) -> None:
    with open_bucket_store(f"sqlite:///{path}", "n") as store:
        filled(store, {0: [5]})
        for stamp, number in enumerate((128, 255), 1):
            store.apply(numbers(), numbers([number]), keys([[5]]), seen=stamp, stamp=stamp + 1)
        assert answers(store, asked(5)) == [({0: 1, 128: 1, 255: 1}, 3)]
    connection = sqlite3.connect(path)
    ((name,),) = connection.execute(
        "SELECT name FROM sqlite_master WHERE name GLOB 'lookalike_*_0'"
    ).fetchall()
    assert connection.execute(f"SELECT typeof(entries) FROM {name}").fetchall() == [("blob",)]
    connection.close()


MAKES = """
import sys
from lookalike.buckets import Header, open_bucket_store
open_bucket_store(*sys.argv[1:]).fill(Header(1, ("t",), {}), [])
"""
FULL = """
import resource, signal, sys
import numpy as np
from lookalike.buckets import Header, open_bucket_store
from lookalike.errors import BucketStoreError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store, ids = open_bucket_store(sys.argv[1], "n"), np.arange(100_000)
keys = ids.astype(np.uint64)[:, np.newaxis]
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, resource.RLIM_INFINITY))
try:
    store.fill(Header(2, ("t",), {}), [(ids, keys)])
except BucketStoreError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="files cannot be limited here")
def test_a_disk_without_room_says_so_and_loses_nothing(path: Path) -> None:
    url = f"sqlite:///{path}"
    with open_bucket_store(url, "n") as store:
        filled(store, {1: [5]})
        run = subprocess.run([sys.executable, "-c", FULL, url], capture_output=True, text=True, check=True)
        assert "cannot be read or written by the system" in run.stdout
        assert (store.header(), answers(store, asked(5))) == (header(), [({1: 1}, 1)])


def test_processes_that_make_a_file_at_once_wait_for_one_another(path: Path) -> None:
    command = [sys.executable, "-c", MAKES, f"sqlite:///{path}"]
    makers = [subprocess.Popen([*command, f"n{number}"]) for number in range(3)]
    assert [maker.wait() for maker in makers] == [0] * 3
    for number in range(3):
        with open_bucket_store(f"sqlite:///{path}", f"n{number}") as store:
            assert store.header() == Header(1, ("t",), {})
