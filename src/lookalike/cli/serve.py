"""lookalike serve."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from lookalike.cli.common import NamedPath, collection_option
from lookalike.cli.streams import tell
from lookalike.errors import MissingDependencyError


@click.command(short_help="Serve the collection: a page for people, an API for programs.")
@collection_option
@click.option("--host", help="The address to listen at. [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="The port. [default: 8000]")
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="A further name by which browsers call the service.",
)
@click.option(
    "--pictures", type=NamedPath(file_okay=False), help="The folder that takes pictures which clients add."
)
@click.option("--cache", type=NamedPath(file_okay=False), help="The folder of thumbnails, uploads and jobs.")
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that answer."
)
@click.option(
    "--fetch-urls",
    is_flag=True,
    default=None,
    help="Let clients search by the URL of a picture on the public internet, and add some by IIIF.",
)
@click.option(
    "--log-format",
    type=click.Choice(("json", "text")),
    help="Of the log's lines. [default: text in a terminal, else json]",
)
@click.option(
    "--open-to-all",
    is_flag=True,
    default=None,
    help="Let everybody who reaches another address than loopback read and change.",
)
def serve(folder: Path | str, workers: int, **flags: Any) -> None:
    """Serve the collection: a page to look, search and compare at http://127.0.0.1:8000, and an API under /api/v1.

    Keys are taken from $LOOKALIKE_READ_KEY and $LOOKALIKE_WRITE_KEY, or [service] in lookalike.toml; without any, only
    this machine is served. lookalike config shows all settings.

    \b
    Examples:
      lookalike serve                       this collection, at this machine
      lookalike serve -c shop --port 9000
      LOOKALIKE_READ_KEY=... lookalike serve --host 0.0.0.0 --allow-host pictures.example.org
    """
    try:
        from lookalike.service.configure import settings_of
        from lookalike.service.server import run
    except ModuleNotFoundError as error:
        raise MissingDependencyError("lookalike serve needs: pip install 'lookalike[service]'") from error
    said = {name: value for name, value in flags.items() if value not in (None, ())}
    settings = settings_of(str(folder), said)
    os.environ["LOOKALIKE_COLLECTION"] = str(folder)
    for name, value in said.items():  # for further workers, which read them there
        os.environ[f"LOOKALIKE_{name.upper()}"] = ",".join(value) if isinstance(value, tuple) else str(value)
    run(settings, workers, ready=lambda address: tell(f"serving {folder} at {address} (Ctrl-C ends it)"))
