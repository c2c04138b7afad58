"""What a compressed HDF5 chunk decompresses to, seen before HDF5 is let near it.

HDF5 does not check that a chunk decompresses to its full length: of a shorter one it reads what lies behind
in memory, and one that blows up takes all memory there is. Other filters than these are refused.
"""

from __future__ import annotations

import zlib

import numpy as np
from h5py import h5p, h5z

from lookalike.errors import VectorFileError

LZF = 32000  # registered by h5py, which gives it no public name
_BUILT_IN = (h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32)


class Pipeline:
    """The filters of a dataset, in the order in which they were applied on writing."""

    def __init__(self, label: str, properties: h5p.PropDCID) -> None:
        self._filters: list[tuple[int, tuple[int, ...]]] = []
        for number in range(properties.get_nfilters()):
            code, _, values, name = properties.get_filter(number)
            if code not in (*_BUILT_IN, LZF) or not h5z.filter_avail(code):
                raise VectorFileError(
                    f"{label} is stored with the filter {name.decode(errors='replace') or code!r} ({code}); "
                    "write it again with gzip or without: h5repack -f GZIP=4"
                )
            self._filters.append((code, values))

    def __bool__(self) -> bool:
        return bool(self._filters)

    def decoded(self, raw: bytes, mask: int, limit: int) -> bytes | None:
        """Return chunk `raw` without its filters; None if it is damaged or longer than `limit`.

        `mask` has a bit set for each filter that was left out for this chunk. Checksums are left to HDF5.
        """
        content: bytes | None = raw
        for number in reversed(range(len(self._filters))):
            if content is not None and not mask >> number & 1:
                content = _undone(*self._filters[number], content, limit + 4)
        return content if content is not None and len(content) <= limit else None


def _undone(code: int, values: tuple[int, ...], content: bytes, limit: int) -> bytes | None:
    if code == h5z.FILTER_FLETCHER32:
        return content[:-4] if len(content) >= 4 else None
    if code == h5z.FILTER_SHUFFLE:
        return _unshuffled(content, values[0] if values else 0)
    return _inflated(content, limit) if code == h5z.FILTER_DEFLATE else _unpacked(content, limit)


def _unshuffled(raw: bytes, size: int) -> bytes | None:
    if size < 1:
        return None
    count = len(raw) // size
    whole = np.frombuffer(raw, np.uint8, count * size).reshape(size, count).T.tobytes()
    return whole + raw[count * size :]


def _inflated(raw: bytes, limit: int) -> bytes | None:
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(raw, limit + 1)
    except zlib.error:
        return None
    return content if inflater.eof else None


def _unpacked(raw: bytes, limit: int) -> bytes | None:
    """Decode LZF (LibLZF): literal runs 000LLLLL and back references LLLooooo [LLLLLLLL] oooooooo."""
    content = bytearray()
    position = 0
    try:
        while position < len(raw):
            control = raw[position]
            position += 1
            if control < 32:
                content += raw[position : position + control + 1]
                position += control + 1
            else:
                length = control >> 5
                if length == 7:
                    length += raw[position]
                    position += 1
                start = len(content) - ((control & 31) << 8 | raw[position]) - 1
                position += 1
                if start < 0:
                    return None
                run = content[start : start + length + 2]  # may reach into what it writes itself
                content += (run * (1 + (length + 2) // len(run)))[: length + 2]
            if len(content) > limit:
                return None
    except IndexError:
        return None
    return bytes(content) if position == len(raw) else None
