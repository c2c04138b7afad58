"""What is said once for all commands: in the environment or, after that, in a file in the working folder."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from lookalike.arguments import shown
from lookalike.errors import InputError

FILE = Path("lookalike.toml")
KEYS = ("collection", "buckets", "engine")


def configured(key: str) -> str | None:
    """Return what LOOKALIKE_KEY in the environment says, else `key` in `lookalike.toml`; None where neither does.

    Raises:
        InputError: the file is no TOML, or says something that is no text, or that nobody knows.
    """
    return os.environ.get(f"LOOKALIKE_{key.upper()}") or _in_file(key)


def _in_file(key: str) -> str | None:
    try:
        told = tomllib.loads(FILE.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"{FILE}: cannot be read as TOML ({error}); mend or remove it") from None
    for name in told.keys() - set(KEYS):
        raise InputError(f"{FILE}: {shown(name)} is not known; it may say {', '.join(KEYS)}")
    value = told.get(key)
    if value is None or isinstance(value, str):
        return value
    raise InputError(f"{FILE}: {key} is {shown(value)}; give text in quotes")
