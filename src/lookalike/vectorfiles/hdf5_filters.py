"""What a compressed HDF5 chunk decompresses to, measured before HDF5 is let near it.

HDF5 does not check that a chunk decompresses to its full length: of a shorter one it reads what lies behind
in memory, and one that blows up takes all memory there is. Filters whose outcome cannot be measured here are
refused.
"""

from __future__ import annotations

import zlib

from h5py import h5p, h5z

from lookalike.errors import VectorFileError

LZF = 32000  # registered by h5py, which gives it no public name
_KNOWN = {
    h5z.FILTER_DEFLATE: "gzip",
    h5z.FILTER_SHUFFLE: "shuffle",
    h5z.FILTER_FLETCHER32: "fletcher32",
    LZF: "lzf",
}


class Pipeline:
    """The filters of a dataset, in the order in which they were applied on writing."""

    def __init__(self, label: str, properties: h5p.PropDCID) -> None:
        self._filters: list[int] = []
        for number in range(properties.get_nfilters()):
            code, _, _, name = properties.get_filter(number)
            if code not in _KNOWN or not h5z.filter_avail(code):
                raise VectorFileError(
                    f"{label} is stored with the filter {name.decode(errors='replace') or code!r} ({code}); "
                    "write it again with gzip or without: h5repack -f GZIP=4"
                )
            self._filters.append(code)
        compressors = [number for number, code in enumerate(self._filters) if _compresses(code)]
        if len(compressors) > 1 or h5z.FILTER_SHUFFLE in self._filters[(compressors or [0])[0] + 1 :]:
            names = ", ".join(_KNOWN[code] for code in self._filters)
            raise VectorFileError(
                f"{label} is stored with filters in an unusual order ({names}); write it again"
            )

    def __bool__(self) -> bool:
        return bool(self._filters)

    def decoded_length(self, raw: bytes, mask: int, limit: int) -> int:
        """Return the length of chunk `raw` in bytes once decoded; -1 if damaged or beyond `limit`.

        `mask` has a bit set for each filter that was left out for this chunk. No filter that is known
        changes the bytes that the compressor sees but fletcher32, which appends four.
        """
        length = len(raw)
        for number in reversed(range(len(self._filters))):
            code = self._filters[number]
            if mask >> number & 1 or code == h5z.FILTER_SHUFFLE:
                continue
            if code == h5z.FILTER_FLETCHER32:
                length -= 4
            elif code == h5z.FILTER_DEFLATE:
                length = _inflated_length(raw[: max(length, 0)], limit + 4)
            else:
                length = _lzf_length(raw[: max(length, 0)])
            if length < 0:
                return -1
        return length


def _compresses(code: int) -> bool:
    return code in (h5z.FILTER_DEFLATE, LZF)


def _inflated_length(raw: bytes, limit: int) -> int:
    inflater = zlib.decompressobj()
    try:
        length = len(inflater.decompress(raw, limit + 1))
    except zlib.error:
        return -1
    return length if inflater.eof else -1


def _lzf_length(raw: bytes) -> int:
    """Length of an LZF stream (LibLZF): literal runs (000LLLLL) and back references (LLLooooo oooooooo)."""
    position = length = 0
    while position < len(raw):
        control = raw[position]
        if control < 32:
            position += control + 2
            length += control + 1
            continue
        run = control >> 5
        if run == 7:
            position += 1
            if position >= len(raw):
                return -1
            run += raw[position]
        position += 2
        length += run + 2
    return length if position == len(raw) else -1
