"""The size that a JPEG XL picture declares (ISO/IEC 18181-1), for decoders make room for its pixels as they open it."""

from __future__ import annotations

from lookalike.images.isobmff import boxes

_RATIOS = ((1, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_HEADER_BYTES = 18
_WIDTHS = (9, 13, 18, 30)


def declared_size(data: bytes) -> tuple[int, int] | None:
    """Return (width, height) of a picture, before it is turned; None if it does not begin as one does."""
    stream = data
    if not data.startswith(b"\xff\x0a"):
        stream = b""
        for kind, start, end in boxes(data):
            if kind in (b"jxlc", b"jxlp") and len(stream) < _HEADER_BYTES:
                stream += data[start + (4 if kind == b"jxlp" else 0) : end][:_HEADER_BYTES]
    if stream[:2] != b"\xff\x0a":
        return None
    bits = _Bits(stream[2:_HEADER_BYTES])
    small = bits.take(1)
    height = bits.size(small)
    ratio = bits.take(3)
    if ratio == 0:
        return bits.size(small), height
    numerator, denominator = _RATIOS[ratio]
    return height * numerator // denominator, height


class _Bits:
    """A string of bits, the lowest of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._rest = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self._rest & ((1 << count) - 1)
        self._rest >>= count
        return value

    def size(self, small: int) -> int:
        return 8 * (self.take(5) + 1) if small else self.take(_WIDTHS[self.take(2)]) + 1
