"""An index in a search engine: look-alikes, words and filters in one query."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self, TypeVar, Unpack

from lookalike.arguments import as_count
from lookalike.arrays import Float32, Given, Metric
from lookalike.catalogue.where import Where
from lookalike.engine.asked import Asked, SearchOptions
from lookalike.engine.attaching import attach_feature, drop_index
from lookalike.engine.client import TIMEOUT, Engine
from lookalike.engine.defaults import RECALL
from lookalike.engine.documents import check_documents, check_ids
from lookalike.engine.explain import alike_documents, explain_document, read_vectors
from lookalike.engine.families import save_arrays
from lookalike.engine.header import Header, find_index
from lookalike.engine.hits import EngineExplanation, EngineHits
from lookalike.engine.layout import create_index, delete_index, publish_index, refresh_index
from lookalike.engine.mapping import check_feature_name, check_index_name, user_properties
from lookalike.engine.multi_search import search_request
from lookalike.engine.rebuilding import rebuild_index
from lookalike.engine.search import Search
from lookalike.engine.stats import EngineStats, read_stats
from lookalike.engine.target import Target, feature_header, given_dtype, given_scheme, read_target
from lookalike.engine.tokens import TokenScheme
from lookalike.engine.writing import add_documents, delete_documents, in_streams, strip_documents
from lookalike.errors import EngineError, OptionError

GONE = frozenset({"index_not_found_exception", "alias_not_found_exception"})

T = TypeVar("T")


class EngineIndex:
    """One feature of an index in OpenSearch or Elasticsearch. Safe for threads; a context manager.

    Vectors are tokens in the engine's inverted index, which finds candidates; exact distances order them.

        >>> with EngineIndex.create("opensearch://127.0.0.1:9200", "museum", sample=vectors) as index:
        ...     index.add(ids, vectors)
        ...     index.search(vectors[0], k=5).ids
    """

    def __init__(self, engine: Engine, name: str, feature: str, *, owns_engine: bool) -> None:
        """Take what `open` found."""
        self._engine, self.name, self.feature, self._owns_engine = engine, name, feature, owns_engine
        self._target = read_target(engine, name, feature)

    @classmethod
    def create(
        cls,
        engine: Any,
        index: str,
        *,
        sample: Given | None = None,
        scheme: TokenScheme | None = None,
        metric: Metric = "euclidean",
        rows: int | None = None,
        recall: float = RECALL,
        dtype: str | None = None,
        feature: str = "vector",
        fields: Mapping[str, Any] | None = None,
        shards: int = 1,
        replicas: int = 0,
        graph: bool = False,
        timeout: float = TIMEOUT,
    ) -> Self:
        """Make an index that is not there.

        Args:
            engine: its URL, such as `opensearch://user:password@host:9200` or `elasticsearch+https://...`, or a client.
            index: its name; the index itself is behind it as an alias, so that it can be rebuilt while it is searched.
            sample: vectors (n, d) such as will be added, which tokens are learned from.
            scheme: instead of a sample; its metric is the index's.
            metric: "euclidean" or "cosine".
            rows: documents that there will be, by which a scheme is chosen; by default as many as the sample has.
            recall: of the ten nearest documents, what share is to be among the candidates.
            dtype: of the vectors that are kept, by default the sample's: "float32", or, under euclidean, "uint8" or
                "int8", which take a quarter of the disk and are written sooner, but hold no other numbers.
            fields: fields of documents that are filtered, counted or searched by words: each "keyword", "long",
                "double", "date", "boolean" or "text", or a mapping as the engine takes it. Others are kept and
                returned.
            graph: whether the engine shall index vectors by its own HNSW too, for `candidates="knn"`.
            timeout: seconds that one request may take.

        Raises:
            OptionError, VectorError: what was given is no such thing.
            EngineError: the index is there, or the engine refuses it.
            EngineUnavailableError: the engine cannot be reached.
        """
        check_index_name(index)
        check_feature_name(feature)
        properties = user_properties(fields or {})
        kept = given_dtype(sample, dtype, metric if scheme is None else scheme.metric)
        fitted, forecast = given_scheme(sample, scheme, metric, rows, recall)
        shards = as_count(shards, "shards", least=1, most=1024)
        replicas = as_count(replicas, "replicas", least=0, most=1024)
        with _opened(engine, timeout) as opened:
            _check_absent(opened, index)
            header = feature_header(opened, fitted, dtype=kept, owned=True, graph=graph, forecast=forecast)
            whole = Header(True, {feature: header})
            own = create_index(opened, index, whole, properties, shards=shards, replicas=replicas)
            try:
                save_arrays(opened, fitted.arrays())
                publish_index(opened, index, own)
            except BaseException:
                delete_index(opened, own)
                _check_absent(opened, index)
                raise
            return cls(opened, index, feature, owns_engine=opened is not engine)

    @classmethod
    def attach(
        cls,
        engine: Any,
        index: str,
        *,
        sample: Given | None = None,
        scheme: TokenScheme | None = None,
        metric: Metric = "euclidean",
        rows: int | None = None,
        recall: float = RECALL,
        dtype: str | None = None,
        feature: str = "vector",
        timeout: float = TIMEOUT,
    ) -> Self:
        """Add a feature to an index that is there, such as one of the user's own.

        The index gains the fields `lookalike.FEATURE.tokens` and `.vector` and an entry in its mapping's `_meta`;
        nothing else of it changes. Arguments and errors are those of `create`.
        """
        check_index_name(index)
        check_feature_name(feature)
        kept = given_dtype(sample, dtype, metric if scheme is None else scheme.metric)
        fitted, forecast = given_scheme(sample, scheme, metric, rows, recall)
        with _opened(engine, timeout) as opened:
            attach_feature(opened, index, feature, fitted, kept, forecast)
            return cls(opened, index, feature, owns_engine=opened is not engine)

    @classmethod
    def open(cls, engine: Any, index: str, *, feature: str = "vector", timeout: float = TIMEOUT) -> Self:
        """Open a feature of an index that `create` or `attach` made.

        Raises:
            EngineError: there is no such index or feature, or it was made by a newer version, or is damaged.
            EngineUnavailableError: the engine cannot be reached.
        """
        check_index_name(index)
        check_feature_name(feature)
        with _opened(engine, timeout) as opened:
            return cls(opened, index, feature, owns_engine=opened is not engine)

    @property
    def dimension(self) -> int:
        """Of the vectors."""
        return self._target.header.dimension

    @property
    def metric(self) -> Metric:
        """By which vectors are compared."""
        return self._target.header.metric

    @property
    def scheme(self) -> TokenScheme:
        """How vectors become tokens."""
        return self._target.scheme

    def __len__(self) -> int:
        """Return how many documents have a vector."""
        return self._current(lambda target: Search(target, Asked.of()).count())

    def add(
        self,
        ids: Sequence[str],
        vectors: Given,
        documents: Sequence[Mapping[str, Any]] | None = None,
        *,
        refresh: bool = True,
    ) -> int:
        """Write documents with their vectors, in place of those that have the ids; return how many.

        Each document is written whole. What was written before an error stays, and may be written again.

        Args:
            ids: the documents' own, (n,).
            vectors: (n, dimension).
            documents: the user's fields, (n,). None: documents that are there keep theirs, and in an index of the
                user's own all have to be there.
            refresh: whether searches see them at once, which costs time where few are added at a time.

        Raises:
            InputError: what was given is no such thing, or does not fit a field's type.
            UnknownIdError: no document of that id in an index of the user's own.
            EngineWriteError: the engine refused some; `refused` says which and why.
            EngineUnavailableError: it cannot be reached, or is too busy.
        """
        names = check_ids(ids)
        rows = self._target.rows(vectors)
        if len(rows) != len(names):
            raise OptionError(f"{len(names)} ids come with {len(rows)} vectors; give one vector for each id")
        if documents is not None:
            check_documents(names, documents, self._target.fields, strict=self._target.whole.owned)

        def write_part(part: slice) -> None:
            some = None if documents is None else documents[part]
            self._current(lambda target: add_documents(target, names[part], rows[part], some))

        in_streams(write_part, len(names))
        if refresh:
            self.refresh()
        return len(names)

    def remove(self, ids: Sequence[str], *, refresh: bool = True) -> int:
        """Delete documents; return how many were there. Of an index of the user's own, only the feature is taken out.

        Raises:
            InputError: no such ids.
            EngineError: the engine refuses, or cannot be reached.
        """
        names = check_ids(ids)
        taken_out = delete_documents if self._target.whole.owned else strip_documents
        removed = self._current(lambda target: taken_out(target, names))
        if refresh:
            self.refresh()
        return removed

    def refresh(self) -> None:
        """Let searches see all that was written."""
        refresh_index(self._engine, self.name)

    def vectors(self, ids: Sequence[str]) -> Float32:
        """Return the vectors of documents (n, dimension), of length one under cosine. Raises UnknownIdError."""
        names = check_ids(ids)
        return self._current(lambda target: read_vectors(target, names))

    def search(self, query: Given, k: int = 10, **options: Unpack[SearchOptions]) -> EngineHits:
        """Return the k documents nearest to a vector.

        Args:
            query: (dimension,).
            k: at most 5,000.
            text: words, each of which has to occur in some text field; or, with `text_weight`, which rank hits too.
            text_weight: how much words count beside looks, from 0 to 1: the two rankings are fused by reciprocal rank.
            where: a filter, which never costs a hit: `{"year": (1900, None), "material": ["oak", "ash"]}`, or a
                `Where`.
            facets: fields whose most frequent values are counted, among all documents that meet filter and `text`.
            max_distance: farther documents are left out.
            candidates: "tokens", or "knn" to have the engine's own HNSW find them, in an index made with `graph`.
            documents: whether hits come with their documents; they do by default.

        Raises:
            InputError: what was given is no such thing.
            EngineUnavailableError: the engine, or one of the index's shards, cannot be reached.
            EngineError: the engine refuses.
        """
        row, asked = self._one(query), Asked.of(k, **options)
        return self._current(lambda target: Search(target, asked).run(row)[0])

    def search_many(self, queries: Given, k: int = 10, **options: Unpack[SearchOptions]) -> list[EngineHits]:
        """Return for each of `queries` (q, dimension) what `search` does with these options, in few requests."""
        rows, asked = self._target.queries(queries, "queries"), Asked.of(k, **options)
        return self._current(lambda target: Search(target, asked).run(rows)) if len(rows) else []

    def request(self, query: Given, k: int = 10, **options: Unpack[SearchOptions]) -> dict[str, Any]:
        """Return the request that `search` sends first for its hits: method, path, params and body, as JSON types."""
        import orjson

        row, asked = self._one(query), Asked.of(k, **options)

        def made(target: Target) -> dict[str, Any]:
            search = Search(target, asked)
            path, params, body = search_request(target.index, search.bodies(row, search.plan()))
            plain = orjson.loads(orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY))
            return {"method": "POST", "path": path, "params": params, "body": plain}

        return self._current(made)

    def explain(self, query: Given, id: str) -> EngineExplanation:  # noqa: A002
        """Return which tokens a document shares with a query, and its distance. Raises UnknownIdError."""
        row = self._one(query)
        (name,) = check_ids([id])
        return self._current(lambda target: explain_document(target, row[0], name))

    def more_like_this(
        self,
        query: Given | None = None,
        k: int = 10,
        *,
        id: str | None = None,  # noqa: A002
        where: Where | Mapping[str, Any] | None = None,
    ) -> EngineHits:
        """Return the k documents nearest to a vector, or to a document, among candidates of `more_like_this`.

        That is the engines' own query by documents, here with all its limits set; it knows no probes and no closeness,
        and finds less than `search`. Arguments and errors are those of `search`; UnknownIdError for no such document.
        """
        if (query is None) == (id is None):
            raise OptionError("more_like_this takes a vector or the id of a document; give one of them")
        row = self.vectors([id]) if id is not None else self._one(query)
        asked = Asked.of(k, where=where)
        return self._current(lambda target: alike_documents(target, row[0], id, asked))

    def rebuild(self, *, sample: Given | None = None, scheme: TokenScheme | None = None) -> None:
        """Learn tokens anew and write all documents into a new index, which then takes the place of the old.

        Searches go on meanwhile, by the old one. Writes are refused until it is done, so that none is lost. Where it is
        cut short, the old index stays, and another rebuild lets it be written again.

        Args:
            sample: vectors to learn from; by default some of the index's own.
            scheme: instead of learning.

        Raises:
            EngineError: the index is the user's own, or the engine refuses.
        """
        target = read_target(self._engine, self.name, self.feature)
        rebuild_index(target, sample, scheme)
        self._target = read_target(self._engine, self.name, self.feature)

    def stats(self) -> EngineStats:
        """Return counts and sizes. Raises EngineError."""
        self._target = read_target(self._engine, self.name, self.feature)
        return read_stats(self._target)

    def drop(self) -> None:
        """Delete the index. Of one of the user's own, the feature is taken out of documents and header."""
        drop_index(read_target(self._engine, self.name, self.feature))

    def close(self) -> None:
        """Close the connections, unless the engine is the caller's."""
        if self._owns_engine:
            self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _one(self, query: Given | None) -> Float32:
        assert query is not None
        row = self._target.queries(query, "query")
        if len(row) != 1:
            raise OptionError(f"query holds {len(row)} vectors; give one, or call search_many")
        return row

    def _current(self, call: Callable[[Target], T]) -> T:
        """Return what `call` does with the index as it is known, or as it is where that is gone: it was rebuilt."""
        try:
            return call(self._target)
        except EngineError as error:
            if error.kind not in GONE:
                raise
            self._target = read_target(self._engine, self.name, self.feature)
            return call(self._target)


@contextmanager
def _opened(target: Any, timeout: float) -> Iterator[Engine]:
    """Give an engine, which is closed where the body raises, unless it is the caller's."""
    engine = Engine.open(target, timeout=timeout)
    try:
        yield engine
    except BaseException:
        if engine is not target:
            engine.close()
        raise


def _check_absent(engine: Engine, name: str) -> None:
    try:
        find_index(engine, name)
    except EngineError as error:
        if error.kind in GONE:
            return
        raise
    raise EngineError(
        f"{engine.shown}, index {name!r}: it is there already; open it, attach a feature to it, or name another"
    )
