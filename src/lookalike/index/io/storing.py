"""What the system says while an index is written, in words that tell what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lookalike.errors import IndexStorageError

_OTHER_PATH = "give another path"
_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EACCES: f"permission is denied; ask for it, or {_OTHER_PATH}",
    errno.EPERM: f"permission is denied; ask for it, or {_OTHER_PATH}",
    errno.EROFS: f"the file system is read-only; {_OTHER_PATH}",
    errno.ENAMETOOLONG: "a name is too long; give a shorter path",
    errno.ENOTDIR: f"a file is in the way; {_OTHER_PATH}",
    errno.EEXIST: f"a file is in the way; {_OTHER_PATH}",
    errno.EISDIR: f"a folder is in the way; {_OTHER_PATH}",
    errno.ENOENT: "a folder or file of it was deleted meanwhile; try again",
    errno.EMFILE: "too many files are open; close some",
    errno.ENFILE: "too many files are open; close some",
}
if hasattr(errno, "EDQUOT"):  # not on Windows
    _ADVICE[errno.EDQUOT] = "the share of the disk is used up; free some space"


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Raise IndexStorageError where the system refuses what the body does in the directory `path`."""
    try:
        yield
    except OSError as error:
        reason = _ADVICE.get(error.errno or 0) or f"{error.strerror or error}; check the disk"
        raise IndexStorageError(f"{path}: the index cannot be written: {reason}") from error
