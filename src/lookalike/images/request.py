"""What is asked of a decoder, what it gives, and how it refuses."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from PIL import ExifTags, Image

from lookalike.errors import PictureFormatError, PictureTooLargeError
from lookalike.images.cicp import Cicp


@dataclass(frozen=True)
class Request:
    """A picture that is to be decoded; `name`, `side` and `max_pixels` are those of `decode`."""

    name: str
    side: int
    max_pixels: int

    def check_size(self, width: int, height: int) -> None:
        """Raise PictureTooLargeError where a picture declares more pixels than are allowed."""
        if width * height > self.max_pixels:
            limit = f"{self.max_pixels:,} in all (--max-megapixels)"
            raise PictureTooLargeError(self.name, f"has {width} x {height} pixels; the limit is {limit}")

    def unread(self, kind: str) -> PictureFormatError:
        """Return the error for a whole picture of a kind that is not read, such as "TIFF: compression 34933"."""
        return PictureFormatError(self.name, f"is of a kind that is not read ({kind})")

    def need(self, module: str, extra: str, kind: str) -> None:
        """Raise PictureFormatError, with the command that installs it, where `module` is missing."""
        if importlib.util.find_spec(module) is None:
            hint = f"pip install 'lookalike[{extra}]'"
            raise PictureFormatError(
                self.name, f"is of a kind that is not read ({kind}) without an extra; {hint}"
            )


@dataclass(frozen=True)
class Loaded:
    """A picture as it is stored: loaded, of any mode, and perhaps smaller than it says it is."""

    image: Image.Image
    width: int
    height: int
    cicp: Cicp | None = None
    declared_bits: int | None = None
    orientation: int = 1
    """What is still to be done, by the numbers of EXIF."""


def orientation_of(image: Image.Image) -> int:
    """Return what EXIF says is still to be done to a picture of Pillow's, 1 for nothing.

    The plug-ins of TIFF and HEIF turn pictures themselves, and drop the tag.
    """
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged EXIF says nothing about the pixels
        return 1
    return orientation if isinstance(orientation, int) else 1
