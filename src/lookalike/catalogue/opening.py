"""Which database a catalogue is in, told by where it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.catalogue.database import Database
from lookalike.errors import MissingDependencyError

if TYPE_CHECKING:
    from lookalike.catalogue.postgresql import Address

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
    address = address_of(str(location))
    from lookalike.catalogue.postgresql import PostgresSchema

    return PostgresSchema(address)


def address_of(url: str) -> Address:
    """The schema at a URL. Raises: OptionError for one that makes no sense; MissingDependencyError."""
    try:
        from lookalike.catalogue.postgresql import Address
    except ModuleNotFoundError as error:
        if error.name != "psycopg":
            raise
        raise MissingDependencyError(
            "collections on PostgreSQL need the package psycopg; run pip install 'lookalike[postgres]'"
        ) from None
    return Address.parse(url)
