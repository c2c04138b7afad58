"""What the service is told: by flags, else by the environment, else by `[service]` in `lookalike.toml`."""

from __future__ import annotations

import hashlib
import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lookalike.catalogue.opening import is_url
from lookalike.collection.server_backend import user_cache
from lookalike.errors import OptionError
from lookalike.images import MAX_PIXELS
from lookalike.service.keys import Keys
from lookalike.urls import without_password

MEGA = 1 << 20
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request, one client and the whole service may take."""

    request_bytes: int = 32 * MEGA
    """Of a request's body."""
    receive_seconds: float = 20.0
    """Within which a request has to be there whole."""
    answer_seconds: float = 30.0
    """Within which a picture that is sent has to be decoded and described."""
    max_pixels: int = MAX_PIXELS
    """Of a picture that is sent."""
    most_hits: int = 1000
    """That one search may reach, all its pages together."""
    most_queries: int = 100
    """Of a batch."""
    concurrency: int = 64
    """Requests that are worked on or wait for it; further ones are told 503."""
    requests_a_second: float = 50.0
    """Of one client, on average; further ones are told 429."""
    burst: int = 200
    """Requests that a client may send at once."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the service is told."""

    collection: str = ".lookalike"
    host: str = "127.0.0.1"
    port: int = 8000
    hosts: tuple[str, ...] = ()
    """Names by which clients may address the service, beside `host` itself and localhost."""
    keys: Keys = field(default_factory=Keys)
    open_to_all: bool = False
    """Whether a service that others can reach needs no key."""
    pictures: Path | None = None
    """Folder that takes pictures which clients add; by default `pictures` in the collection's own folder."""
    cache: Path | None = None
    """Folder of thumbnails, uploads and jobs; by default one in the user's cache."""
    cache_bytes: int = 1024 * MEGA
    fetch_urls: bool = False
    """Whether clients may search by the URL of a picture, which the service then fetches from the public internet."""
    url_ports: tuple[int, ...] = (80, 443)
    """That such URLs may name."""
    log_format: Literal["json", "text"] | None = None
    """Of the lines of the log; by default text in a terminal, and JSON elsewhere."""
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not self.is_local and not self.keys and not self.open_to_all:
            raise OptionError(
                f"host {self.host} can be reached by others, who could read and change everything: set keys "
                "(LOOKALIKE_READ_KEY, LOOKALIKE_WRITE_KEY), or say --open-to-all in so many words"
            )
        if not 0 <= self.port <= 65_535:
            raise OptionError(f"port is {self.port}; give a number from 0 to 65535")

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def cache_folder(self) -> Path:
        """Where thumbnails, uploads and jobs are kept."""
        name = hashlib.sha256(self.place.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return self.cache or user_cache() / "lookalike" / "service" / name

    @property
    def pictures_folder(self) -> Path:
        """Where pictures that clients add are kept.

        Raises:
            OptionError: the collection is on a server, and nobody said.
        """
        if self.pictures is not None:
            return self.pictures
        if is_url(self.collection):
            raise OptionError(
                "the collection is on a server; say with --pictures where pictures shall be kept"
            )
        return Path(self.place) / "pictures"

    @property
    def place(self) -> str:
        """Where the collection is: its folder from the root, or its URL without a password."""
        if is_url(self.collection):
            return without_password(self.collection)
        return os.path.abspath(self.collection)

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """What a request's Host header may name, without its port.

        A page of another origin whose name is made to lead here (DNS rebinding) names another.
        """
        return frozenset(name.lower() for name in (*LOOPBACK, self.host, *self.hosts))
