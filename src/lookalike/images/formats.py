"""The picture formats that are read, told by their first bytes and never by the file's name.

Pillow's plug-in classes are used directly rather than through `Image.open`: only the one decoder that fits
the signature ever sees the bytes, nothing is registered in the host program's Pillow, and the dozens of other
plug-ins need not be imported.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from typing import IO, cast

from PIL import ImageFile
from PIL import features as pillow_features

HEAD_LENGTH = 64
"""Bytes that `sniff` wants to see."""

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II\x2a\x00", "TIFF"),
    (b"MM\x00\x2a", "TIFF"),
    (b"II\x2b\x00", "TIFF"),  # BigTIFF
    (b"MM\x00\x2b", "TIFF"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),  # a codestream without a container
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x0a", "JXL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JXL"),
    (b"FUJIFILMCCD-RAW", "RAW"),
    (b"IIRO", "RAW"),  # Olympus
    (b"IIRS", "RAW"),
    (b"MMOR", "RAW"),
    (b"IIU\0", "RAW"),  # Panasonic, Leica
    (b"FOVb", "RAW"),  # Sigma
    (b"\0MRM", "RAW"),  # Minolta
)
_HEIF_BRANDS = frozenset([b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"])
_AVIF_BRANDS = frozenset([b"avif", b"avis"])
_RAW_BRAND = b"crx "  # Canon's CR3

_PLUGINS: dict[str, tuple[str, str]] = {
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "WEBP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "HEIF": ("pillow_heif.as_plugin", "HeifImageFile"),
    "JPEG2000": ("PIL.Jpeg2KImagePlugin", "Jpeg2KImageFile"),
    "JXL": ("pillow_jxl.JpegXLImagePlugin", "JXLImageFile"),
    "RAW": ("rawpy", "RawPy"),  # no plug-in: see raw.py
}
# fmt: off
_SUFFIXES: dict[str, tuple[str, ...]] = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo"),  # of an MPO the first picture
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "AVIF": (".avif",),
    "HEIF": (".heic", ".heif", ".hif"),
    "JPEG2000": (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
    "JXL": (".jxl",),
    "RAW": (
        ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq", ".kdc", ".mef",
        ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw",
        ".x3f",
    ),
}
# fmt: on
_EXTRAS: dict[str, tuple[str, str]] = {  # the module, and the extra that brings it
    "HEIF": ("pillow_heif", "heif"),
    "JXL": ("pillow_jxl", "jxl"),
    "RAW": ("rawpy", "raw"),
}
_PILLOW_FEATURES = {"WEBP": "webp", "AVIF": "avif", "JPEG2000": "jpg_2000"}


def _installed(name: str) -> bool:
    if name in _EXTRAS:
        return importlib.util.find_spec(_EXTRAS[name][0]) is not None
    if name in _PILLOW_FEATURES:  # Pillow may be built without them; versions before 11.3 have no AVIF at all
        plugin = importlib.util.find_spec(_PLUGINS[name][0])
        return plugin is not None and bool(pillow_features.check(_PILLOW_FEATURES[name]))
    return True


FORMATS: tuple[str, ...] = tuple(name for name in _PLUGINS if _installed(name))
"""Formats that this installation reads."""

SUFFIXES: frozenset[str] = frozenset(suffix for name in FORMATS for suffix in _SUFFIXES[name])
"""Lower-case file suffixes that a walk over a folder takes as pictures."""

MISSING: Mapping[str, str] = {
    suffix: name for name in _PLUGINS if name not in FORMATS for suffix in _SUFFIXES[name]
}
"""Lower-case file suffixes of formats that this installation could read, and does not: the format's name by suffix."""


def install_hint(name: str) -> str:
    """Return the command that makes the format `name` readable."""
    return (
        f"pip install 'lookalike[{_EXTRAS[name][1]}]'" if name in _EXTRAS else "pip install --upgrade pillow"
    )


def sniff(head: bytes) -> str | None:
    """Return the name of the format that `head`, a file's first `HEAD_LENGTH` bytes, announces, if known.

    The format may be one that this installation does not read: compare with `FORMATS`.
    """
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if (
        head[4:8] == b"ftyp"
    ):  # ISO base media: a major brand, a version, then compatible brands, four bytes each
        box = head[: int.from_bytes(head[:4], "big")]
        brands = {box[8:12]} | {box[start : start + 4] for start in range(16, len(box), 4)}
        if _RAW_BRAND in brands:
            return "RAW"
        if brands & _AVIF_BRANDS:
            return "AVIF"
        if brands & _HEIF_BRANDS:
            return "HEIF"
    return None


def open_picture(stream: IO[bytes], name: str) -> ImageFile.ImageFile:
    """Read the header of a picture of format `name`, one of `FORMATS` but RAW; its `load` decodes the pixels."""
    module, plugin = _PLUGINS[name]
    factory = cast(
        Callable[[IO[bytes]], ImageFile.ImageFile], getattr(importlib.import_module(module), plugin)
    )
    return factory(stream)
