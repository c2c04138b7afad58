"""Which database a catalogue is in, told by where it is."""

from __future__ import annotations

from pathlib import Path

from lookalike.catalogue.database import Database
from lookalike.errors import MissingDependencyError

SCHEMES = ("postgresql://", "postgres://")


def is_url(location: object) -> bool:
    """Whether a location is the URL of a catalogue on a server."""
    return isinstance(location, str) and location.startswith(SCHEMES)


def database_at(location: Path | str) -> Database:
    """The database at the URL `location`, or in the file of that path.

    Raises: OptionError for a URL that makes no sense; MissingDependencyError.
    """
    if not is_url(location):
        from lookalike.catalogue.sqlite import SqliteFile

        return SqliteFile(Path(location))
    try:
        from lookalike.catalogue.postgresql import Address, PostgresSchema
    except ModuleNotFoundError as error:
        if error.name != "psycopg":
            raise
        raise MissingDependencyError(
            "collections on PostgreSQL need the package psycopg; run pip install 'lookalike[postgres]'"
        ) from None
    return PostgresSchema(Address.parse(str(location)))
