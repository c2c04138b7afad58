"""Locks between processes, with those of the file system and without."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lookalike.locks import exclusive

KINDS = [None, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL]


@pytest.fixture(params=KINDS, ids=lambda code: "flock" if code is None else errno.errorcode[code])
def lock(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a lock, on file systems that have locks or answer that they have none."""
    if request.param is not None:

        def unsupported(*_: object) -> None:
            raise OSError(request.param, os.strerror(request.param))

        monkeypatch.setattr(fcntl, "flock", unsupported)
    return tmp_path / "x.lock"


@pytest.fixture
def claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is held where the file system has no locks."""

    def unsupported(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", unsupported)
    return tmp_path / "x.lock.claim"


def dead_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def held_by(claim: Path, process: int, host: str | None = None) -> None:
    claim.mkdir()
    (claim / f"{process}@{host or socket.gethostname()}@0123").touch()


def test_only_one_holds_a_lock(lock: Path) -> None:
    with exclusive(lock, wait=False), pytest.raises(BlockingIOError), exclusive(lock, wait=False):
        pass
    with exclusive(lock, wait=False):
        pass


def test_who_waits_gets_the_lock_next(lock: Path) -> None:
    order: list[str] = []

    def wait() -> None:
        with exclusive(lock, wait=True):
            order.append("second")

    with exclusive(lock, wait=False):
        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.1)
        order.append("first")
    waiting.join(30)
    assert order == ["first", "second"]


def test_a_lock_is_freed_after_an_error(lock: Path) -> None:
    with pytest.raises(KeyError), exclusive(lock, wait=False):
        raise KeyError
    with exclusive(lock, wait=False):
        pass


def test_many_threads_hold_a_lock_in_turn(lock: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def hold() -> None:
        for _ in range(5):
            with exclusive(lock, wait=True):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == [1] * 20


def test_another_error_of_the_file_system_is_raised(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError), exclusive(Path(__file__) / "x.lock", wait=False):
        pass


def test_a_claim_of_a_dead_process_is_taken_over(claim: Path, tmp_path: Path) -> None:
    held_by(claim, dead_process())
    with exclusive(tmp_path / "x.lock", wait=False):
        assert [file.name.partition("@")[0] for file in claim.iterdir()] == [str(os.getpid())]
    assert not claim.exists()


@pytest.mark.parametrize("host", [None, "elsewhere"])
def test_a_claim_of_a_living_or_unknown_process_holds(claim: Path, tmp_path: Path, host: str | None) -> None:
    held_by(claim, os.getppid() if host is None else dead_process(), host)
    with pytest.raises(BlockingIOError), exclusive(tmp_path / "x.lock", wait=False):
        pass


def test_a_claim_that_was_never_finished_holds_for_a_moment_only(claim: Path, tmp_path: Path) -> None:
    claim.mkdir()
    with pytest.raises(BlockingIOError), exclusive(tmp_path / "x.lock", wait=False):
        pass
    os.utime(claim, (1, 1))
    with exclusive(tmp_path / "x.lock", wait=False):
        pass
