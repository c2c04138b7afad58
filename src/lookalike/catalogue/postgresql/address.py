"""Where a catalogue on PostgreSQL is, as people write it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

import psycopg
from psycopg.conninfo import conninfo_to_dict

from lookalike.errors import OptionError

SCHEMA = "lookalike"
LONGEST_NAME_BYTES = 63
SECRET = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
IN_PATH = ("user", "host", "port", "dbname")


@dataclass(frozen=True, slots=True)
class Address:
    """A schema of a database. `parameters` are those of libpq, with the password if the URL has one."""

    parameters: Mapping[str, str]
    schema: str

    @classmethod
    def parse(cls, url: str) -> Address:
        """From `postgresql://user:password@host:port/database?schema=NAME`, and whatever else libpq takes.

        What is left out is as with PostgreSQL's own programs: from PGHOST, PGPASSWORD and so on, and from pgpass.

        Raises: OptionError, which does not repeat the URL, as a password may be in it.
        """
        place, _, query = url.partition("?")
        options = [option for option in query.split("&") if option]
        schemas = [option for option in options if option.startswith("schema=")]
        others = "&".join(option for option in options if option not in schemas)
        try:
            parsed = conninfo_to_dict(f"{place}?{others}" if others else place)
        except (psycopg.Error, UnicodeError):
            raise OptionError(
                "the URL of the collection makes no sense to PostgreSQL; write postgresql://USER@HOST:PORT/DATABASE, "
                "with %40 and the like for characters that mean something in URLs"
            ) from None
        schema = unquote(schemas[-1].removeprefix("schema=")) if schemas else SCHEMA
        _check_schema(schema)
        return cls({key: str(value) for key, value in parsed.items() if value is not None}, schema)

    @property
    def name(self) -> str:
        """The URL without its secrets."""
        user = self.parameters.get("user")
        hosts = self.parameters.get("host", "").split(",")
        ports = self.parameters.get("port", "").split(",")
        if len(ports) < len(hosts):
            ports = ports[:1] * len(hosts)
        places = ",".join(
            f"{_host(host)}:{port}" if port else _host(host) for host, port in zip(hosts, ports, strict=False)
        )
        options = {key: value for key, value in self.parameters.items() if key not in (*SECRET, *IN_PATH)} | (
            {"schema": self.schema} if self.schema != SCHEMA else {}
        )
        return "".join(
            (
                "postgresql://",
                f"{quote(user, safe='')}@" if user else "",
                places,
                f"/{quote(self.parameters.get('dbname', ''), safe='')}",
                "?" if options else "",
                "&".join(f"{key}={quote(value, safe='')}" for key, value in options.items()),
            )
        )


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else quote(host, safe="")


def _check_schema(name: str) -> None:
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        size = 0
    if (
        not 0 < size <= LONGEST_NAME_BYTES
        or "\0" in name
        or name.startswith("pg_")
        or name == "information_schema"
    ):
        raise OptionError(
            f"schema {name!r} cannot hold a collection; give another name of 1 to {LONGEST_NAME_BYTES} bytes"
        )
