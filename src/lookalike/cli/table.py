"""Tables for people: columns that fit into the terminal, and are not wrapped in a file or a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TextIO

GAP = "  "
LEAST = 8
"""A column of text is not made narrower than this."""


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: int, stream: TextIO | None = None
) -> str:
    """Return a table as it goes to `stream` (stdout by default), which may be a terminal.

    Args:
        numbers: how many of the first columns hold numbers: those stand to the right and are never wrapped.
    """
    stream = stream or sys.stdout
    terminal = stream.isatty()
    widths = [max(map(_width, column)) for column in zip(head, *rows, strict=True)]
    if terminal:
        room = _terminal_width() - sum(widths[:numbers]) - len(GAP) * (len(widths) - 1)
        widths[numbers:] = _shared(widths[numbers:], room)
    titles, *lines = (line for row in (head, *rows) for line in _lines(row, widths, numbers))
    if terminal and os.name != "nt" and os.environ.get("TERM") != "dumb":
        titles = f"\x1b[1m{titles}\x1b[0m"
    return "".join(f"{line}\n" for line in (titles, *lines))


def _terminal_width() -> int:
    import shutil

    return shutil.get_terminal_size().columns


def _shared(widths: Sequence[int], room: int) -> list[int]:
    """Return widths that `room` is enough for: the widest give way first."""
    most = max(widths, default=0)
    while most > LEAST and sum(min(width, most) for width in widths) > room:
        most -= 1
    return [min(width, most) for width in widths]


def _lines(row: Sequence[str], widths: Sequence[int], numbers: int) -> Iterator[str]:
    folded = [_fold(cell, width) for cell, width in zip(row, widths, strict=True)]
    for parts in zip_longest(*folded, fillvalue=""):
        padding = [" " * (width - _width(part)) for part, width in zip(parts, widths, strict=True)]
        cells = [
            space + part if column < numbers else part + space
            for column, (part, space) in enumerate(zip(parts, padding, strict=True))
        ]
        yield GAP.join(cells).rstrip()


def _fold(text: str, width: int) -> list[str]:
    """Break `text` between words where one line of `width` is too short, and within a word that is too long."""
    lines = [""]
    if _width(text) <= width:
        return [text]
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if _width(joined) <= width:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for character in word:
            if lines[-1] and _width(lines[-1] + character) > width:
                lines.append("")
            lines[-1] += character
    return lines


def _width(text: str) -> int:
    """Return how many columns of a terminal `text` takes."""
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width

    return sum(
        0 if category(character) in ("Mn", "Me", "Cf") else 1 + (east_asian_width(character) in "WF")
        for character in text
    )
