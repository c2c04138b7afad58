"""Files that are pictures by their suffix, and are not read: what to do about them."""

from __future__ import annotations

from lookalike.images.formats import MISSING, install_hint

# fmt: off
_OTHER = frozenset((
    ".ai", ".avifs", ".bpg", ".cur", ".dcm", ".dds", ".dib", ".dpx", ".emf", ".eps", ".exr", ".fits", ".flif",
    ".hdp", ".heics", ".icns", ".ico", ".jls", ".jng", ".jpm", ".jps", ".jxr", ".mng", ".pam", ".pbm", ".pcx",
    ".pfm", ".pgm", ".pict", ".pnm", ".ppm", ".psb", ".psd", ".qoi", ".svg", ".svgz", ".tga", ".wbmp",
    ".wdp", ".wmf", ".xbm", ".xcf", ".xpm",
))
# fmt: on


def advice(suffix: str) -> str | None:
    """Return what to do about files with a lower-case `suffix` that are not read; None if they are no pictures."""
    if suffix in MISSING:
        return install_hint(MISSING[suffix])
    return "not read; save them as PNG, JPEG or TIFF" if suffix in _OTHER else None
