"""Whether files are there, told by their folders: while a folder has not changed, no file has left it."""

from __future__ import annotations

import os
import stat
import time

from lookalike.urls import is_web_address

TRUSTED_SECONDS = 10.0
"""After which a folder's files are looked at again, since some file systems do not tell when a file leaves a folder."""
SETTLED_NS = 2_000_000_000
"""A folder that changed less than this before it was looked at may change again without a new time of change."""
KEPT_FOLDERS = 1 << 12

State = tuple[int, int, int]
"""Device, inode and time of the last change of a folder."""


class Presence:
    """Remembers which files were there, and what state their folders were in then; safe for threads."""

    def __init__(self) -> None:
        self._folders: dict[str, tuple[State, float, set[str]]] = {}

    def look(self) -> Look:
        """Return what tells whether files are there now, of which each folder is looked at once."""
        return Look(self)

    def seen_in(self, folder: str) -> set[str]:
        """Return the names of files that are known to be in a folder, as it is now; more may be added."""
        now = time.monotonic()
        state = _state_of(folder)
        if state is None:
            return set()
        known = self._folders.get(folder)
        if known is None or known[0] != state or now - known[1] > TRUSTED_SECONDS:
            known = state, now, set()
            if len(self._folders) >= KEPT_FOLDERS:
                self._folders = {}
            self._folders[folder] = known
        return known[2]


class Look:
    """Tells whether files are there, for one answer."""

    def __init__(self, presence: Presence) -> None:
        self._presence = presence
        self._seen: dict[str, set[str]] = {}

    def is_missing(self, path: str) -> bool:
        """Return whether there is no file at `path`; see `is_missing`."""
        folder, _, name = path.rpartition(os.sep)
        seen = self._seen.get(folder)
        if seen is None:
            if is_web_address(path):
                return False
            seen = self._seen[folder] = self._presence.seen_in(folder)
        if name in seen:
            return False
        if is_missing(path):
            return True
        if _is_own_file(path):
            seen.add(name)
        return False


def is_missing(path: str) -> bool:
    """Return whether there is no file at `path`. What may not be looked at is there, and what is on the web."""
    if is_web_address(path):
        return False
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _state_of(folder: str) -> State | None:
    """Return the state of a folder; None where it tells nothing of what is in it later."""
    try:
        found = os.stat(folder)
    except OSError:
        return None
    if time.time_ns() - found.st_mtime_ns < SETTLED_NS:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _is_own_file(path: str) -> bool:
    """Return whether a file lies in its folder itself, and is no link to one elsewhere."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False
