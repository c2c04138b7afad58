"""A collection behind a service, by the methods of a collection."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import numpy as np

from lookalike.client.transport import Transport
from lookalike.collection.filters import Filters, as_where, where_to_json
from lookalike.collection.hits import Hit, Hits
from lookalike.collection.query import PictureQuery, SourceQuery, VectorQuery, as_query
from lookalike.errors import OptionError, PictureMissingError, ServiceError, VectorError

if TYPE_CHECKING:
    import httpx

TIMEOUT = 60.0
PAGE = 200
"""Hits or sources of one request."""
SENT_BYTES = 16 << 20
"""Of pictures that are sent together."""
SENT_ROWS = 2_000
POLLED_EVERY = 0.2
HIDDEN = float("nan")


class Client:
    """A collection behind `lookalike serve`: the methods of `Collection` that make sense from afar.

    Pictures that are searched by, or added, are read here and sent. What hits tell of places on the service's own disk
    stays there: `Hit.path` is None.

        >>> with Client("http://localhost:8000") as shop:
        ...     shop.search(Path("shoe.jpg"), text="red", k=5)
    """

    def __init__(
        self, url: str, *, key: str | None = None, timeout: float = TIMEOUT, http: httpx.Client | None = None
    ) -> None:
        """Connect to a service.

        Args:
            url: as "http://localhost:8000".
            key: the read key, or the write key.
            timeout: seconds that one request may take.
            http: a client of httpx to send requests by, set up as the caller likes; it is not closed.

        Raises:
            OptionError: no such URL.
            MissingDependencyError: httpx is not installed.
        """
        self._transport = Transport(url, key, timeout, http)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """Number of sources."""
        return int(self._sources(limit=1)["total"])

    def search(
        self,
        query: Any = None,
        *,
        k: int = 10,
        text: str | None = None,
        where: Filters = None,
        features: Mapping[str, float] | None = None,
        blend: bool = False,
        max_distance: float | None = None,
    ) -> Hits:
        """Find the `k` sources that look most like `query`; see `Collection.search`.

        Args:
            query: a source's id, a picture's path (as `Path`) or bytes, a vector, or a mapping of features to vectors.

        Raises:
            What `Collection.search` raises; ServiceError, ServiceUnavailableError.
        """
        body = _options(text, where, features, blend, max_distance) | {"query": self._query(query)}
        hits: list[Hit] = []
        notes: tuple[str, ...] = ()
        cursor = None
        while True:
            asked = {**body, "limit": min(PAGE, k - len(hits)), "cursor": cursor}
            page = self._transport.send("POST", "/api/v1/search", again=True, json=asked)
            hits += [_hit(one) for one in page["hits"]]
            notes, cursor = tuple(page["notes"]), page["next"]
            if cursor is None or len(hits) >= k:
                return Hits(hits[:k], {"k": k, "text": text}, notes=notes)

    def search_many(
        self,
        queries: Iterable[Any],
        *,
        k: int = 10,
        text: str | None = None,
        where: Filters = None,
        features: Mapping[str, float] | None = None,
        blend: bool = False,
        max_distance: float | None = None,
    ) -> list[Hits]:
        """Find what looks like each of `queries`, in few requests; see `Collection.search_many`."""
        body = _options(text, where, features, blend, max_distance) | {"limit": k}
        asked = [self._query(query) for query in queries]
        found: list[Hits] = []
        for start in range(0, len(asked), 100):
            some = {**body, "queries": asked[start : start + 100]}
            pages = self._transport.send("POST", "/api/v1/search/batch", again=True, json=some)
            found += [Hits([_hit(one) for one in page["hits"]], notes=tuple(page["notes"])) for page in pages]
        return found

    def explain(self, query: Any, id_: str, *, k: int = 10, text: str | None = None, **options: Any) -> Any:
        """Tell why a source is, or is not, among the hits of a query, as JSON has it; see `Collection.explain`."""
        body = _options(text, **_defaulted(options)) | {"query": self._query(query), "id": id_, "limit": k}
        return self._transport.send("POST", "/api/v1/explain", again=True, json=body)

    def list(
        self, *, text: str | None = None, where: Filters = None, limit: int | None = None
    ) -> Iterator[Mapping[str, Any]]:
        """Yield the sources in the order in which they were added, as JSON has them."""
        start = 0
        while limit is None or start < limit:
            size = PAGE if limit is None else min(PAGE, limit - start)
            page = self._sources(order="oldest", text=text, where=where, start=start, limit=size)
            yield from page["sources"]
            start += len(page["sources"])
            if not page["sources"] or start >= page["total"]:
                return

    def source(self, id_: str) -> Mapping[str, Any]:
        """Return one source, as JSON has it. Raises UnknownIdError."""
        found: Mapping[str, Any] = self._transport.send("GET", _path(id_))
        return found

    def info(self) -> Mapping[str, Any]:
        """Return what the collection is made of; see `Collection.info`."""
        found: Mapping[str, Any] = self._transport.send("GET", "/api/v1/collection")
        return found

    def add(
        self,
        paths: Iterable[str | os.PathLike[str]] | str | os.PathLike[str],
        *,
        metadata: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> dict[str, int]:
        """Send picture files, and wait until they are added; return how many of each outcome there were.

        Args:
            metadata: the fields of each picture by its path, as it is in `paths`.

        Raises:
            PictureMissingError: a file cannot be read.
            PictureFormatError: a file is no picture, which none of its batch is added with.
            ServiceError: the service could not add them.
        """
        files = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
        outcomes: dict[str, int] = {}
        for batch in _batches([os.fspath(file) for file in files]):
            told = json.dumps([dict((metadata or {}).get(path, {})) for path, _ in batch])
            sent = [("pictures", (os.path.basename(path), data)) for path, data in batch]
            job = self._transport.send("POST", "/api/v1/sources", files=sent, data={"metadata": told})
            for outcome, count in self._finished(job)["outcomes"].items():
                outcomes[outcome] = outcomes.get(outcome, 0) + count
        return outcomes

    def add_vectors(
        self,
        vectors: Any,
        *,
        ids: Sequence[str] | None = None,
        feature: str = "vectors",
        metric: str | None = None,
        metadata: Sequence[Mapping[str, Any]] | None = None,
        on_duplicate: str = "error",
    ) -> int:
        """Add vectors; return how many. What was sent before an error stays: only each request is all or nothing."""
        rows = np.asarray(vectors, dtype=np.float64)
        added = 0
        for start in range(0, len(rows), SENT_ROWS):
            part = slice(start, start + SENT_ROWS)
            body = {
                "vectors": rows[part].tolist(),
                "ids": None if ids is None else list(ids[part]),
                "feature": feature,
                "metric": metric,
                "metadata": None if metadata is None else [dict(one) for one in metadata[part]],
                "on_duplicate": on_duplicate,
            }
            added += self._transport.send("POST", "/api/v1/vectors", json=body)["added"]
        return added

    def update_metadata(self, id_: str, fields: Mapping[str, Any]) -> None:
        """Change what is known of a source; see `Collection.update_metadata`."""
        self._transport.send("PATCH", _path(id_), json={"metadata": dict(fields)})

    def remove(self, ids: Iterable[str] | str) -> int:
        """Remove sources by id; return how many. Raises UnknownIdError for the first that is not there."""
        names = [ids] if isinstance(ids, str) else list(ids)
        for name in names:
            self._transport.send("DELETE", _path(name))
        return len(names)

    def _query(self, query: Any) -> dict[str, Any]:
        if query is None:
            return {}
        asked = SourceQuery(query) if isinstance(query, str) else as_query(query)
        if isinstance(asked, SourceQuery):
            return {"id": asked.id}
        if isinstance(asked, PictureQuery):
            data = asked.picture if isinstance(asked.picture, bytes) else _read(asked.picture)
            sent = self._transport.send("POST", "/api/v1/uploads", again=True, files={"picture": data})
            return {"upload": sent["id"]}
        if isinstance(asked, VectorQuery):
            vectors = asked.vectors
            if isinstance(vectors, Mapping):
                return {"vector": {name: _numbers(one) for name, one in vectors.items()}}
            return {"vector": _numbers(vectors)}
        raise OptionError(f"{type(asked).__name__} cannot be sent; give an id, a picture or vectors")

    def _sources(self, *, where: Filters = None, **given: Any) -> Any:
        filters = where_to_json(as_where(where))
        parameters = {name: value for name, value in given.items() if value is not None}
        if filters:
            parameters["where"] = json.dumps(filters)
        return self._transport.send("GET", "/api/v1/sources", params=parameters)

    def _finished(self, job: Mapping[str, Any]) -> Mapping[str, Any]:
        while job["state"] in ("waiting", "running"):
            time.sleep(POLLED_EVERY)
            job = self._transport.send("GET", f"/api/v1/jobs/{job['id']}")
        if job["state"] != "done":
            raise ServiceError(f"the pictures were not all added: {job['error']}")
        return job


def _options(
    text: str | None,
    where: Filters,
    features: Mapping[str, float] | None,
    blend: bool,
    max_distance: float | None,
) -> dict[str, Any]:
    return {
        "text": text,
        "where": where_to_json(as_where(where)),
        "features": None if features is None else dict(features),
        "blend": blend,
        "max_distance": max_distance,
    }


def _defaulted(options: Mapping[str, Any]) -> dict[str, Any]:
    known: dict[str, Any] = {"where": None, "features": None, "blend": False, "max_distance": None}
    for name in options.keys() - known.keys():
        raise OptionError(f"explain has no option {name!r}")
    return known | dict(options)


def _numbers(vector: Any) -> list[float]:
    """Return a vector as JSON has it, which knows no infinity. Raises VectorError."""
    try:
        numbers = np.asarray(vector, dtype=np.float64)
    except (TypeError, ValueError):
        raise VectorError("the query is no list of numbers; give a vector") from None
    if not np.isfinite(numbers).all():
        raise VectorError("the query has a number that is not finite; give finite ones")
    found: list[float] = numbers.tolist()
    return found


def _hit(told: Mapping[str, Any]) -> Hit:
    return Hit(
        id=told["id"],
        path=None,
        distance=HIDDEN if told["distance"] is None else told["distance"],
        features=told["features"],
        text_score=told["text_score"],
        metadata=told["metadata"],
    )


def _read(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise PictureMissingError(str(path), error.strerror or str(error)) from None


def _batches(paths: Sequence[str]) -> Iterator[list[tuple[str, bytes]]]:
    batch: list[tuple[str, bytes]] = []
    size = 0
    for path in paths:
        data = _read(path)
        if batch and (size + len(data) > SENT_BYTES or len(batch) == 200):
            yield batch
            batch, size = [], 0
        batch.append((path, data))
        size += len(data)
    if batch:
        yield batch


def _path(id_: str) -> str:
    return f"/api/v1/sources/{quote(id_, safe='')}"
