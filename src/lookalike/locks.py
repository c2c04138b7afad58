"""Locks between processes, which work on file systems without locks too (many SMB, FUSE and Lustre mounts)."""

from __future__ import annotations

import errno
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, unquote

CLAIM = ".claim"
"""Added to the name of a lock file where the file system has no locks."""

_UNSUPPORTED = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL}
_POLL_SECONDS = 0.05
_UNFINISHED_SECONDS = 10.0
"""A claim without a holder that is older than this was left by a process that died while it made it."""


@contextmanager
def exclusive(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold the lock file `path`, which is made if need be and stays, while the body runs.

    The lock is the operating system's, and ends with the process, however that ends. Where the file system has none,
    a folder `path` + `CLAIM` is held by its mere existence; that of a dead process of this machine is taken over.

    Raises:
        BlockingIOError: somebody else holds it, and is not to be waited for.
        OSError: it cannot be made.
    """
    if os.name == "nt":
        with _locked_by_filelock(path, wait):
            yield
        return
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if _flock(descriptor, wait):
            yield
        else:
            with _claimed(path.with_name(path.name + CLAIM), wait):
                yield
    finally:
        os.close(descriptor)  # frees the lock


def _flock(descriptor: int, wait: bool) -> bool:
    """Lock an open file; return whether the file system has locks at all."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        return False
    return True


@contextmanager
def _locked_by_filelock(path: Path, wait: bool) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), str(path)) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _claimed(folder: Path, wait: bool) -> Iterator[None]:
    holder = folder / f"{os.getpid()}@{quote(socket.gethostname(), safe='')}@{secrets.token_hex(8)}"
    while not _claim(folder, holder):
        if not wait:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), str(folder))
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        _release(folder, holder)


def _claim(folder: Path, holder: Path) -> bool:
    """Make `holder` the one file of `folder`; return whether that was done."""
    try:
        folder.mkdir()
    except FileExistsError:
        if not _take_over(folder):
            return False
    try:
        holder.touch(exist_ok=False)
    except FileNotFoundError:  # taken for unfinished, since this process was held up
        return False
    if [file.name for file in folder.iterdir()] != [holder.name]:
        _release(folder, holder)
        return False
    return True


def _take_over(folder: Path) -> bool:
    """Make the folder of a dead process this one's own; return whether that was done."""
    with suppress(OSError):
        holders = list(folder.iterdir())
        if not holders:
            if time.time() - folder.stat().st_mtime > _UNFINISHED_SECONDS:
                folder.rmdir()
                folder.mkdir()
                return True
        elif len(holders) == 1 and _is_dead(holders[0].name):
            holders[0].unlink()  # the name is like no other, so that only one process succeeds
            return True
    return False


def _is_dead(holder: str) -> bool:
    """Return whether a holder was a process of this machine that runs no more."""
    process, _, rest = holder.partition("@")
    if unquote(rest.partition("@")[0]) != socket.gethostname():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError, OverflowError):
        return False
    return False


def _release(folder: Path, holder: Path) -> None:
    with suppress(OSError):
        holder.unlink()
        folder.rmdir()
