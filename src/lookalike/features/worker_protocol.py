"""Messages between the process that asks for extraction and its workers: a JSON header and raw bytes, no pickle.

A frame is the header's length and the number of its parts (uint32 each, little-endian), the header, and for each part
its length (uint64) and its bytes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import IO, Any

_COUNTS = struct.Struct("<II")
_LENGTH = struct.Struct("<Q")


def write_frame(stream: IO[bytes], header: dict[str, Any], parts: Sequence[bytes | memoryview] = ()) -> None:
    """Write one frame, and flush."""
    encoded = json.dumps(header).encode()
    stream.write(_COUNTS.pack(len(encoded), len(parts)))
    stream.write(encoded)
    for part in parts:
        stream.write(_LENGTH.pack(len(part)))
        stream.write(part)
    stream.flush()


def read_frame(stream: IO[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Read one frame.

    Raises:
        EOFError: the other side has closed, or died amid a frame.
    """
    header_length, parts = _COUNTS.unpack(_read(stream, _COUNTS.size))
    header = json.loads(_read(stream, header_length))
    return header, [_read(stream, *_LENGTH.unpack(_read(stream, _LENGTH.size))) for _ in range(parts)]


def _read(stream: IO[bytes], length: int) -> bytes:
    data = stream.read(length)  # into its place at once: a picture of 400 MiB is held once
    if len(data) < length:
        raise EOFError
    return data
