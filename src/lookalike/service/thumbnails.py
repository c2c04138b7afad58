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
        data = self.kept(sha256, side)
        if data is None:
            data = self._make(sha256, file, side, max_pixels)
        return data

    def kept(self, sha256: str, side: int) -> bytes | None:
        """Return the JPEG of a picture if it is kept."""
        return self._folder.get(_name(sha256, side))

    def keep(self, sha256: str, picture: bytes, max_pixels: int) -> dict[int, bytes]:
        """Keep the JPEGs of all sides of a picture whose file is not at hand later, and return them by side.

        Raises:
            PictureError: it cannot be decoded.
        """
        return {side: self._make(sha256, picture, side, max_pixels) for side in SIDES}

    def _make(self, sha256: str, picture: Path | bytes, side: int, max_pixels: int) -> bytes:
        data = thumbnail(picture, side, max_pixels=max_pixels)
        self._folder.put(_name(sha256, side), data)
        return data


def _name(sha256: str, side: int) -> str:
    return f"thumbnail-{sha256}-{side}"
