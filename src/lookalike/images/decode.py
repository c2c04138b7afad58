"""Safe decoding of untrusted pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from lookalike.errors import (
    PictureEmptyError,
    PictureError,
    PictureFormatError,
    PictureMissingError,
    PictureTooLargeError,
    PictureTruncatedError,
)
from lookalike.images import MAX_PIXELS, jpeg, raw, still, tiff, tiff_pages
from lookalike.images.formats import FORMATS, HEAD_LENGTH, SUFFIXES, install_hint, sniff
from lookalike.images.pillow_order import pillow_in_order
from lookalike.images.pixels import to_rgb
from lookalike.images.request import Request

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
_SWAPS_SIDES = (5, 6, 7, 8)


@dataclass(frozen=True)
class Decoded:
    """A decoded picture.

    `image` is RGB and upright; it may be smaller than the picture, whose own size in pixels, upright, is
    `width` x `height`. `format` is Pillow's name of the format, such as "JPEG", or "RAW".
    """

    image: Image.Image
    width: int
    height: int
    format: str


def decode(
    source: bytes | Path, *, name: str | None = None, side: int, max_pixels: int = MAX_PIXELS
) -> Decoded:
    """Decode a picture, from its bytes or from a file.

    Of an animation, the first frame is taken, or the most telling one where that is blank
    (`lookalike.images.frames`); of a TIFF the first page that is no thumbnail; of a raw photograph its largest
    preview. EXIF orientation is applied. Colours are brought to sRGB as `lookalike.images.pixels.to_rgb` says.

    Args:
        name: what errors call the picture; by default the path, or "-" for bytes.
        side: JPEG pictures are decoded at 1/2, 1/4 or 1/8 of their size, much faster, where that leaves
            the shorter side no less than this, and raw photographs by a preview of no less. Nothing else is resized.
        max_pixels: a picture that declares more, in its header, is refused before it is decoded.

    Raises:
        PictureMissingError: no such file, not a regular file, or not readable.
        PictureEmptyError: no bytes.
        PictureFormatError: not a picture, or of a kind that is not read; an extra may read it, and is named then.
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
        with pillow_in_order(max_pixels):
            return _decode(data, format_name, Request(name, side, max_pixels))
    except PictureError:
        raise
    except MemoryError as error:
        raise PictureTooLargeError(name, "does not fit in memory when decoded") from error
    except Image.DecompressionBombError as error:  # in formats that allocate as they are opened
        raise PictureTooLargeError(name, f"has too many pixels; the limit is {max_pixels:,}") from error
    except Exception as error:  # Pillow lets out OSError, SyntaxError, ValueError, struct.error and more
        kind, what = _classified(error)
        raise kind(name, f"{what} ({format_name}: {_one_line(error)})") from error


def _decode(data: bytes, format_name: str, request: Request) -> Decoded:
    if format_name == "TIFF":
        pages = tiff_pages.pages_of(data)
        if tiff_pages.is_raw_photograph(data, pages):
            format_name = "RAW"
            loaded = raw.load(data, request)
        else:
            loaded = tiff.load(data, pages, request)
    elif format_name == "RAW":
        loaded = raw.load(data, request)
    elif format_name == "JPEG":
        loaded = jpeg.load(data, request)
    else:
        loaded = still.load(data, format_name, request)
    image = to_rgb(loaded.image, declared_bits=loaded.declared_bits, cicp=loaded.cicp)
    width, height = loaded.width, loaded.height
    method = _TRANSPOSE.get(loaded.orientation)
    if method is not None:
        image = image.transpose(method)
        if loaded.orientation in _SWAPS_SIDES:
            width, height = height, width
    return Decoded(image, width, height, format_name)


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
