"""Pictures in terminals: what is written for each protocol."""

from __future__ import annotations

import base64
import io
import re
import sys
from pathlib import Path

import pytest
from PIL import Image

from lookalike.errors import MissingDependencyError
from lookalike.pages.terminal import draw, protocol_of_terminal

pytest.importorskip("textual_image")
pytestmark = pytest.mark.filterwarnings("ignore:.*getdata:DeprecationWarning")  # its own use of Pillow


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str) -> str:
    file = tmp_path / "[red]one.png"
    Image.new("RGB", (60, 40), (200, 10, 20)).save(file)
    stream = io.StringIO()
    monkeypatch.setattr(sys, "__stdout__", stream)  # where kitty's pictures are sent
    draw([("1  [red]one.png", file, 0), ("2  away.png", tmp_path / "away.png", 0)], stream, protocol)
    text = stream.getvalue()
    assert text.startswith("1  [red]one.png\n")
    assert text.endswith("2  away.png\n(there is no such file)\n")
    return text


def test_kitty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = drawn(tmp_path, monkeypatch, "kitty")
    sent = "".join(re.findall(r"\x1b_G[^;]*f=100[^;]*;([^\x1b]*)\x1b\\", text))
    picture = Image.open(io.BytesIO(base64.b64decode(sent))).convert("RGB")
    colour = picture.getpixel((1, 1))
    assert isinstance(colour, tuple)
    assert abs(colour[0] - 200) < 6
    assert text.count("\U0010eeee") >= 10  # the cells that it fills


def test_iterm2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = drawn(tmp_path, monkeypatch, "iterm2")
    match = re.search(r"\x1b\]1337;File=inline=1;size=(\d+);height=10;preserveAspectRatio=1:([^\a]+)\a", text)
    assert match is not None
    content = base64.b64decode(match[2])
    assert len(content) == int(match[1])
    assert Image.open(io.BytesIO(content)).size == (60, 40)


def test_sixel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = drawn(tmp_path, monkeypatch, "sixel")
    assert re.search(r"\x1bP[0-9;]*q.+\x1b\\", text, re.DOTALL)


def test_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORTERM", "truecolor")
    text = drawn(tmp_path, monkeypatch, "blocks")
    assert text.count("\n") == 13
    assert re.search(r"\x1b\[[^m]*48;[^m]+m[▀▄]", text)


def test_what_is_no_terminal_gets_no_escapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = drawn(tmp_path, monkeypatch, "text")
    assert "\x1b" not in text
    assert text.count("\n") == 13


def test_which_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    from textual_image import renderable

    monkeypatch.setattr(sys, "__stdout__", io.StringIO())
    assert protocol_of_terminal() == "text"
    monkeypatch.setattr(sys, "__stdout__", Terminal())
    monkeypatch.delenv("LC_TERMINAL", raising=False)
    monkeypatch.setenv("TERM_PROGRAM", "iTerm.app")
    assert protocol_of_terminal() == "iterm2"
    monkeypatch.setenv("TERM_PROGRAM", "kitty")
    for name, kind in (
        ("kitty", renderable.TGPImage),
        ("sixel", renderable.SixelImage),
        ("blocks", renderable.HalfcellImage),
    ):
        monkeypatch.setattr(renderable, "Image", kind)
        assert protocol_of_terminal() == name


def test_without_the_extra_the_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "textual_image", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'lookalike\[preview\]'"):
        protocol_of_terminal()
