"""URLs of stores, as they may be kept and shown, and of pictures."""

from __future__ import annotations

import re


def is_web_address(place: str) -> bool:
    """Return whether a place is on the web, and no file's path."""
    return place.startswith(("http://", "https://"))


def without_password(url: str) -> str:
    """Return `url` without its password, be it before the host or among the options.

    >>> without_password("redis://shop:s3cret@db:6379/0?timeout=3&password=s3cret")
    'redis://shop@db:6379/0?timeout=3'
    >>> without_password("shop:s3cret@db:6379")  # what a URL is of is left out
    'shop@db:6379'
    """
    scheme, separator, rest = url.partition("://") if "://" in url else ("", "", url)
    asked = re.search(r"\?([^@]*&)?password=", rest, re.IGNORECASE)  # whatever signs come after it
    split = len(rest) if asked is None else asked.start()
    login, at, place = rest[:split].rpartition("@")
    user = login.partition(":")[0]
    place, mark, options = (place + rest[split:]).partition("?")
    kept = "&".join(one for one in options.split("&") if not one.lower().startswith("password="))
    return f"{scheme}{separator}{user}{at if user else ''}{place}{mark if kept else ''}{kept}"


def shown_url(url: str) -> str:
    """Return `url` without password and options, whatever signs these hold.

    >>> shown_url("postgresql://shop:s?@cret@db:5432/look?sslmode=require")
    'postgresql://shop@db:5432/look'
    >>> shown_url("redis://:s3cret@cache")
    'redis://cache'
    """
    return without_password(url).partition("?")[0]
