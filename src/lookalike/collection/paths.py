"""Paths as people give them, and as JSON can have them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lookalike.errors import OptionError


def as_path(value: Any, name: str) -> Path:
    """Return `value` as a path. Raises OptionError unless it is a path or a string that can be one."""
    if not isinstance(value, str | os.PathLike):
        raise OptionError(f"{name} is {value!r}; give a path")
    text = os.fspath(value)
    if not isinstance(text, str) or not text or "\0" in text:
        raise OptionError(f"{name} is {text!r}, which is no path; give one without NUL characters")
    return Path(text)


def printable(path: str) -> str:
    """Return `path` with what is not valid UTF-8 replaced, since JSON and SQL cannot hold that."""
    return path.encode(errors="surrogateescape").decode(errors="replace")


def file_time(status: os.stat_result) -> int:
    """Return when a file or what is known of it changed last, in nanoseconds.

    Whoever edits a file may set its time back, as rsync and tools for metadata do; the time at which that was done
    (ctime) stays. On Windows there is none of the kind.
    """
    return status.st_mtime_ns if os.name == "nt" else max(status.st_mtime_ns, status.st_ctime_ns)
