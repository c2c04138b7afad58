"""Pictures of a folder as the stream that extraction takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path


def pictures_of(paths: Sequence[Path]) -> Iterator[tuple[int, str, bytes]]:
    """Yield (position, name, bytes) of each file."""
    for number, path in enumerate(paths):
        yield number, str(path), path.read_bytes()
