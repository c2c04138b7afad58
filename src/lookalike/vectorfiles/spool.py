"""Compressed content as a temporary file, so that its rows can be read in any order and never all at once."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import IO, BinaryIO, cast

from lookalike.errors import VectorFileError

_COPIED = 1 << 20


def spooled(path: Path, content: IO[bytes], size: int, *, at_most: bool = False) -> BinaryIO:
    """Return a temporary file, unbuffered and without a name, of the next `size` bytes of `content`.

    Args:
        path: what is unpacked, for messages.
        at_most: whether `content` may end before.

    Raises:
        VectorFileError: there is no room for it, or `content` ends early.
    """
    try:
        room = shutil.disk_usage(tempfile.gettempdir()).free
        if size > room:
            raise VectorFileError(
                f"{path} unpacks to {size} bytes, and {tempfile.gettempdir()} has room for {room}; "
                "choose another folder by the environment variable TMPDIR"
            )
        target = cast(BinaryIO, tempfile.TemporaryFile(buffering=0))  # noqa: SIM115
        try:
            left = size
            while left and (block := content.read(min(_COPIED, left))):
                target.write(block)
                left -= len(block)
            if left and not at_most:
                raise VectorFileError(f"{path} ends early; it is truncated or damaged")
        except BaseException:
            target.close()
            raise
    except OSError as error:
        raise VectorFileError(f"{path} cannot be unpacked: {error.strerror or error}") from error
    return target
