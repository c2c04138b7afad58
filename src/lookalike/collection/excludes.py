"""What a walk through folders leaves out, by patterns."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from fnmatch import translate
from typing import Any, Self

from lookalike.arguments import shown
from lookalike.errors import OptionError

USUAL = (
    *("@eaDir", "#recycle", "#snapshot"),  # Synology
    *("@Recycle", "@Recently-Snapshot", "@Transcode"),  # QNAP
    *("$RECYCLE.BIN", "RECYCLER", "System Volume Information"),  # Windows
    *("__MACOSX", "lost+found", "Network Trash Folder", "Temporary Items"),
)
"""Folders of copies, thumbnails and deleted files that systems make beside people's own. Those whose names begin with a
dot, such as `.thumbnails` and `.git`, are hidden, and left out anyway."""


class Excludes:
    """Patterns of names and paths, as shells have them (`*`, `?`, `[a-z]`); case does not count.

    A pattern without a slash is for names of files and folders at any depth, one with a slash for paths below the
    folder that is walked through, or whole ones. What lies in a folder that is left out is left out too; the folder
    that a walk begins with never is.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        """Take patterns."""
        plain = [_slashes(pattern).rstrip("/") or "/" for pattern in patterns]
        self._by_name = _any_of(pattern for pattern in plain if "/" not in pattern)
        self._by_path = _any_of(pattern.removeprefix("./") for pattern in plain if "/" in pattern)

    @classmethod
    def of(cls, given: Any) -> Self:
        """Return the usual patterns with those that were given: one, several or None. Raises OptionError."""
        several = [given] if isinstance(given, str) else [] if given is None else given
        if isinstance(several, bytes | Mapping) or not isinstance(several, Iterable):
            raise OptionError(f"exclude is {shown(given)}; give a pattern, or several in a list")
        patterns = list(several)
        for pattern in patterns:
            if not isinstance(pattern, str) or not pattern.strip():
                raise OptionError(
                    f"exclude has {shown(pattern)}; give patterns such as 'thumbs' or '*.tmp.jpg'"
                )
        return cls([*USUAL, *patterns])

    def leaves_out(self, path: str, start: str) -> bool:
        """Return whether the file or folder `path` is left out by itself, in a walk that began at `start`."""
        whole = _slashes(path)
        name = whole.rpartition("/")[2]
        below = whole[len(_slashes(start).rstrip("/")) + 1 :]
        by_path = self._by_path
        return bool(self._by_name.match(name) or by_path.match(below) or by_path.match(whole))

    def leaves_out_any(self, path: str, start: str) -> bool:
        """Return whether `path`, which lies below `start`, is left out, or a folder that it lies in."""
        while len(path) > len(start):
            if self.leaves_out(path, start):
                return True
            path = os.path.dirname(path)
        return False


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(translate(pattern) for pattern in patterns) or r"(?!)", re.IGNORECASE)


def _slashes(path: str) -> str:
    return path.replace(os.sep, "/")
