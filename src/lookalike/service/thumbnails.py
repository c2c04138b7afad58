"""Thumbnails of the collection's pictures: in a folder that never holds more than it may."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

from lookalike.images.thumbnail import thumbnail

SIDES = (160, 320, 640)
SWEPT_TO = 0.8
"""Share of the bytes allowed that a sweep leaves."""


class Thumbnails:
    """A cache on disk, by a picture's content and the side asked for; safe for threads and processes."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        """Use `folder`, which is made when first written to."""
        self._folder, self._most = folder, most_bytes
        self._lock = threading.Lock()
        self._written: int | None = None

    def get(self, sha256: str, file: Path, side: int, max_pixels: int) -> bytes:
        """Return the JPEG of a picture's file.

        Args:
            sha256: of the file as it was added, which names the thumbnail.

        Raises:
            PictureError: the file is gone, or cannot be decoded any more.
        """
        name = hashlib.sha256(f"{sha256}-{side}".encode()).hexdigest()
        place = self._folder / name[:2] / f"{name}.jpg"
        try:
            data = place.read_bytes()
            os.utime(place)
        except OSError:
            data = thumbnail(file, side, max_pixels=max_pixels)
            self._keep(place, data)
        return data

    def _keep(self, place: Path, data: bytes) -> None:
        """Write a thumbnail, where that can be done: a full disk makes pages slow, and no more."""
        part = place.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
            part.replace(place)
        except OSError:
            part.unlink(missing_ok=True)
            return
        with self._lock:
            if self._written is None:
                self._written = sum(size for _, size, _ in self._files())
            else:
                self._written += len(data)
            if self._written > self._most:
                self._sweep()

    def _sweep(self) -> None:
        """Delete those that were used longest ago."""
        files = sorted(self._files(), reverse=True)
        kept = 0
        for _, size, path in files:
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
