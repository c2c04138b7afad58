"""JPEG: smaller from the start where that will do, and whole although Pillow refuses it."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from lookalike.errors import PictureError
from lookalike.images.depth import to_uint8
from lookalike.images.formats import open_picture
from lookalike.images.request import Loaded, Request, orientation_of

_END = b"\xff\xd9"
_FILLER = b"\x5a" * 64

_LOSSLESS, _JPEG_LS = 0xC3, 0xF7


def load(data: bytes, request: Request) -> Loaded:
    """Return a picture, at 1/2, 1/4 or 1/8 of its size where that is large enough.

    Raises:
        PictureError: it is too large, or of a kind that is not read.
        Exception: whatever Pillow raises, of a damaged one.
    """
    try:
        return _load(data, request)
    except (MemoryError, PictureError):
        raise
    except Exception as error:  # Pillow lets out OSError, SyntaxError, ValueError, struct.error and more
        rescued = _rescued(data, request)
        if rescued is None:
            raise error
        return rescued


def _load(data: bytes, request: Request, *, draft: bool = True) -> Loaded:
    image: Image.Image
    with open_picture(io.BytesIO(data), "JPEG") as image:
        width, height = image.size
        request.check_size(width, height)
        if draft:
            image.draft(None, (request.side, request.side))
        image.load()
        return Loaded(image, width, height, orientation=orientation_of(image))


def _rescued(data: bytes, request: Request) -> Loaded | None:
    frame = _frame(data)
    if frame is None:
        return None
    kind, bits, width, height = frame
    if not (width and height and 2 <= bits <= 16):
        return None
    request.check_size(width, height)
    if kind == _JPEG_LS:  # not by CharLS: a few damaged bytes keep it busy for many seconds
        raise request.unread("JPEG-LS")
    if bits != 8:
        return _by_imagecodecs(data, request, bits)
    if kind == _LOSSLESS:  # libjpeg cannot scale it
        return _load(data, request, draft=False)
    return (
        None
        if data.endswith(_END) or not _has_all_scans(data.rstrip(b"\xff"))
        else _without_end(data, request)
    )


def _without_end(data: bytes, request: Request) -> Loaded | None:
    """Return a picture of all scans that lacks nothing but the marker of its end; None if pixels are missing, too.

    libjpeg makes up what is missing from what comes next. Where two different ends give the same pixels, nothing was.
    """
    data = data.rstrip(b"\xff")
    loaded = _load(data + _END, request, draft=False)
    other = _load(data + _FILLER + _END, request, draft=False)
    return loaded if loaded.image.tobytes() == other.image.tobytes() else None


def _by_imagecodecs(data: bytes, request: Request, bits: int) -> Loaded:
    request.need("imagecodecs", "codecs", f"JPEG of {bits} bits")
    import imagecodecs

    pixels = to_uint8(np.asarray(imagecodecs.jpeg_decode(data)), declared_bits=bits)
    if not pixels.size:
        raise ValueError("no pixels")
    image = Image.fromarray(pixels, None if pixels.ndim == 2 or pixels.shape[2] == 3 else "CMYK")
    return Loaded(image, image.width, image.height)


def _has_all_scans(data: bytes) -> bool:
    """Tell whether the scans give every coefficient to its last bit; later ones may lack without a trace."""
    names: set[int] = set()
    given: dict[int, int] = {}
    place = 2
    try:
        while (place := data.find(b"\xff", place)) >= 0:
            marker = data[place + 1]
            if marker == 0xFF:  # filler
                place += 1
                continue
            if marker == 0 or 0xD0 <= marker <= 0xD7:  # amid a scan
                place += 2
                continue
            if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
                names = {data[place + 10 + 3 * number] for number in range(data[place + 9])}
            elif marker == 0xDA:
                count = data[place + 4]
                first, last, bits = data[place + 5 + 2 * count : place + 8 + 2 * count]
                for number in range(count if bits & 15 == 0 else 0):
                    name = data[place + 5 + 2 * number]
                    given[name] = given.get(name, 0) | ((2 << last) - (1 << first))
            place += 2 + int.from_bytes(data[place + 2 : place + 4])
    except (IndexError, ValueError):  # it ends within a header
        return False
    return bool(names) and all(given.get(name) == (1 << 64) - 1 for name in names)


def _frame(data: bytes) -> tuple[int, int, int, int] | None:
    """Return (marker, bits of a sample, width, height) of the header of the pixels; None if there is none."""
    place = 2
    while place + 9 < len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # filler
            place += 1
            continue
        if marker == _JPEG_LS or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            height, width = (
                int.from_bytes(data[place + 5 : place + 7]),
                int.from_bytes(data[place + 7 : place + 9]),
            )
            return marker, data[place + 4], width, height
        place += 2 + int.from_bytes(data[place + 2 : place + 4])
    return None
