"""URLs of stores, as messages may show them."""

from __future__ import annotations


def shown_url(url: str) -> str:
    """Return `url` without password and options, whatever signs these hold.

    >>> shown_url("postgresql://shop:s?@cret@db:5432/look?sslmode=require")
    'postgresql://shop@db:5432/look'
    >>> shown_url("redis://:s3cret@cache")
    'redis://cache'
    """
    scheme, separator, rest = url.partition("://")
    login, _, place = rest.rpartition("@")
    user = login.partition(":")[0]
    return f"{scheme}{separator}{user and f'{user}@'}{place.partition('?')[0]}"
