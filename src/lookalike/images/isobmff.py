"""What the boxes of HEIF, AVIF and JPEG 2000 say of the picture, beside its pixels (ISO/IEC 14496-12 and 23008-12).

The decoders tell only a part of it: whether a HEIF picture was turned by its own boxes, and what the numbers of the
others mean, is asked here. Nothing is unpacked, and what makes no sense is passed over.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from lookalike.images.cicp import Cicp

_DEEPEST = 100
"""Boxes of one level, entries of one list and items that are looked at."""


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Yield (type, start, end) of each box between `start` and `end`; the last two are of its content."""
    end = len(data) if end is None else min(end, len(data))
    for _ in range(_DEEPEST):
        if start + 8 > end:
            return
        length, kind = struct.unpack_from(">I4s", data, start)
        content = start + 8
        if length == 1 and content + 8 <= end:
            length = struct.unpack_from(">Q", data, content)[0]
            content += 8
        stop = end if length == 0 else start + length
        if stop < content or stop > end:
            return
        yield kind, content, stop
        start = stop


def jpeg_2000_profile(data: bytes) -> bytes | None:
    """Return the ICC profile of a JPEG 2000 file (ISO/IEC 15444-1, I.5.3.3), which Pillow leaves out."""
    header = _first(boxes(data), b"jp2h")
    colour = None if header is None else _first(boxes(data, *header), b"colr")
    if colour is None or data[colour[0]] != 2:
        return None
    return data[colour[0] + 3 : colour[1]]


class PrimaryItem:
    """The properties of the picture that a file of HEIF or AVIF shows."""

    def __init__(self, data: bytes) -> None:
        try:
            self._properties = _primary_properties(data)
        except (struct.error, IndexError):  # cut short: what there is of it says nothing
            self._properties = []

    @property
    def turns(self) -> bool:
        """Whether it says itself how to be turned or mirrored, which decoders do."""
        return any(kind in (b"irot", b"imir") for kind, _ in self._properties)

    @property
    def cicp(self) -> Cicp | None:
        """What its numbers mean, where it says so by code points."""
        for kind, content in self._properties:
            if kind == b"colr" and content[:4] == b"nclx" and len(content) >= 8:
                return Cicp(*struct.unpack_from(">HH", content, 4))
        return None


def _primary_properties(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return (type, content) of each property of the primary item."""
    meta = _first(boxes(data), b"meta")
    if meta is None:
        return []
    inside = list(boxes(data, meta[0] + 4, meta[1]))
    primary, properties = _first(inside, b"pitm"), _first(inside, b"iprp")
    if primary is None or properties is None:
        return []
    item = struct.unpack_from(">H" if data[primary[0]] == 0 else ">I", data, primary[0] + 4)[0]
    parts = list(boxes(data, *properties))
    container = _first(parts, b"ipco")
    if container is None:
        return []
    every = [(kind, data[start:end]) for kind, start, end in boxes(data, *container)]
    wanted = {
        number
        for kind, start, end in parts
        if kind == b"ipma"
        for number in _associations(data[start:end], item)
    }
    return [one for number, one in enumerate(every, start=1) if number in wanted]


def _associations(content: bytes, item: int) -> list[int]:
    """Return the numbers, from one on, of the properties that a box `ipma` gives to `item`."""
    version, wide = content[0], content[3] & 1
    count = struct.unpack_from(">I", content, 4)[0]
    place = 8
    for _ in range(min(count, 100 * _DEEPEST)):
        number = struct.unpack_from(">I" if version else ">H", content, place)[0]
        place += 4 if version else 2
        length = content[place]
        numbers = content[place + 1 : place + 1 + length * (2 if wide else 1)]
        place += 1 + len(numbers)
        if number == item:  # the highest bit says whether the property is essential
            return (
                [n & 0x7FFF for (n,) in struct.iter_unpack(">H", numbers)]
                if wide
                else [n & 0x7F for n in numbers]
            )
    return []


def _first(found: Iterable[tuple[bytes, int, int]], kind: bytes) -> tuple[int, int] | None:
    return next(((start, end) for one, start, end in found if one == kind), None)
