"""Known files that are gone, and those that are only out of reach."""

from __future__ import annotations

import os
from collections.abc import Iterable

from lookalike.urls import is_web_address


class Gone:
    """Tells whether a file is gone: it is not there, though its folder is there and holds something.

    Where the folder is missing or empty, the disk or share that it lies on may be away; unless the folder lies in one
    of `walked`, folders that were just found to hold something, so that what is missing in them is gone.
    """

    def __init__(self, walked: Iterable[str] = ()) -> None:
        self._walked = tuple(os.path.join(folder, "") for folder in walked)
        self._holds: dict[str, bool] = {}  # whether a folder holds something

    def __call__(self, path: str) -> bool:
        return is_missing(path) and (
            path.startswith(self._walked) or self._is_in_reach(os.path.dirname(path))
        )

    def _is_in_reach(self, folder: str) -> bool:
        if folder not in self._holds:
            try:
                with os.scandir(folder) as entries:
                    self._holds[folder] = next(entries, None) is not None
            except OSError:
                self._holds[folder] = False
        return self._holds[folder]


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
