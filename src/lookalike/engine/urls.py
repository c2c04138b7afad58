"""URLs of search engines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args
from urllib.parse import unquote, urlsplit

from lookalike.errors import OptionError
from lookalike.urls import shown_url

Name = Literal["opensearch", "elasticsearch"]
NAMES: tuple[Name, ...] = get_args(Name)
PORT = 9200


@dataclass(frozen=True, slots=True)
class EngineUrl:
    """What a URL of an engine says.

    Its form is `opensearch://user:password@host:9200`, or `elasticsearch`, or either with `+https`; several hosts of
    one cluster are parted by commas. What a URL reserves is quoted in user and password, as `%40` for `@`.
    """

    name: Name
    hosts: tuple[str, ...]
    """`http://host:port` of each."""
    login: tuple[str, str] | None = field(repr=False)
    """User and password."""
    shown: str
    """The URL without its password."""

    @classmethod
    def parse(cls, url: str) -> EngineUrl:
        """Return what `url` says. Raises OptionError."""
        shown = shown_url(url)
        scheme, separator, rest = url.partition("://")
        name, _, secure = scheme.lower().partition("+")
        known = next((known for known in NAMES if known == name), None)
        if not separator or known is None or secure not in ("", "https"):
            raise OptionError(
                f"{shown!r} is no URL of a search engine; write opensearch://host:9200 or elasticsearch://host:9200, "
                "with +https before :// where the engine wants it"
            )
        login, at, places = rest.rstrip("/").rpartition("@")
        user, _, password = login.partition(":")
        hosts = tuple(_host(place, secure or "http", shown) for place in places.split(","))
        return cls(known, hosts, (unquote(user), unquote(password)) if at else None, shown)


def _host(place: str, protocol: str, shown: str) -> str:
    try:
        parts = urlsplit(f"{protocol}://{place}")
        host, port = parts.hostname, parts.port or PORT
    except ValueError:
        host, port = None, PORT
    if not host or parts.path or parts.query or parts.fragment:
        raise OptionError(
            f"{shown!r}: give host:port for each node of the engine, parted by commas, and nothing after"
        )
    return f"{protocol}://{f'[{host}]' if ':' in host else host}:{port}"
