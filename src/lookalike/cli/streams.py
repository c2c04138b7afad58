"""Standard input, output and error, whatever they are: closed, full, or of an encoding that lacks a character.

What goes to people or machines goes through `put` and `print_json`; errors and notes go through `tell`.
"""

from __future__ import annotations

import io
import os
import re
import sys
from contextlib import suppress
from typing import Any

from lookalike.errors import OutputError

EXIT_ERROR = 1


def prepare() -> None:
    """Open what the process was started without, so that its use fails, and escape what an encoding lacks."""
    for descriptor, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            # Opened the wrong way round: reading or writing it is an error, and no other file takes its number.
            wrong = os.open(os.devnull, os.O_WRONLY if mode == "r" else os.O_RDONLY)
            if wrong != descriptor:
                os.dup2(wrong, descriptor)
                os.close(wrong)
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def put(text: str, *, flush: bool = False) -> None:
    """Write to stdout.

    Raises:
        BrokenPipeError: whoever reads it, `head` say, has had enough.
        OutputError: it cannot be written.
    """
    try:
        sys.stdout.write(text)
        if flush:
            sys.stdout.flush()
    except OSError as error:
        raise _unwritable(error) from None


def put_bytes(data: bytes) -> None:
    """Write bytes to stdout, after all that was written before; the errors are those of `put`."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
    except OSError as error:
        raise _unwritable(error) from None


def print_json(document: Any, *, indent: int | None = 2, flush: bool = False) -> None:
    """Print a JSON document on stdout; `indent=None` puts it on one line.

    It is UTF-8, or ASCII where stdout has another encoding: both are JSON to whoever reads it.
    """
    import json

    ascii_only = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    put(json.dumps(document, ensure_ascii=ascii_only, indent=indent, allow_nan=False) + "\n", flush=flush)


def tell(line: str) -> None:
    """Write one line to stderr. Where that cannot be written, there is nobody to tell."""
    with suppress(OSError):
        sys.stderr.write(f"lookalike: {shown(line)}\n")
        sys.stderr.flush()


def shown(text: str) -> str:
    """Return `text` on one line and without what a terminal would obey, as a file's name may have it."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda found: repr(found[0])[1:-1], text)


def finish(status: int) -> int:
    """Write what is still held back, and return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            unknown = stream is sys.stdout and not isinstance(error, BrokenPipeError) and status != EXIT_ERROR
            if unknown:
                tell(str(unwritable(error)))
                status = EXIT_ERROR
            # Python would try again at its end, and complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return status


def _unwritable(error: OSError) -> OSError | OutputError:
    """Return the error to raise where stdout cannot be written."""
    return error if isinstance(error, BrokenPipeError) else unwritable(error)


def unwritable(error: OSError) -> OutputError:
    """Return what is said where stdout cannot be written."""
    return OutputError(f"the output cannot be written ({error.strerror}); send it elsewhere")
