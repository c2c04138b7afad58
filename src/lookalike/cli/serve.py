"""lookalike serve."""

from __future__ import annotations

import os
from pathlib import Path

import click

from lookalike.cli.common import collection_option
from lookalike.cli.streams import tell
from lookalike.errors import MissingDependencyError


@click.command(short_help="Serve the collection: a page for people, an API for programs.")
@collection_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8000, show_default=True, help="The port.")
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="A further name by which browsers call the service.",
)
@click.option(
    "--open-to-all",
    is_flag=True,
    help="Let everybody who reaches another address than loopback read and change.",
)
def serve(folder: Path | str, host: str, port: int, hosts: tuple[str, ...], open_to_all: bool) -> None:
    """Serve the collection at http://127.0.0.1:8000: a page to look, search and compare, and an API under /api/v1.

    Keys are taken from $LOOKALIKE_READ_KEY and $LOOKALIKE_WRITE_KEY; without any, only this machine is served.
    """
    try:
        import uvicorn

        from lookalike.service.app import make_app
    except ModuleNotFoundError as error:
        raise MissingDependencyError("lookalike serve needs: pip install 'lookalike[service]'") from error
    from lookalike.service.keys import Keys
    from lookalike.service.settings import Settings

    keys = Keys.of(read=os.environ.get("LOOKALIKE_READ_KEY"), write=os.environ.get("LOOKALIKE_WRITE_KEY"))
    settings = Settings(
        collection=str(folder), host=host, port=port, hosts=hosts, keys=keys, open_to_all=open_to_all
    )
    tell(f"serving {folder} at http://{host}:{port} (Ctrl-C ends it)")
    uvicorn.run(make_app(settings), host=host, port=port, log_level="warning", server_header=False)
