"""A collection's index in a search engine, as it lies there: documents that follow a catalogue by its stamp.

A document is named by its source's number. Whoever writes first says in the header which state is being written, then
writes and deletes whole documents, and says at last that they are of that state. Killed amid that, it leaves the older
stamp; who finds that writes the same again, and no harm is done by doing it twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Protocol

import numpy as np

from lookalike.arrays import Bool, Int64, Metric, Rows
from lookalike.catalogue.records import Metadata
from lookalike.engine.bulk import Action, write
from lookalike.engine.client import Engine, path_of
from lookalike.engine.documents import read_documents, vectors_of
from lookalike.engine.families import save_arrays
from lookalike.engine.few import rows_compared, scheme_of_few
from lookalike.engine.filters import MOST_TERMS, Clause
from lookalike.engine.header import Following, Found, Header, find_index
from lookalike.engine.layout import (
    all_ids,
    create_index,
    delete_index,
    forget_families,
    publish_index,
    put_header,
    refresh_index,
    writing_alias,
)
from lookalike.engine.mapping import OBJECT, vector_type
from lookalike.engine.records import record_fields, record_properties
from lookalike.engine.target import Target, feature_header, given_scheme, read_target
from lookalike.engine.tokens import TokenScheme
from lookalike.engine.vector_form import VectorForm, engine_dtype
from lookalike.engine.writing import added_objects
from lookalike.errors import EngineError
from lookalike.index.base import VectorReader
from lookalike.index.row_forms import prepared

FEATURE = "vector"
"""What the one feature of such an index is called there."""
NUMBER = "number"
"""The field of a source's number."""
DIGITS = 19
"""Of a document's id, so that ids and numbers have one order."""
SAMPLE = 20_000
"""Vectors that tokens are learned from."""
WRITTEN_TOGETHER = 1_000
"""Documents whose tokens are made at a time."""
READ_TOGETHER = 200
"""Documents, with their vectors, at a time."""


class StateReader(VectorReader, Protocol):
    """A reader of vectors of one state of a catalogue."""

    def stamp(self) -> int:
        """Return the stamp of its state."""
        ...

    def generation_of(self, stamp: int) -> int | None:
        """Return the place of the state `stamp` among all states up to its own; None where it is none of them."""
        ...

    def metadata(self, ids: Int64) -> Sequence[Metadata]:
        """Return the metadata of each of the sources `ids`."""
        ...


GONE = frozenset({"index_not_found_exception", "alias_not_found_exception"})


@dataclass(frozen=True, slots=True)
class Followed:
    """An index of one state, as a process knows it."""

    target: Target
    follows: Following


def id_of(number: int) -> str:
    """Return the id of a source's document."""
    return f"{number:0{DIGITS}d}"


def having(numbers: Int64) -> list[Clause]:
    """Return clauses of which each document of these numbers meets one, and no other document any."""
    starts = range(0, len(numbers), MOST_TERMS)
    return [{"terms": {NUMBER: numbers[start : start + MOST_TERMS].tolist()}} for start in starts]


def find_followed(engine: Engine, name: str, known: Followed | None = None) -> Followed | None:
    """Return the index that `name` stands for now; None where there is none that follows a catalogue.

    Args:
        known: as it was; where it is the same index, its tokens are not read again.

    Raises:
        EngineError: it was made by a newer version, or is damaged, or the engine refuses.
        EngineUnavailableError: the engine cannot be reached.
    """
    found = _found(engine, name)
    follows = None if found is None else _follows(found)
    if found is None or follows is None:
        return None
    if known is not None and known.target.index == found.index:
        return Followed(known.target, follows)
    target = read_target(engine, name, FEATURE)
    return Followed(target, target.header.follows or follows)


def follows_now(target: Target) -> Following | None:
    """Return what the very index that `target` is says now; None where it is gone. Errors: `find_followed`."""
    found = _found(target.engine, target.index)
    return None if found is None else _follows(found)


def build_followed(
    engine: Engine,
    name: str,
    reader: StateReader,
    blocks: Iterable[tuple[Int64, Rows]],
    *,
    metric: Metric,
    recall: float,
    graph: bool,
    stamp: int,
) -> Followed | None:
    """Learn tokens from vectors of `reader`, write those of `blocks` into a new index, and let `name` stand for it.

    Searches go on meanwhile by the index that was there. That goes in the end, and so does what builders left that were
    killed. Without any vectors no index is left, and None is returned.

    Raises:
        EngineError, EngineUnavailableError: it cannot be written; what was there stays.
    """
    numbers = reader.ids()
    if not len(numbers):
        drop_followed(engine, name)
        return None
    old = _found(engine, name)
    _sweep(engine, name, None if old is None else old.index)
    drawn = numbers[np.linspace(0, len(numbers) - 1, min(SAMPLE, len(numbers))).astype(np.int64)]
    sample = reader(drawn)[1]
    kept = vector_type(engine, sample.shape[1], owned=graph)
    if len(numbers) <= rows_compared(sample.shape[1], kept):
        scheme, forecast = scheme_of_few(sample, metric), None
    else:
        scheme, forecast = given_scheme(sample, None, metric, len(numbers), recall)
    # Its mapping changes, which vectors in a graph bear on every release.
    dtype = engine_dtype(sample.dtype, metric)
    made = feature_header(engine, scheme, dtype=dtype, owned=graph, graph=graph, forecast=forecast)
    made = replace(made, follows=Following(stamp, None, len(numbers)))
    shards, replicas = (1, 0) if old is None else _size(engine, old.index)
    index = create_index(
        engine,
        name,
        Header(True, {FEATURE: made}),
        {NUMBER: {"type": "long"}, **record_properties()},
        shards=shards,
        replicas=replicas,
    )
    try:
        save_arrays(engine, scheme.arrays())
        for some, rows in blocks:
            actions = _written(some, prepared(rows, metric), reader, scheme, made.form)
            write(engine, writing_alias(index), actions, require_alias=True)
        refresh_index(engine, index)
        publish_index(engine, name, index, None if old is None else old.index)
    except BaseException:
        delete_index(engine, index)
        raise
    if old is not None:
        delete_index(engine, old.index)
        forget_families(engine, _families(old))
    return find_followed(engine, name)


def change_followed(
    found: Followed, removed: Int64, ids: Int64, rows: Rows, reader: StateReader, stamp: int
) -> Followed | None:
    """Bring documents to the state `stamp`; None, with nothing done, where others have changed them.

    Args:
        removed: numbers of documents to delete, or to write anew.
        ids: numbers of those to write.
        rows: their vectors as they are kept, (n, d).
        reader: has their metadata.

    Raises:
        EngineError, EngineUnavailableError: they cannot be written; some may have been.
    """
    target = found.target
    engine = target.engine
    now = _found(engine, target.index)
    follows = None if now is None else _follows(now)
    if now is None or follows is None or follows.stamp != found.follows.stamp:
        return None
    _put(target, now, replace(follows, writing=stamp))
    gone = (Action(id_of(number), None) for number in np.setdiff1d(removed, ids).tolist())
    written = _written(ids, rows, reader, target.scheme, target.header.form)
    write(engine, writing_alias(target.index), chain(gone, written), require_alias=True)
    refresh_index(engine, target.index)
    changed = Following(stamp, None, follows.rows)
    _put(target, now, changed)
    return Followed(target, changed)


def drop_followed(engine: Engine, name: str) -> None:
    """Delete the index that `name` stands for, if any, and what builders left that were killed."""
    old = _found(engine, name)
    _sweep(engine, name, None)
    if old is not None:
        delete_index(engine, old.index)
        forget_families(engine, _families(old))


def kept_numbers(target: Target) -> Int64:
    """Return the numbers of all documents, ascending; -1 for documents that somebody else has put there."""
    ids = chain.from_iterable(all_ids(target.engine, target.index))
    numbers = [int(one) if one.isdecimal() else -1 for one in ids]
    return np.unique(np.array(numbers, dtype=np.int64))


def differing(target: Target, ids: Int64, rows: Rows, reader: StateReader) -> Bool:
    """Return which of `ids` (n,) have no document with their vectors `rows` (n, d) and their metadata, (n,)."""
    wrong = np.ones(len(ids), dtype=np.bool_)
    for start in range(0, len(ids), READ_TOGETHER):
        names = [id_of(number) for number in ids[start : start + READ_TOGETHER].tolist()]
        there = read_documents(target.engine, target.index, names)
        vectors = vectors_of(there, FEATURE, target.header.form)
        metadata = reader.metadata(ids[start : start + READ_TOGETHER])
        for i, name, one in zip(range(start, len(ids)), names, metadata, strict=False):
            same = name in vectors and np.array_equal(vectors[name], rows[i])
            wrong[i] = not same or not record_fields(one).items() <= there[name]["_source"].items()
    return wrong


def _found(engine: Engine, name: str) -> Found | None:
    try:
        return find_index(engine, name)
    except EngineError as error:
        if error.kind in GONE:
            return None
        raise


def _follows(found: Found) -> Following | None:
    feature = None if found.header is None else found.header.features.get(FEATURE)
    return None if feature is None else feature.follows


def _families(found: Found) -> set[str]:
    return set() if found.header is None else {one.family for one in found.header.features.values()}


def _put(target: Target, found: Found, follows: Following) -> None:
    header = target.whole.with_feature(FEATURE, replace(target.header, follows=follows))
    put_header(target.engine, found, header, {})


def _written(
    ids: Int64, rows: Rows, reader: StateReader, scheme: TokenScheme, form: VectorForm
) -> Iterator[Action]:
    """Yield what writes documents, whose tokens are made as they are asked for."""
    for start in range(0, len(ids), WRITTEN_TOGETHER):
        some = ids[start : start + WRITTEN_TOGETHER]
        added = added_objects(scheme, rows[start : start + WRITTEN_TOGETHER], form)
        for number, one, metadata in zip(some.tolist(), added, reader.metadata(some), strict=True):
            document = {NUMBER: number, **record_fields(metadata), OBJECT: {FEATURE: one}}
            yield Action(id_of(number), document)


def _size(engine: Engine, index: str) -> tuple[int, int]:
    """Return the number of shards and of replicas of each."""
    told = engine.call("GET", path_of(index, "_settings"))[index]["settings"]["index"]
    return int(told["number_of_shards"]), int(told["number_of_replicas"])


def _sweep(engine: Engine, name: str, published: str | None) -> None:
    """Delete indexes that were to be published as `name` and were not."""
    for index in engine.call("GET", f"/{name}-*/_alias"):
        if index != published:
            delete_index(engine, index)
