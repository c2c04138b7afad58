"""What is a word: texts are taken apart here, so that the same words find the same things everywhere."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from typing import Any

LONGEST = 255
"""A longer word is cut there, as databases limit what they index."""

SHORTEST_STEMMED = 3
"""A shorter word is its own stem; Porter's rules would leave nothing of `s`."""


def texts_of(value: Any) -> list[str]:
    """The texts and numbers of one metadata field, also in lists and objects."""
    lines: list[str] = []
    _gather(value, lines)
    return lines


def _gather(value: Any, lines: list[str]) -> None:
    if isinstance(value, str):
        lines.append(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        lines.append(str(value))
    elif isinstance(value, list | tuple | dict):
        for member in value.values() if isinstance(value, dict) else value:
            _gather(member, lines)


def tokens(text: str) -> list[str]:
    """The stems of the words of a text, in order; the same in every database.

    A word is a run of letters, digits and characters of private use, and of the marks on them. Case does not count, nor
    do compatible forms of a character (as of full width), nor diacritics; vowel signs and the like do.

    Scripts that put no blanks between words, those of Chinese, Japanese and Thai among them, are taken apart into
    single characters, each with its marks. A word of such a script is thus a phrase, and found wherever its characters
    follow one another: words of one and two characters too, and those that no dictionary has.
    """
    if text.isascii():
        return _stems(_ASCII_WORD.findall(text.lower()))
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    runs = _DIACRITIC.sub("", decomposed).translate(_SEPARATED).split(" ")
    return _stems(_taken_apart(run for run in runs if run and not _is_mark(run[0])))


def terms(text: str) -> list[str]:
    """The `tokens` of a text as single words that texts are compared by, without regard to their order.

    Characters of scripts without blanks come in overlapping pairs, as one says little; one among words of others comes
    alone.
    """
    found: list[str] = []
    for unspaced, run in groupby(tokens(text), key=lambda token: _UNSPACED.match(token) is not None):
        members = list(run)
        paired = unspaced and len(members) > 1
        found += map("".join, pairwise(members)) if paired else members
    return found


def _taken_apart(runs: Iterable[str]) -> Iterator[str]:
    for run in runs:
        if _UNSPACED.search(run):
            yield from _PIECE.findall(run)
        else:
            yield run


def _stems(runs: Iterable[str]) -> list[str]:
    """Porter's stems (Program 14(3), 1980): `shoes` and `shoe` are one word.

    Catalogues keep stems, and Snowball changes its newer stemmer of English now and then, but not this one.
    """
    from Stemmer import Stemmer

    stemmer = Stemmer("porter", 0)  # one a call, as threads must not share one
    cut = (run[:LONGEST] for run in runs)
    return [run if len(run) < SHORTEST_STEMMED else stemmer.stemWord(run) for run in cut]


_ASCII_WORD = re.compile("[0-9a-z]+")
_DIACRITIC = re.compile(
    "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\U000e0100-\U000e01ef]"
)
"""Diacritics of Latin, Greek and Cyrillic, marks around symbols, and selectors of a character's variant."""


# Classes ID, CJ and SA of line breaking (UAX #14): ideographs with their radicals, numerals, marks of iteration; kana;
# Bopomofo; Yi; Nushu; and Thai, Lao, Myanmar, Khmer, Ahom and the scripts of the Tai. As NFKD leaves them.
_IDEOGRAPHIC = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u30ff\u3105-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua000-\ua48f\uf900-\ufaff\U0001aff0-\U0001b2ff\U00020000-\U0003ffff"
)
_COMPLEX = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\ua9e0-\ua9ff\uaa60-\uaadf"
    "\U00011700-\U0001174f"
)
_PRIVATE = "\ue000-\uf8ff\U000f0000-\U0010ffff"
_UNSPACED = re.compile(rf"(?=\w)[{_IDEOGRAPHIC}{_COMPLEX}]")
_PIECE = re.compile(rf"{_UNSPACED.pattern}[^\w{_PRIVATE}]*|(?:(?!{_UNSPACED.pattern}).)+")
"""Of a run, where what is no character of a word (`\\w`) or of private use is a mark."""


class _Separated(dict[int, int]):
    """Each character for itself, or a blank in the place of one that is of no word; filled as they occur."""

    def __missing__(self, code: int) -> int:
        category = unicodedata.category(chr(code))
        self[code] = code if category[0] in "LNM" or category == "Co" else ord(" ")
        return self[code]


_SEPARATED = _Separated()


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M"
