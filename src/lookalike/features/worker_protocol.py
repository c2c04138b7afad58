"""Messages between the process that asks for extraction and its workers: a JSON header and raw bytes, no pickle.

A frame is the header's length (uint32) and the body's (uint64), little-endian, then the header and the body.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from typing import IO, Any

_LENGTHS = struct.Struct("<IQ")


def write_frame(stream: IO[bytes], header: dict[str, Any], parts: Iterable[bytes | memoryview] = ()) -> None:
    """Write one frame, whose body is `parts` one after another, and flush."""
    parts = list(parts)
    encoded = json.dumps(header).encode()
    stream.write(_LENGTHS.pack(len(encoded), sum(len(part) for part in parts)))
    stream.write(encoded)
    for part in parts:
        stream.write(part)
    stream.flush()


def read_frame(stream: IO[bytes]) -> tuple[dict[str, Any], memoryview]:
    """Read one frame; the body is a writable view of bytes.

    Raises:
        EOFError: the other side has closed, or died amid a frame.
    """
    header_length, body_length = _LENGTHS.unpack(_read(stream, _LENGTHS.size))
    header = json.loads(bytes(_read(stream, header_length)))
    return header, _read(stream, body_length)


def _read(stream: IO[bytes], length: int) -> memoryview:
    view = memoryview(bytearray(length))
    done = 0
    while done < length:
        count = stream.readinto(view[done:])  # type: ignore[attr-defined]
        if not count:
            raise EOFError
        done += count
    return view
