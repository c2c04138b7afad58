"""Porter's stemmer: `shoes` and `shoe` are one word (An algorithm for suffix stripping, Program 14(3), 1980).

Two things are as in SQLite's full text and not as in the paper: words of fewer than three characters, or of more than
64 bytes, are left alone; and `logi` becomes `log`, as in Porter's own later program.
"""

from __future__ import annotations

from functools import lru_cache

SHORTEST, LONGEST_BYTES = 3, 64

_STEP_2 = (
    ("ational", "ate"), ("ization", "ize"), ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"),
    ("tional", "tion"), ("biliti", "ble"), ("entli", "ent"), ("ousli", "ous"), ("ation", "ate"), ("alism", "al"),
    ("aliti", "al"), ("iviti", "ive"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("logi", "log"),
    ("alli", "al"), ("ator", "ate"), ("bli", "ble"), ("eli", "e"),
)  # fmt: skip
"""Suffixes and what takes their place; of two that end alike the longer one comes first."""
_STEP_3 = (
    ("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", ""),
)  # fmt: skip
_STEP_4 = (
    "ement", "ance", "ence", "able", "ible", "ment", "sion", "tion", "ant", "ent", "ism", "ate", "iti", "ous", "ive",
    "ize", "al", "er", "ic", "ou",
)  # fmt: skip


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """The stem of a word in lower case."""
    if len(word) < SHORTEST or len(word.encode()) > LONGEST_BYTES:
        return word
    word = _past(_plural(word))
    if word.endswith("y") and _has_vowel(word[:-1]):
        word = word[:-1] + "i"
    word = _replaced(word, _STEP_2)
    word = _replaced(word, _STEP_3)
    word = _without_suffix(word)
    if word.endswith("e"):
        measure = _measure(word[:-1])
        if measure > 1 or (measure == 1 and not _ends_short(word[:-1])):
            word = word[:-1]
    if word.endswith("ll") and _measure(word[:-1]) > 1:
        word = word[:-1]
    return word


def _plural(word: str) -> str:
    """Step 1a."""
    if word.endswith(("sses", "ies")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _past(word: str) -> str:
    """Step 1b."""
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    for suffix in ("ed", "ing"):
        rest = word.removesuffix(suffix)
        if rest != word:
            return _mended(rest) if _has_vowel(rest) else word
    return word


def _mended(word: str) -> str:
    if word.endswith(("at", "bl", "iz")):
        return word + "e"
    if len(word) > 1 and word[-1] == word[-2] and word[-1] not in "aeioulsz":
        return word[:-1]
    return word + "e" if _measure(word) == 1 and _ends_short(word) else word


def _replaced(word: str, suffixes: tuple[tuple[str, str], ...]) -> str:
    """Steps 2 and 3: the suffix that the word has, replaced if anything is left before it."""
    for suffix, new in suffixes:
        if word.endswith(suffix):
            rest = word.removesuffix(suffix)
            return rest + new if _measure(rest) > 0 else word
    return word


def _without_suffix(word: str) -> str:
    """Step 4."""
    for suffix in _STEP_4:
        if word.endswith(suffix):
            rest = word.removesuffix("ion" if suffix.endswith("ion") else suffix)
            return rest if _measure(rest) > 1 else word
    return word


def _form(word: str) -> str:
    """`c` for each consonant and `v` for each vowel; y is one after a consonant."""
    form = ""
    for character in word:
        form += "v" if character in "aeiou" or (character == "y" and form.endswith("c")) else "c"
    return form


def _measure(word: str) -> int:
    """How often vowels are followed by consonants."""
    return _form(word).count("vc")


def _has_vowel(word: str) -> bool:
    return "v" in _form(word)


def _ends_short(word: str) -> bool:
    """Whether it ends consonant, vowel, consonant, the last no w, x or y."""
    return _form(word).endswith("cvc") and word[-1] not in "wxy"
