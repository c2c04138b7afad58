"""What is said once for all commands: in the environment or, after that, in a file in the working folder."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lookalike.arguments import shown
from lookalike.errors import InputError

FILE = Path("lookalike.toml")
KEYS = ("collection", "buckets", "engine")


TABLES = ("service",)
"""Parts of the file, which rooms of their own read."""


def configured(key: str) -> str | None:
    """Return what LOOKALIKE_KEY in the environment says, else `key` in `lookalike.toml`; None where neither does.

    Raises:
        InputError: the file is no TOML, or says something that is no text, or that nobody knows.
    """
    found = os.environ.get(f"LOOKALIKE_{key.upper()}")
    if found:
        return found
    value = _in_file().get(key)
    if value is None or isinstance(value, str):
        return value
    raise InputError(f"{FILE}: {key} is {shown(value)}; give text in quotes")


def table(name: str) -> Mapping[str, Any]:
    """Return what the file says in the table `name`. Raises InputError as `configured` does."""
    found = _in_file().get(name, {})
    if isinstance(found, dict):
        return found
    raise InputError(f"{FILE}: {name} is {shown(found)}; write it as a table, [{name}]")


def _in_file() -> dict[str, Any]:
    try:
        told = tomllib.loads(FILE.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(f"{FILE}: cannot be read as TOML ({error}); mend or remove it") from None
    for name in told.keys() - {*KEYS, *TABLES}:
        raise InputError(f"{FILE}: {shown(name)} is not known; it may say {', '.join([*KEYS, *TABLES])}")
    return told
