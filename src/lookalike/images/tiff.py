"""TIFF: by Pillow where Pillow is right, by tifffile where it is not."""

from __future__ import annotations

import io

from PIL import Image

from lookalike.images.deep import brightened
from lookalike.images.formats import open_picture
from lookalike.images.request import Loaded, Request, orientation_of
from lookalike.images.tiff_pages import Page, is_big, picture_of, with_first_page

_UNCOMPRESSED = 1
_PILLOWS_COMPRESSIONS = frozenset(
    (_UNCOMPRESSED, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32809, 32946, 34925, 50000)
)
"""What Pillow's libtiff unpacks; asked for another, it writes to the standard error."""

# fmt: off
_COMPRESSIONS = {
    9: "JBIG", 32766: "NeXT", 33003: "JPEG 2000", 33004: "JPEG 2000", 33005: "JPEG 2000", 34661: "JBIG",
    34676: "SGI Log", 34677: "SGI Log", 34712: "JPEG 2000", 34713: "Nikon NEF", 34887: "LERC", 34892: "lossy JPEG",
    34933: "PNG", 34934: "JPEG XR", 22610: "JPEG XR", 48124: "Jetraw", 50001: "WebP",
    50002: "JPEG XL", 52546: "JPEG XL",
}
# fmt: on


def load(data: bytes, pages: list[Page], request: Request) -> Loaded:
    """Return the picture of a TIFF with these `pages`; which of them it is, `tiff_pages.picture_of` says.

    Raises:
        PictureError: it is too large, or of a kind that is not read.
        Exception: whatever Pillow and tifffile raise, of a damaged one.
    """
    if not pages:
        return _by_pillow(data, request, None)
    page = picture_of(pages)
    request.check_size(page.width, page.height)
    if page is not pages[0]:
        data = with_first_page(data, page)
    if page.number(259, _UNCOMPRESSED) in _PILLOWS_COMPRESSIONS and _is_right_in_pillow(data, page):
        try:
            with open_picture(io.BytesIO(data), "TIFF"):
                pass
        except (KeyError, SyntaxError):  # it says so of whole pictures of unusual samples
            pass
        else:
            return _by_pillow(data, request, page)
    request.need("tifffile", "codecs", f"TIFF: {_kind_of(page)}")
    from lookalike.images.tiff_arrays import load_page

    return load_page(data, request, _kind_of(page))


def _is_right_in_pillow(data: bytes, page: Page) -> bool:
    """Tell whether Pillow, if it opens the page at all, gives its pixels as they are."""
    bits, form, samples = page.number(258, 1), page.number(339, 1), page.number(277, 1)
    separate = page.number(284, 1) == 2 and samples > 1
    return not (
        (is_big(data) and data[:2] == b"MM")
        or (separate and bits > 8)  # scrambled, or without their low bytes
        or page.number(32997, 1) > 1  # the first slice of a volume
        or (form == 2 and bits == 8)  # taken for unsigned
        or (form == 1 and bits == 32)  # taken for signed
        or _is_composite(page)  # its first channel
    )


def _is_composite(page: Page) -> bool:
    told = page.description
    one = "\nmode=grayscale" in told or "\nchannels=1\n" in told
    return told.startswith("ImageJ=") and "\nchannels=" in told and not one


def _kind_of(page: Page) -> str:
    """Return what is unusual of a page, in a few words."""
    compression = page.number(259, _UNCOMPRESSED)
    if compression not in _PILLOWS_COMPRESSIONS:
        return f"compression {_COMPRESSIONS.get(compression, compression)}"
    form = {1: "unsigned", 2: "signed", 3: "floating"}.get(page.number(339, 1), "unknown")
    planes = "in separate planes" if page.number(284, 1) == 2 else "in one plane"
    return f"{page.number(277, 1)} {form} samples of {page.number(258, 1)} bits {planes}"


def _by_pillow(data: bytes, request: Request, page: Page | None) -> Loaded:
    image: Image.Image
    with open_picture(io.BytesIO(data), "TIFF") as opened:
        image = opened
        request.check_size(image.width, image.height)
        image.load()
    if page is not None and page.number(258, 8) == 16:
        image = brightened(image, lambda: open_picture(io.BytesIO(data), "TIFF"), _declared_bits(page))
    return Loaded(image, image.width, image.height, orientation=orientation_of(image))


def _declared_bits(page: Page) -> int | None:
    """Return how many bits the samples of a page have by its MaxSampleValue."""
    largest = page.number(281, 0)
    return largest.bit_length() or None
