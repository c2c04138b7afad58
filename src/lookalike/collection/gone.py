"""Known files that are gone, and those that are only out of reach."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from lookalike.collection.presence import is_missing


class Gone:
    """Tells whether a file is gone: it is not there, though its folder is there and holds something.

    Where the folder is missing or empty, the disk or share that it lies on may be away; unless the folder lies in one
    of `walked`, folders that were just found to hold something, so that what is missing in them is gone.
    """

    def __init__(self, walked: Iterable[str] = (), is_missing: Callable[[str], bool] = is_missing) -> None:
        """Take `walked`, and what tells whether there is no file at a path."""
        self._is_missing = is_missing
        self._walked = tuple(os.path.join(folder, "") for folder in walked)
        self._holds: dict[str, bool] = {}  # whether a folder holds something

    def __call__(self, path: str) -> bool:
        return self._is_missing(path) and (
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
