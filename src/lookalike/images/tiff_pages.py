"""The pages of a TIFF, and which of them is the picture.

Sources: TIFF 6.0 (Adobe, 1992), the BigTIFF proposal, TIFF/EP and DNG 1.7 for photographs.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

_MOST_PAGES = 1000
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_OLD_REDUCED = 2  # SubfileType
_CFA, _LINEAR_RAW = 32803, 34892  # PhotometricInterpretation
_LARGEST_THUMBNAIL = 512


_FORMATS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
"""The whole numbers among the types of values, as `struct` has them."""

_TEXT = 2
_ASKED = frozenset((254, 255, 256, 257, 258, 259, 262, 270, 277, 281, 284, 330, 339, 32997, 50706))
"""The tags that anybody asks a page for; no others are read, of which a small file may claim gigabytes."""
_MOST_TAGS, _MOST_NUMBERS, _LONGEST_TEXT = 4096, 64, 4096


@dataclass(frozen=True)
class Page:
    """One directory of a TIFF: where it is, the numbers of its tags, and its description."""

    offset: int
    tags: Mapping[int, tuple[int, ...]]
    description: str = ""

    def number(self, tag: int, default: int) -> int:
        """Return the first number of a tag."""
        values = self.tags.get(tag, ())
        return values[0] if values else default

    @property
    def width(self) -> int:
        """Pixels of a row, as it is stored."""
        return self.number(256, 0)

    @property
    def height(self) -> int:
        """Rows, as they are stored."""
        return self.number(257, 0)

    @property
    def is_reduced(self) -> bool:
        """Whether it says of itself that it is a smaller copy of another page, or a mask."""
        return bool(self.number(254, 0) & (_REDUCED | _MASK)) or self.number(255, 1) == _OLD_REDUCED

    @property
    def is_raw(self) -> bool:
        """Whether its numbers are those of a sensor, which nobody has made a picture of yet."""
        return self.number(262, 1) in (_CFA, _LINEAR_RAW)


def pages_of(data: bytes) -> list[Page]:
    """Return the pages of a TIFF, those within others after the one that they are within, up to 1,000."""
    found: list[Page] = []
    seen: set[int] = set()

    def follow(offset: int, depth: int) -> None:
        while offset and offset not in seen and len(found) < _MOST_PAGES:
            seen.add(offset)
            try:
                page, following = _page(data, offset)
            except struct.error:  # cut short, and with it those that come after it
                return
            found.append(page)
            if depth < 3:
                for inner in page.tags.get(330, ()):  # SubIFDs
                    follow(inner, depth + 1)
            offset = following

    follow(_first_offset(data), 0)
    return found


def picture_of(pages: list[Page]) -> Page:
    """Return the page that is the picture: the first that is no smaller copy of another.

    Cameras and scanners put a thumbnail first. Where it does not say so, it is known by a later page that is of
    its shape and at least twice as wide.
    """
    whole = [page for page in pages if not page.is_reduced and page.width and page.height]
    if not whole:
        return max(pages, key=lambda page: page.width * page.height)
    first = whole[0]
    if max(first.width, first.height) <= _LARGEST_THUMBNAIL:
        return next((page for page in whole if _is_copy(first, page)), first)
    return first


def is_raw_photograph(data: bytes, pages: list[Page]) -> bool:
    """Tell whether a TIFF holds a photograph as the sensor saw it, and is a TIFF by its form only."""
    if data[8:11] == b"CR\x02":  # Canon's CR2, whose pages do not tell
        return True
    return any(page.is_raw or 50706 in page.tags for page in pages)  # DNGVersion


def with_first_page(data: bytes, page: Page) -> bytes:
    """Return the bytes of a TIFF whose first page is `page`."""
    if is_big(data):
        return data[:8] + struct.pack(_order(data) + "Q", page.offset) + data[16:]
    return data[:4] + struct.pack(_order(data) + "I", page.offset) + data[8:]


def _is_copy(thumbnail: Page, page: Page) -> bool:
    scale = page.width / thumbnail.width
    return scale >= 2 and abs(page.height - thumbnail.height * scale) <= scale + 1


def _page(data: bytes, offset: int) -> tuple[Page, int]:
    """Return the page at `offset`, and the offset of the next one. Raises struct.error."""
    order, big = _order(data), is_big(data)
    count = struct.unpack_from(order + ("Q" if big else "H"), data, offset)[0]
    entry, room = struct.Struct(order + ("HHQ" if big else "HHI")), 8 if big else 4
    start = offset + (8 if big else 2)
    end = start + min(count, _MOST_TAGS) * (entry.size + room)
    tags: dict[int, tuple[int, ...]] = {}
    description = ""
    for place in range(start, end, entry.size + room):
        tag, kind, values = entry.unpack_from(data, place)
        form = "s" if kind == _TEXT else _FORMATS.get(kind)
        if form is None or tag in tags or tag not in _ASKED:
            continue
        values = min(values, _LONGEST_TEXT if form == "s" else _MOST_NUMBERS)
        content = place + entry.size
        if struct.calcsize(f"{order}{values}{form}") > room:
            content = struct.unpack_from(order + ("Q" if big else "I"), data, content)[0]
        try:
            read = struct.unpack_from(f"{order}{values}{form}", data, content)
        except (struct.error, OverflowError):  # it lies beyond the end
            continue
        if form != "s":
            tags[tag] = read
        elif tag == 270 and read:
            description = read[0].decode("latin-1")
    return Page(offset, tags, description), struct.unpack_from(order + ("Q" if big else "I"), data, end)[0]


def _first_offset(data: bytes) -> int:
    try:
        if is_big(data):
            return int(struct.unpack_from(_order(data) + "Q", data, 8)[0])
        return int(struct.unpack_from(_order(data) + "I", data, 4)[0])
    except struct.error:
        return 0


def is_big(data: bytes) -> bool:
    """Tell whether a TIFF is a BigTIFF, with offsets of 64 bits."""
    return 43 in (data[2], data[3])


def _order(data: bytes) -> str:
    return "<" if data[:2] == b"II" else ">"
