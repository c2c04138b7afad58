"""A checksum for each row, so that no bit of what is stored can change unnoticed."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Table

_written = json.JSONEncoder(separators=(",", ":")).encode
_NUMBERS = struct.Struct("<3q")


def row_checksum(values: Sequence[object]) -> int | None:
    """CRC-32 of the values of a row, in order of its columns, as a JSON list in ASCII without blanks.

    None for values that no row holds, such as bytes.
    """
    try:
        return zlib.crc32(_written(values).encode("ascii"))
    except TypeError:
        return None


def vector_checksum(number: int, feature: int, generation: int, vector: bytes) -> int:
    """CRC-32 of a row of `vectors`: its three numbers as little-endian int64, then the bytes of the vector."""
    return zlib.crc32(vector, zlib.crc32(_NUMBERS.pack(number, feature, generation)))


def with_checksum(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `table`, any but `vectors`, with its checksum; one that it had is replaced."""
    values = {column.name: row[column.name] for column in table.c if column.name != "checksum"}
    return {**values, "checksum": row_checksum(list(values.values()))}


def is_sound(row: Sequence[object]) -> bool:
    """Whether a whole row of any table but `vectors`, its checksum last, matches that."""
    return row_checksum(row[:-1]) == row[-1]


def is_sound_vector(number: Any, feature: Any, generation: Any, checksum: Any, vector: Any) -> bool:
    """Whether a row of `vectors`, of any types, matches its checksum."""
    if not isinstance(vector, bytes):
        return False
    try:
        return bool(vector_checksum(number, feature, generation, vector) == checksum)
    except struct.error:  # a number that is none
        return False
