"""Thumbnails of the collection's pictures."""

from __future__ import annotations

from pathlib import Path

from lookalike.images.thumbnail import thumbnail
from lookalike.service.bounded_folder import BoundedFolder

SIDES = (160, 320, 640)
"""Pixels of the square that one fits."""


class Thumbnails:
    """A cache on disk, by a picture's content and the side asked for."""

    def __init__(self, folder: BoundedFolder) -> None:
        """Keep them in `folder`."""
        self._folder = folder

    def get(self, sha256: str, file: Path, side: int, max_pixels: int) -> bytes:
        """Return the JPEG of a picture's file.

        Args:
            sha256: of the file as it was added, by which the thumbnail is kept.

        Raises:
            PictureError: the file is gone, or cannot be decoded any more.
        """
        name = f"thumbnail-{sha256}-{side}"
        data = self._folder.get(name)
        if data is None:
            data = thumbnail(file, side, max_pixels=max_pixels)
            self._folder.put(name, data)
        return data
