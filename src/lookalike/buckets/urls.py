"""URLs of stores, as messages may show them."""

from __future__ import annotations


def shown_url(url: str) -> str:
    """Return `url` without password and options, whatever signs these hold.

    >>> shown_url("postgresql://shop:s?@cret@db:5432/look?sslmode=require")
    'postgresql://shop@db:5432/look'
    """
    scheme, separator, rest = url.partition("://")
    login, at, place = rest.rpartition("@")
    return f"{scheme}{separator}{login.partition(':')[0]}{at}{place.partition('?')[0]}"
