"""Files that are pictures by their suffix, and are not read: what to do about them."""

from __future__ import annotations

from lookalike.images.formats import MISSING, install_hint

# fmt: off
_RAW = frozenset((
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq", ".kdc", ".mef",
    ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw",
    ".x3f",
))
_OTHER = frozenset((
    ".ai", ".avifs", ".bpg", ".cur", ".dcm", ".dds", ".dib", ".dpx", ".emf", ".eps", ".exr", ".fits", ".flif",
    ".hdp", ".heics", ".icns", ".ico", ".j2c", ".j2k", ".jls", ".jng", ".jp2", ".jpf", ".jpm", ".jps", ".jpx",
    ".jxl", ".jxr", ".mng", ".pam", ".pbm", ".pcx", ".pfm", ".pgm", ".pict", ".pnm", ".ppm", ".psb", ".psd",
    ".qoi", ".svg", ".svgz", ".tga", ".wbmp", ".wdp", ".wmf", ".xbm", ".xcf", ".xpm",
))
# fmt: on


def advice(suffix: str) -> str | None:
    """Return what to do about files with a lower-case `suffix` that are not read; None if they are no pictures."""
    if suffix in MISSING:
        return install_hint(MISSING[suffix])
    if suffix in _RAW:
        return "RAW photographs are not read; save them as JPEG or TIFF"
    return "not read; save them as PNG, JPEG or TIFF" if suffix in _OTHER else None
