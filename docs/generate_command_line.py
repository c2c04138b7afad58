"""Write docs/command-line.md from the commands themselves.

python docs/generate_command_line.py
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

PAGE = Path(__file__).parent / "command-line.md"
WIDTH = 100


def reference(group: click.Command, program: str) -> str:
    """Return the page in Markdown: the help of `group` and of every command below it, in the order of its help."""
    parts = [
        "# Command line",
        "This page is generated from the program by `docs/generate_command_line.py`. "
        f"`{program} VERB --help` prints the same.",
    ]
    for path, context in _walk(group, click.Context(group, info_name=program, **group.context_settings)):
        parts.append(f"{'#' * min(1 + len(path), 6)} {' '.join(path)}")
        parts.append(_fenced(context.get_help()))
    return "\n\n".join(parts) + "\n"


def _walk(command: click.Command, context: click.Context) -> Iterator[tuple[list[str], click.Context]]:
    # Fixed widths: the page must not depend on the terminal it is generated in.
    context.terminal_width = context.max_content_width = WIDTH
    yield context.command_path.split(), context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None and not child.hidden:
                yield from _walk(child, click.Context(child, info_name=name, parent=context))


def _fenced(text: str) -> str:
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    lines = "\n".join(line.rstrip() for line in text.strip().splitlines())
    return f"{fence}text\n{lines}\n{fence}"


if __name__ == "__main__":
    from lookalike.cli.verbs import lookalike

    PAGE.write_text(reference(lookalike, "lookalike"), encoding="utf-8")
