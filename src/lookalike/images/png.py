"""What PNG says beside its pixels, and the bytes of one without what is of no use here."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from lookalike.images.cicp import Cicp

_START = 8
_TEXTS = frozenset((b"tEXt", b"zTXt", b"iTXt"))
_LARGEST_PROFILE = 1 << 20
"""Bytes that Pillow unpacks of one chunk."""


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield (type, start, end) of each whole chunk, from its length to its checksum."""
    start = _START
    while start + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        end = start + 12 + length
        if end > len(data):
            return
        yield kind, start, end
        start = end


def without_texts(data: bytes) -> bytes:
    """Return the bytes of a picture without texts, and without a profile that unpacks to more than a MiB.

    Pillow unpacks them and refuses the whole picture where they are large, although its pixels are sound: programs
    that make pictures leave megabytes of their settings there. Nothing is unpacked here but the start of a profile.
    """
    kept = [data[:_START]]
    end = _START
    for kind, start, end in _chunks(data):
        if kind not in _TEXTS and not (kind == b"iCCP" and _is_large(data[start + 8 : end - 4])):
            kept.append(data[start:end])
    kept.append(data[end:])
    return b"".join(kept)


def _is_large(profile: bytes) -> bool:
    name = profile.find(b"\0")
    try:
        unpacked = zlib.decompressobj().decompress(profile[name + 2 :], _LARGEST_PROFILE + 1)
    except zlib.error:
        return False
    return len(unpacked) > _LARGEST_PROFILE


class Header:
    """What stands before the pixels of a PNG."""

    def __init__(self, data: bytes) -> None:
        self.bits = data[24] if len(data) > 24 else 8
        """Bits of a channel."""
        self.colour_type = data[25] if len(data) > 25 else 0
        self.significant_bits: int | None = None
        """How many of these bits were significant where the picture was made (`sBIT`)."""
        self.cicp: Cicp | None = None
        """What the numbers mean, where code points tell it (`cICP`)."""
        for kind, start, end in _chunks(data):
            content = data[start + 8 : end - 4]
            if kind == b"IDAT":
                break
            if kind == b"sBIT" and content:
                self.significant_bits = max(content)
            elif kind == b"cICP" and len(content) == 4:
                self.cicp = Cicp(content[0], content[1])
