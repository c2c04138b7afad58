"""`lookalike info`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from lookalike.cli.common import collection_option, json_option, open_collection
from lookalike.cli.streams import print_json, put, shown

FOR_PROGRAMS = ("measurements", "stamp")
"""What is told in JSON alone."""


@click.command(short_help="Show counts, sizes, features and buckets.")
@collection_option
@json_option
def info(folder: Path, as_json: bool) -> None:
    """Show counts, sizes, features, hash families and bucket statistics.

    \b
    Examples:
      lookalike info
      lookalike info --json -c shop.lookalike
    """
    document = open_collection(folder).info()
    if as_json:
        print_json(document)
    else:
        for line in lines(document, ""):
            put(f"{shown(line)}\n")


def lines(document: Mapping[str, Any], indent: str) -> list[str]:
    """Return what a person reads of a nested document, as indented lines with names aligned within each level."""
    told = []
    document = {key: value for key, value in document.items() if key not in FOR_PROGRAMS}
    width = max((len(key) for key in document), default=0)
    for key, value in document.items():
        if isinstance(value, Mapping):
            told.append(f"{indent}{key}")
            told += lines(value, indent + "  ")
        else:
            told.append(f"{indent}{key:<{width}}  {_shown(key, value)}")
    return told


def _shown(key: str, value: Any) -> str:
    if key.endswith("bytes") and isinstance(value, int):
        return _bytes(value)
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    return str(value)


def _bytes(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:,.1f} {unit}"
        count /= 1024
    return f"{count:,.1f} TiB"
