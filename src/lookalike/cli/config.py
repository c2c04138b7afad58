"""lookalike config."""

from __future__ import annotations

import click

from lookalike.cli.common import json_option
from lookalike.cli.info import lines
from lookalike.cli.streams import print_json, put
from lookalike.errors import MissingDependencyError


@click.command(short_help="Show all settings, and where each is said.")
@json_option
def config(as_json: bool) -> None:
    """Show all settings, where each is said, and keys and passwords as hidden.

    A flag of a command counts before the environment (LOOKALIKE_...), and that before lookalike.toml in the working
    folder.

    \b
    Examples:
      lookalike config
      LOOKALIKE_PORT=9000 lookalike config --json
    """
    try:
        from lookalike.service.configure import described
    except ModuleNotFoundError as error:
        raise MissingDependencyError("lookalike config needs: pip install 'lookalike[service]'") from error
    rows = described({})
    if as_json:
        print_json({name: {"value": value, "from": place} for name, value, place in rows})
        return
    shown = {name: f"{_written(value)}  ({place})" for name, value, place in rows}
    put("\n".join(lines(shown, "")))


def _written(value: object) -> str:
    if value is None:
        return "-"
    return ", ".join(map(str, value)) or "-" if isinstance(value, list) else str(value)
