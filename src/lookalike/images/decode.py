"""Safe decoding of untrusted pictures."""

from __future__ import annotations

import contextlib
import io
import logging
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags, Image, ImageFile

from lookalike.errors import (
    PictureEmptyError,
    PictureError,
    PictureFormatError,
    PictureMissingError,
    PictureTooLargeError,
    PictureTruncatedError,
)
from lookalike.images import MAX_PIXELS
from lookalike.images.formats import FORMATS, HEAD_LENGTH, SUFFIXES, install_hint, open_picture, sniff
from lookalike.images.pixels import to_rgb

__all__ = ["SUFFIXES", "Decoded", "decode"]

_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SWAPS_SIDES = {_TRANSPOSE[orientation] for orientation in (5, 6, 7, 8)}


@dataclass(frozen=True)
class Decoded:
    """A decoded picture.

    `image` is RGB and upright; it may be smaller than the picture, whose own size in pixels, upright, is
    `width` x `height`. `format` is Pillow's name of the format, such as "JPEG".
    """

    image: Image.Image
    width: int
    height: int
    format: str


def decode(
    source: bytes | Path, *, name: str | None = None, side: int, max_pixels: int = MAX_PIXELS
) -> Decoded:
    """Decode a picture, from its bytes or from a file.

    The first frame of an animation is taken. EXIF orientation is applied. Modes other than RGB are converted
    as `lookalike.images.pixels.to_rgb` says.

    Args:
        name: what errors call the picture; by default the path, or "-" for bytes.
        side: JPEG pictures are decoded at 1/2, 1/4 or 1/8 of their size, much faster, where that leaves
            the shorter side no less than this. Nothing else is resized.
        max_pixels: a picture that declares more, in its header, is refused before it is decoded.

    Raises:
        PictureMissingError: no such file, not a regular file, or not readable.
        PictureEmptyError: no bytes.
        PictureFormatError: not a picture, or of a kind that is not read.
        PictureTruncatedError: cut short or damaged.
        PictureTooLargeError: more than `max_pixels`, or more than memory holds.
    """
    if isinstance(source, bytes):
        name = name or "-"
        data = source
    else:
        name = name or str(source)
        data = _read(source, name)
    format_name = format_of(data, name)
    if format_name not in FORMATS:
        raise PictureFormatError(
            name, f"is {format_name}, which is not installed; {install_hint(format_name)}"
        )
    try:
        with _pillow_in_order(max_pixels):
            return _decode(data, name, format_name, side, max_pixels)
    except PictureError:
        raise
    except MemoryError as error:
        raise PictureTooLargeError(name, "does not fit in memory when decoded") from error
    except Image.DecompressionBombError as error:  # in formats that allocate as they are opened
        raise PictureTooLargeError(name, f"has too many pixels; the limit is {max_pixels:,}") from error
    except Exception as error:  # Pillow lets out OSError, SyntaxError, ValueError, struct.error and more
        kind, what = _classified(error)
        raise kind(name, f"{what} ({format_name}: {_one_line(error)})") from error


def _decode(data: bytes, name: str, format_name: str, side: int, max_pixels: int) -> Decoded:
    image: Image.Image
    with open_picture(io.BytesIO(data), format_name) as image:
        width, height = image.size
        if width * height > max_pixels:
            raise PictureTooLargeError(
                name, f"has {width} x {height} pixels; the limit is {max_pixels:,} in all (--max-megapixels)"
            )
        if format_name == "JPEG":  # the HEIF plug-in would answer with a thumbnail, which is another picture
            image.draft(None, (side, side))
        image.load()
        drafted = image.size != (width, height)
        method = _upright(image)
        image = to_rgb(image)
        if method is not None:
            image = image.transpose(method)
    if not drafted:
        width, height = image.size
    elif method in _SWAPS_SIDES:
        width, height = height, width
    return Decoded(image, width, height, format_name)


def _upright(image: Image.Image) -> Image.Transpose | None:
    """What EXIF says is still to be done: the TIFF and HEIF plug-ins do it themselves and drop the tag."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged EXIF says nothing about the pixels
        return None
    return _TRANSPOSE.get(orientation) if isinstance(orientation, int) else None


def format_of(data: bytes, name: str) -> str:
    """Return the format of a picture's bytes, by their head alone; this installation may not read it.

    Raises:
        PictureEmptyError, PictureFormatError: they are none, or no picture's.
    """
    if not data:
        raise PictureEmptyError(name, "is empty")
    found = sniff(data[:HEAD_LENGTH])
    if found is None:
        raise PictureFormatError(name, f"is not a picture in a known format ({', '.join(FORMATS)})")
    return found


def _read(path: Path, name: str) -> bytes:
    try:
        if path.is_dir():
            raise PictureMissingError(name, "is a folder, not a picture")
        if path.exists() and not path.is_file():  # reading a pipe or a device might never end
            raise PictureMissingError(name, "is not a regular file")
        return path.read_bytes()
    except FileNotFoundError:
        raise PictureMissingError(name, "there is no such file") from None
    except MemoryError as error:
        raise PictureTooLargeError(name, "does not fit in memory") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise PictureMissingError(name, f"cannot be read ({reason})") from error


def _classified(error: Exception) -> tuple[type[PictureError], str]:
    message = str(error).lower()
    if isinstance(error, NotImplementedError) or any(
        word in message for word in ("unsupported", "not supported", "unknown", "unavailable", "unrecognized")
    ):
        return PictureFormatError, "is of a kind that is not read"
    return PictureTruncatedError, "is cut short or damaged"


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."


_order_lock = threading.Lock()
_order_depth = 0
_order_undo = contextlib.ExitStack()
_silence = logging.NullHandler()


@contextlib.contextmanager
def _pillow_in_order(max_pixels: int) -> Iterator[None]:
    """Keep Pillow quiet and strict, whatever the host program has set, and put everything back.

    Pillow's warnings about odd metadata (common in real photographs) and its log are kept from the user.
    `LOAD_TRUNCATED_IMAGES` is off, since half a picture must not pass for a whole one. `MAX_IMAGE_PIXELS` is
    raised where `max_pixels` allows more. All of this is global to the process; entries are counted, so that
    threads decoding at once do not undo each other's.
    """
    global _order_depth
    with _order_lock:
        _order_depth += 1
        if _order_depth == 1:
            _order_undo.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", module=r"PIL\b|pillow_heif\b")
            logger = logging.getLogger("PIL")
            logger.addHandler(_silence)  # without any handler, errors in the log would go to stderr
            _order_undo.callback(logger.removeHandler, _silence)
        if ImageFile.LOAD_TRUNCATED_IMAGES:
            _order_undo.callback(setattr, ImageFile, "LOAD_TRUNCATED_IMAGES", True)
            ImageFile.LOAD_TRUNCATED_IMAGES = False
        if Image.MAX_IMAGE_PIXELS is not None and max_pixels > Image.MAX_IMAGE_PIXELS:
            _order_undo.callback(setattr, Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
            Image.MAX_IMAGE_PIXELS = max_pixels
    try:
        yield
    finally:
        with _order_lock:
            _order_depth -= 1
            if _order_depth == 0:
                _order_undo.close()
