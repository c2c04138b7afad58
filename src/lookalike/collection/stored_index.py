"""Where the buckets of a feature are kept, as the catalogue has it: without any password."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from lookalike.arguments import shown
from lookalike.collection.configuration import configured
from lookalike.errors import OptionError
from lookalike.hashing import FamilySpec
from lookalike.hashing.spec import LEARNED
from lookalike.urls import without_password

EMBEDDED = "embedded"
"""In place of the URL of a store: beside the catalogue, or in a folder of this machine."""
DEFAULT_FAMILY = "clusters"
"""Of vectors in a store: one table, whose buckets give their recall by few ids, the least to keep and to read."""
SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True)
class StoredIndex:
    """The store, the namespace and the family of a feature's buckets."""

    url: str
    """Without password."""
    namespace: str
    family: FamilySpec

    @classmethod
    def of(cls, index: Mapping[str, Any]) -> Self | None:
        """Return what `FeatureRecord.index` says; None where the index is embedded.

        Raises:
            OptionError: it says nothing of the kind.
        """
        if "store" not in index:
            return None
        url, namespace, family = index["store"], index.get("namespace"), FamilySpec.of(index.get("family"))
        if not isinstance(url, str) or not isinstance(namespace, str) or family is None:
            raise OptionError(
                f"an index is said to be in {shown(dict(index))}; choose one by lookalike index"
            )
        return cls(url, namespace, family)

    @classmethod
    def new(cls, url: str, feature: str, family: FamilySpec | None) -> Self:
        """Return a place for a feature's buckets that nothing else has."""
        if family is None:
            raise OptionError(
                f"{LEARNED} buckets are kept beside the catalogue alone; choose a hash family for a store, or "
                f"{EMBEDDED} in its place"
            )
        return cls(without_password(url), f"{feature}-{uuid.uuid4().hex[:12]}", family)

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.url} ({self.namespace})"

    def to_json(self) -> dict[str, Any]:
        """Return what `FeatureRecord.index` then says."""
        return {"store": self.url, "namespace": self.namespace, "family": self.family.to_json()}


def family_of(index: Mapping[str, Any]) -> FamilySpec | None:
    """Return the family that `FeatureRecord.index` asks for; None for learned buckets."""
    stored = StoredIndex.of(index)
    return FamilySpec.of(index) if stored is None else stored.family


def as_buckets(url: Any) -> str | None:
    """Return a URL of a store, or None for embedded indexes: by default as the environment or `lookalike.toml` says.

    The path of a file of SQLite is made absolute, since who opens the collection later may be in another folder.

    Raises:
        OptionError: it is no URL.
        InputError: the file is no TOML, or says something that is no text.
    """
    if url is None:
        url = configured("buckets")
    if url is None or url == EMBEDDED:
        return None
    if not isinstance(url, str) or not re.match(r"[a-z][a-z0-9+.-]*:", url):
        raise OptionError(
            f"buckets is {shown(url)}; give the URL of a store, such as redis://host, or {EMBEDDED}"
        )
    path = url.removeprefix(SQLITE)
    return f"{SQLITE}{os.path.abspath(path)}" if path and path != url else url


def with_password(url: str, given: str | None) -> str:
    """Return the URL to open a store by: `given`, or what the environment says, where that is the same store."""
    for other in (given, as_buckets(None)):
        if other is not None and without_password(other) == url:
            return other
    return url
