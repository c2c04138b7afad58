"""A folder of files that may be lost, and that never holds more bytes than it may."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

SWEPT_TO = 0.8
"""Share of the bytes allowed that a sweep leaves."""


class BoundedFolder:
    """Files by name, of which those go first that were used longest ago; safe for threads and processes."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        """Use `folder`, which is made when first written to."""
        self._folder, self._most = folder, most_bytes
        self._lock = threading.Lock()
        self._written: int | None = None

    def get(self, name: str) -> bytes | None:
        """Return what was put there, or None where it is not, or no longer."""
        place = self._place(name)
        try:
            data = place.read_bytes()
            os.utime(place)
        except OSError:
            return None
        return data

    def put(self, name: str, data: bytes) -> bool:
        """Keep something; return whether that could be done, which a full disk prevents."""
        place = self._place(name)
        part = place.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
            part.replace(place)
        except OSError:
            part.unlink(missing_ok=True)
            return False
        with self._lock:
            if self._written is None:
                self._written = sum(size for _, size, _ in self._files())
            else:
                self._written += len(data)
            if self._written > self._most:
                self._sweep()
        return True

    def _place(self, name: str) -> Path:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / digest[:2] / digest

    def _sweep(self) -> None:
        kept = 0
        for _, size, path in sorted(self._files(), reverse=True):
            if kept + size > SWEPT_TO * self._most:
                path.unlink(missing_ok=True)
            else:
                kept += size
        self._written = kept

    def _files(self) -> list[tuple[float, int, Path]]:
        found = []
        for path in self._folder.glob("??/*"):
            try:
                told = path.stat()
            except OSError:
                continue
            found.append((told.st_mtime, told.st_size, path))
        return found
