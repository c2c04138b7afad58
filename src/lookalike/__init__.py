"""Lookalike finds pictures, or any vectors, that look alike, by locality-sensitive hashing.

    >>> import lookalike
    >>> with lookalike.Collection.open_or_create("photos.lookalike") as collection:
    ...     collection.add(["holiday-pictures"])
    ...     for hit in collection.search("holiday.jpg"):
    ...         print(hit.distance, hit.path)

The names below load when they are first used, so that the import itself is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lookalike.errors import LookalikeError

if TYPE_CHECKING:
    from lookalike.client import Client, UrlQuery
    from lookalike.collection import (
        Collection,
        Hit,
        Hits,
        MixQuery,
        PictureQuery,
        RowQuery,
        SourceQuery,
        TextQuery,
        Then,
        VectorQuery,
        Weighted,
    )
    from lookalike.engine import EngineIndex
    from lookalike.evaluation import Evaluation
    from lookalike.index import BucketIndex, Index, Tuning, tune_family

__version__ = "0.1.0"

__all__ = [
    "BucketIndex",
    "Client",
    "Collection",
    "EngineIndex",
    "Evaluation",
    "Hit",
    "Hits",
    "Index",
    "LookalikeError",
    "MixQuery",
    "PictureQuery",
    "RowQuery",
    "SourceQuery",
    "TextQuery",
    "Then",
    "Tuning",
    "UrlQuery",
    "VectorQuery",
    "Weighted",
    "__version__",
    "tune_family",
]

_ROOMS = {
    "BucketIndex": "lookalike.index",
    "Collection": "lookalike.collection",
    "Client": "lookalike.client",
    "EngineIndex": "lookalike.engine",
    "Evaluation": "lookalike.evaluation",
    "Hit": "lookalike.collection",
    "Hits": "lookalike.collection",
    "Index": "lookalike.index",
    "MixQuery": "lookalike.collection",
    "PictureQuery": "lookalike.collection",
    "RowQuery": "lookalike.collection",
    "SourceQuery": "lookalike.collection",
    "TextQuery": "lookalike.collection",
    "Then": "lookalike.collection",
    "Tuning": "lookalike.index",
    "UrlQuery": "lookalike.client",
    "VectorQuery": "lookalike.collection",
    "Weighted": "lookalike.collection",
    "tune_family": "lookalike.index",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_ROOMS[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
