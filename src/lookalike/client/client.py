"""A collection behind a service, by the methods of a collection."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from lookalike.arguments import as_count, as_finite, check_text
from lookalike.catalogue import Source
from lookalike.catalogue.facets import Facet
from lookalike.catalogue.metadata import encoded
from lookalike.client.answers import UrlQuery, counts_of, hits_of, source_of
from lookalike.client.asking import as_asked, options_of, parameters, path_of, search_of
from lookalike.client.queries import query_of, search_query_of
from lookalike.client.sending import Pictures, form_of, row_bodies
from lookalike.client.transport import Transport
from lookalike.collection.add_plan import Metadata, Paths, as_paths
from lookalike.collection.add_plan import as_table as as_metadata_table
from lookalike.collection.copies import Copies
from lookalike.collection.explain import Explanation
from lookalike.collection.filters import Filters, as_where
from lookalike.collection.hits import Hits
from lookalike.collection.query import Asked, MixQuery, Query, as_query
from lookalike.collection.remove import as_names
from lookalike.collection.report import AddReport, Event
from lookalike.collection.request import Compared, SearchRequest
from lookalike.collection.row_arguments import check_name
from lookalike.collection.then import Chain, answer_chain
from lookalike.collection.walk import find_pictures
from lookalike.errors import InputError, OptionError, ServiceError

if TYPE_CHECKING:
    import httpx

TIMEOUT = 60.0
PAGE = 200
"""Hits or sources of one request."""
SENT_QUERIES = 100
SENT_IDS = 1000
POLLED_EVERY = 0.2


class Client:
    """A collection behind `lookalike serve`: the methods of `Collection` that make sense from afar.

    They take the same arguments, return the same and raise the same errors. Pictures that are searched by, or added,
    are read here and sent. What is known of places on the service's own disk stays there: `Hit.path` is None, and
    `places` are empty. A client is a context manager.

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

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """Number of sources."""
        return int(self._sources(limit=1)["total"])

    def search(
        self,
        query: Asked | UrlQuery | str | None = None,
        *,
        k: int = 10,
        text: str | None = None,
        where: Filters = None,
        features: Compared | None = None,
        blend: bool | float = False,
        text_weight: float | None = None,
        facets: Sequence[str] = (),
        candidates: str = "tokens",
        max_distance: float | None = None,
        strict: bool = False,
        then: Chain | None = None,
    ) -> Hits:
        """Find the `k` sources that look most like `query`; see `Collection.search`.

        Args:
            query: a source's id; the path of a picture here (as `Path`), or its bytes; a vector, or a mapping of
                features to vectors; a `UrlQuery`, where the service fetches URLs.

        Raises:
            What `Collection.search` raises; ServiceError, ServiceUnavailableError.
        """
        request = SearchRequest.of(
            k=k,
            text=text,
            where=where,
            features=features,
            blend=blend,
            text_weight=text_weight,
            facets=facets,
            candidates=candidates,
            max_distance=max_distance,
            strict=strict,
        )
        asked = None if query is None else as_asked(query)
        if then is not None:
            return answer_chain(asked, request, then, typed=as_asked, answer=self._found)
        return self._found(asked, request)

    def search_many(
        self,
        queries: Iterable[Asked | UrlQuery],
        *,
        k: int = 10,
        text: str | None = None,
        where: Filters = None,
        features: Compared | None = None,
        blend: bool | float = False,
        text_weight: float | None = None,
        facets: Sequence[str] = (),
        candidates: str = "tokens",
        max_distance: float | None = None,
        strict: bool = False,
    ) -> list[Hits]:
        """Find what looks like each of `queries`, in few requests; see `Collection.search_many`.

        With more than 200 hits each, and with more than 100 queries, not all are of one state of the collection.
        """
        request = SearchRequest.of(
            k=k,
            text=text,
            where=where,
            features=features,
            blend=blend,
            text_weight=text_weight,
            facets=facets,
            candidates=candidates,
            max_distance=max_distance,
            strict=strict,
        )
        if isinstance(queries, str | bytes | Mapping) or not isinstance(queries, Iterable):
            raise OptionError(f"queries is of type {type(queries).__name__}; give a list of queries")
        asked = [query if isinstance(query, UrlQuery) else as_query(query) for query in queries]
        if request.k > PAGE or any(isinstance(query, MixQuery) for query in asked):
            return [self._found(query, request) for query in asked]
        found: list[Hits] = []
        for start in range(0, len(asked), SENT_QUERIES):
            part = asked[start : start + SENT_QUERIES]
            body = {
                **search_of(request),
                "queries": [query_of(query, self._transport) for query in part],
                "limit": request.k,
            }
            pages = self._transport.send("POST", "/api/v1/search/batch", again=True, json=body)
            found += [hits_of([page], query, request) for page, query in zip(pages, part, strict=True)]
        return found

    def explain(
        self,
        query: Asked | UrlQuery | str,
        id_: str,
        *,
        k: int = 10,
        text: str | None = None,
        where: Filters = None,
        features: Compared | None = None,
        blend: bool | float = False,
        text_weight: float | None = None,
        max_distance: float | None = None,
    ) -> Explanation:
        """Tell why the source `id_` is, or is not, among the hits of a query; see `Collection.explain`."""
        request = SearchRequest.of(
            k=k,
            text=text,
            where=where,
            features=features,
            blend=blend,
            text_weight=text_weight,
            max_distance=max_distance,
        )
        if not isinstance(id_, str):
            raise OptionError(f"the source is {id_!r}; give its id, as a string")
        body = {
            **options_of(request),
            "query": query_of(as_asked(query), self._transport),
            "id": id_,
            "limit": request.k,
        }
        return Explanation.from_json(self._transport.send("POST", "/api/v1/explain", again=True, json=body))

    def list(
        self, *, text: str | None = None, where: Filters = None, limit: int | None = None
    ) -> Iterator[Source]:
        """Yield the sources in the order in which they were added; see `Collection.list`."""
        check_text(text)
        most = None if limit is None else as_count(limit, "limit", least=0)
        asked = {"order": "oldest", "text": text, "where": as_where(where)}
        first = self._sources(**asked, limit=PAGE if most is None else max(1, min(PAGE, most)))
        return self._listed(first, asked, most)

    def source(self, id_: str) -> Source:
        """Return one source. Raises UnknownIdError."""
        return source_of(self._transport.send("GET", path_of(id_)))

    def facets(
        self, fields: Sequence[str], *, text: str | None = None, where: Filters = None
    ) -> dict[str, Facet]:
        """Return the ten most frequent values of each field with their counts; see `Collection.facets`."""
        check_text(text)
        asked = parameters(text=text, where=as_where(where)) | {"field": list(fields)}
        return counts_of(self._transport.send("GET", "/api/v1/facets", params=asked))

    def growth(self) -> dict[str, int]:
        """Return how many of the sources were added on each day (ISO 8601, UTC), the first day first."""
        return dict(self._transport.send("GET", "/api/v1/growth"))

    def copies(
        self,
        feature: str | None = None,
        *,
        max_distance: float | None = None,
        newest: int = 500,
        most: int = 50,
    ) -> Copies:
        """Return groups of sources that look nearly the same, the largest first; see `Collection.copies`."""
        check_name(feature, "feature")
        within = None if max_distance is None else as_finite(max_distance, "max_distance")
        most = as_count(most, "most", least=0)
        asked = {
            "newest": as_count(newest, "newest", least=0),
            "limit": max(1, most),
        }
        told = self._transport.send(
            "GET", "/api/v1/groups", params=asked | parameters(feature=feature, max_distance=within)
        )
        groups = tuple(tuple(map(source_of, group)) for group in told["groups"][:most])
        return Copies(groups, told["looked_at"], told["total"])

    def info(self) -> dict[str, Any]:
        """Return what `Collection.info` does, but for where the collection is."""
        return dict(self._transport.send("GET", "/api/v1/collection"))

    def add(
        self,
        paths: Paths,
        *,
        metadata: Metadata = None,
        file_column: str | None = None,
        exclude: Iterable[str] | str | None = None,
    ) -> AddReport:
        """Send picture files and folders of them, and wait until they are added; see `Collection.add`.

        Args:
            metadata: a table or JSON Lines, or the fields of each picture by its path.
            file_column: of the table, where it has no usual name.
            exclude: patterns of what is left out of folders.

        Raises:
            PictureMissingError: one of `paths` does not exist.
            OptionError, MetadataError: an argument makes no sense.
            ServiceError: the service could not add them.
        """
        started = time.monotonic()
        wanted = as_paths(paths, "paths")
        found = find_pictures(wanted, exclude)
        table = as_metadata_table(metadata, wanted, file_column)
        report = AddReport(passed_over=found.passed_over)
        pictures = Pictures.of(found.files)
        for event in (*pictures.skipped, *(() if table is None else table.skipped)):
            report.count(event)
        refused: set[str] = set()
        for batch in pictures.batches(table):
            job = self._finished(self._transport.send("POST", "/api/v1/sources", **form_of(batch)))
            for outcome, count in job["outcomes"].items():
                if outcome != "skipped":
                    setattr(report, outcome, getattr(report, outcome) + count)
            for one in job["skipped"]:
                # The digest of one of ours, or the name of an older picture that was tried again.
                digest = one["name"].partition(".")[0]
                refused.add(digest)
                for path in pictures.paths.get(digest, ()):
                    report.count(Event("skipped", path, reason=one["reason"]))
        kept = [paths for digest, paths in pictures.paths.items() if digest not in refused]
        report.duplicate += sum(len(paths) - 1 for paths in kept)
        report.unmatched_metadata = 0 if table is None else table.unmatched
        report.seconds = time.monotonic() - started
        return report

    def add_vectors(
        self,
        vectors: Any,
        *,
        ids: Sequence[Any] | None = None,
        feature: str = "vectors",
        metric: str | None = None,
        metadata: Sequence[Mapping[str, Any]] | None = None,
        on_duplicate: str = "error",
    ) -> AddReport:
        """Add vectors; see `Collection.add_vectors`.

        What makes more than about 16 MB is sent in several requests, each of which adds all of its own or nothing.
        """
        started = time.monotonic()
        report = AddReport()
        given = {"ids": ids, "feature": feature, "metric": metric, "metadata": metadata}
        for body in row_bodies(vectors, **given, on_duplicate=on_duplicate):
            told = self._transport.send("POST", "/api/v1/vectors", json=body)
            for outcome, count in told.items():
                setattr(report, outcome, getattr(report, outcome) + count)
        report.seconds = time.monotonic() - started
        return report

    def update_metadata(self, id_: str, fields: Mapping[str, Any]) -> None:
        """Change what is known of a source; see `Collection.update_metadata`."""
        told = dict(fields)
        encoded(told, str(id_))
        self._transport.send("PATCH", path_of(id_), json={"metadata": told})

    def remove(self, what: Iterable[str] | str) -> int:
        """Remove sources by id; return how many. More than a thousand go in several requests.

        Raises:
            UnknownIdError: one of a request is not there; nothing of that request was removed then.
            InputError: something is no name.
        """
        names = list(dict.fromkeys(as_names(what)))
        if "" in names:
            raise InputError("'' is no name; give an id. Nothing was removed")
        removed = 0
        for start in range(0, len(names), SENT_IDS):
            body = {"ids": names[start : start + SENT_IDS]}
            removed += self._transport.send("POST", "/api/v1/sources/remove", json=body)["removed"]
        return removed

    def _found(self, query: Query | UrlQuery | None, request: SearchRequest) -> Hits:
        body = {**search_of(request), **search_query_of(query, self._transport)}
        pages: list[Mapping[str, Any]] = []
        left, cursor = request.k, None
        while True:
            asked = {**body, "limit": min(PAGE, left), "cursor": cursor}
            page = self._transport.send("POST", "/api/v1/search", again=True, json=asked)
            pages.append(page)
            left, cursor = left - len(page["hits"]), page["next"]
            if cursor is None or left <= 0:
                return hits_of(pages, query, request)

    def _sources(self, **given: Any) -> Any:
        return self._transport.send("GET", "/api/v1/sources", params=parameters(**given))

    def _listed(self, page: Any, asked: Mapping[str, Any], most: int | None) -> Iterator[Source]:
        start = 0
        while True:
            left = len(page["sources"]) if most is None else most - start
            yield from map(source_of, page["sources"][:left])
            start += len(page["sources"])
            if not page["sources"] or start >= page["total"] or (most is not None and start >= most):
                return
            size = PAGE if most is None else min(PAGE, most - start)
            page = self._sources(**asked, start=start, limit=size)

    def _finished(self, job: Mapping[str, Any]) -> Mapping[str, Any]:
        while job["state"] in ("waiting", "running"):
            time.sleep(POLLED_EVERY)
            job = self._transport.send("GET", f"/api/v1/jobs/{job['id']}")
        if job["state"] != "done":
            raise ServiceError(f"the pictures were not all added: {job['error']}")
        return job
