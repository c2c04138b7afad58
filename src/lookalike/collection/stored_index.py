"""Where a feature is searched: in a bucket store or a search engine, as the catalogue has it, without any password."""

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
ENGINES = r"(opensearch|elasticsearch)(\+https)?://"
LONGEST_PLAIN = 100
"""Signs of a feature's name in that of its index."""


@dataclass(frozen=True, slots=True)
class StoredIndex:
    """The store, the namespace and the family of a feature's buckets."""

    url: str
    """Without password."""
    namespace: str
    family: FamilySpec
    kept = "buckets"

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


@dataclass(frozen=True, slots=True)
class EngineIndexed:
    """The search engine and the index there that a feature is searched by."""

    url: str
    """Without password."""
    index: str
    graph: bool = False
    """Whether the engine builds its own HNSW, too."""
    kept = "tokens"

    @classmethod
    def of(cls, index: Mapping[str, Any]) -> Self | None:
        """Return what `FeatureRecord.index` says; None where the feature is searched by something else.

        Raises:
            OptionError: it says nothing of the kind.
        """
        if "engine" not in index:
            return None
        url, name, graph = index["engine"], index.get("index"), index.get("graph", False)
        if not isinstance(url, str) or not isinstance(name, str) or not isinstance(graph, bool):
            raise OptionError(
                f"an index is said to be in {shown(dict(index))}; choose one by lookalike index"
            )
        return cls(url, name, graph)

    @classmethod
    def new(cls, url: str, feature: str, *, graph: bool) -> Self:
        """Return an index for a feature that nothing else has."""
        plain = re.sub(r"[^a-z0-9_-]+", "-", feature.lower())[:LONGEST_PLAIN]
        return cls(without_password(url), f"lookalike-{plain}-{uuid.uuid4().hex[:12]}", graph)

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.url} ({self.index})"

    def to_json(self) -> dict[str, Any]:
        """Return what `FeatureRecord.index` then says."""
        return {"engine": self.url, "index": self.index, "graph": self.graph}


def place_of(index: Mapping[str, Any]) -> StoredIndex | EngineIndexed | None:
    """Return where `FeatureRecord.index` says that a feature is searched; None beside the catalogue."""
    return StoredIndex.of(index) or EngineIndexed.of(index)


def is_shared(index: Mapping[str, Any]) -> bool:
    """Whether other machines search the same index."""
    return place_of(index) is not None


def family_of(index: Mapping[str, Any]) -> FamilySpec | None:
    """Return the family that `FeatureRecord.index` asks for; None for learned buckets, and for tokens."""
    place = place_of(index)
    if isinstance(place, EngineIndexed):
        return None
    return FamilySpec.of(index) if place is None else place.family


def is_engine(url: str) -> bool:
    """Whether a URL is that of a search engine."""
    return re.match(ENGINES, url, re.IGNORECASE) is not None


def as_engine(url: Any) -> str | None:
    """Return a URL of a search engine, or None for none: by default as the environment or `lookalike.toml` says.

    Raises:
        OptionError: it is no such URL.
        InputError: the file is no TOML.
    """
    if url is None:
        url = configured("engine")
    if url is None or url == EMBEDDED:
        return None
    if not isinstance(url, str) or not is_engine(url):
        raise OptionError(
            f"engine is {_shown(url)}; give the URL of a search engine, such as opensearch://host:9200, or {EMBEDDED}"
        )
    return url


def as_place(buckets: Any, engine: Any) -> str | None:
    """Return the URL where features that are new are searched; None beside the catalogue.

    What is given counts before what the environment or `lookalike.toml` says.

    Raises:
        OptionError: a store and an engine are asked for, or one of them is no URL.
        InputError: the file is no TOML.
    """
    if buckets is not None and engine is None:
        return as_buckets(buckets)
    if engine is not None and buckets is None:
        return as_engine(engine)
    store, searched = as_buckets(buckets), as_engine(engine)
    if store is not None and searched is not None:
        raise OptionError(
            "buckets and engine both say where new features are searched; give one of them, or embedded for the other"
        )
    return store or searched


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
            f"buckets is {_shown(url)}; give the URL of a store, such as redis://host, or {EMBEDDED}"
        )
    path = url.removeprefix(SQLITE)
    return f"{SQLITE}{os.path.abspath(path)}" if path and path != url else url


def with_password(url: str, given: str | None) -> str:
    """Return the URL to open a store or an engine by: `given`, or what is configured, where that is the same one."""
    for other in (given, as_engine(None) if is_engine(url) else as_buckets(None)):
        if other is not None and without_password(other) == url:
            return other
    return url


def _shown(url: Any) -> str:
    """Return what may be a mistyped URL as messages show it, without its password."""
    return shown(without_password(url) if isinstance(url, str) else url)
