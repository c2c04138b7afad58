"""`lookalike verify`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from lookalike.cli.common import (
    EXIT_DAMAGED,
    collection_option,
    json_option,
    open_collection,
)
from lookalike.cli.streams import print_json, put, shown


@click.command(short_help="Look for damage, and say what to do.")
@click.option("--files", is_flag=True, help="Read all pictures' files whole too.")
@collection_option
@json_option
def verify(folder: Path, files: bool, as_json: bool) -> None:
    """Look for damage, and say what to do about it.

    Reads the catalogue and every index whole: checksums, lengths, references, words, and whether the indexes hold
    what the catalogue holds. Also reports files that are gone, or have changed as far as size and time tell; with
    --files, their content. The exit status is 4 if anything was found.

    \b
    Examples:
      lookalike verify
      lookalike verify --json -c shop.lookalike
    """
    problems = []
    for problem in open_collection(folder).verify(files=files):
        problems.append(problem)
        if not as_json:
            for line in (f"{problem.where}: {problem.what}", f"    {problem.advice}"):
                put(f"{shown(line)}\n")
    if as_json:
        print_json([asdict(problem) for problem in problems])
    elif not problems:
        put("no damage found\n")
    if problems:
        sys.exit(EXIT_DAMAGED)
