"""Hits as pictures in a terminal: by kitty's protocol, iTerm2's or sixels where it knows one, else by blocks."""

from __future__ import annotations

import base64
import io
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from lookalike.errors import MissingDependencyError, PictureError
from lookalike.images import MAX_PIXELS
from lookalike.images.thumbnail import thumbnail

if TYPE_CHECKING:
    from textual_image.renderable._protocol import ImageRenderable

PROTOCOLS = ("kitty", "iterm2", "sixel", "blocks", "text")
"""How pictures can be written; "blocks" are coloured halves of cells; "text" is for what is no terminal."""

_ROWS = 10
"""Rows of a terminal that a picture takes at most."""

_SIDE = 400
"""Pixels of the longer side of what is sent."""


def protocol_of_terminal() -> str:
    """Return the one of `PROTOCOLS` that the terminal behind standard output knows; it is asked, if it is one.

    Raises:
        MissingDependencyError: textual-image is not installed.
    """
    renderables = _renderables()
    if sys.__stdout__ is None or not sys.__stdout__.isatty():
        return "text"
    if "iTerm" in os.environ.get("TERM_PROGRAM", "") + os.environ.get("LC_TERMINAL", ""):
        return "iterm2"
    from textual_image.renderable import Image

    return next((name for name, kind in renderables.items() if kind is Image), "blocks")


def draw(pictures: Iterable[tuple[str, Path, int]], stream: TextIO, protocol: str) -> None:
    """Write pictures to `stream`, each under a line of its own and ten rows high.

    One that cannot be read any more has the reason in its place.

    Args:
        pictures: each by the line above it, its file, and of how many pixels it may be, at least.
        protocol: one of `PROTOCOLS`.

    Raises:
        MissingDependencyError: textual-image is not installed.
    """
    from rich.console import Console

    renderables = _renderables()
    console = Console(file=stream, force_terminal=protocol != "text", highlight=False, markup=False)
    for line, file, pixels in pictures:
        console.print(line, soft_wrap=True)
        try:
            picture = thumbnail(file, _SIDE, max_pixels=max(MAX_PIXELS, pixels))
        except PictureError as error:
            console.print(f"({error.reason})", soft_wrap=True)
            continue
        stream.flush()  # kitty's pictures are sent past the stream
        if protocol == "iterm2":
            stream.write(_iterm2(picture))
        else:
            console.print(renderables[protocol](io.BytesIO(picture), height=_ROWS))
        stream.flush()


def _iterm2(picture: bytes) -> str:
    """Return what makes iTerm2 show a picture (https://iterm2.com/documentation-images.html)."""
    content = base64.b64encode(picture).decode("ascii")
    return f"\x1b]1337;File=inline=1;size={len(picture)};height={_ROWS};preserveAspectRatio=1:{content}\a\n"


def _renderables() -> dict[str, type[ImageRenderable]]:
    try:
        from textual_image import renderable
    except ImportError:
        hint = "pip install 'lookalike[preview]'"
        raise MissingDependencyError(f"--preview needs textual-image: {hint}") from None
    return {
        "kitty": renderable.TGPImage,
        "sixel": renderable.SixelImage,
        "blocks": renderable.HalfcellImage,
        "text": renderable.UnicodeImage,
    }
