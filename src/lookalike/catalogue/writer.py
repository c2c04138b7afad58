"""Writing to the catalogue, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, RowMapping, Select, Table, delete, insert, select, update

from lookalike.arrays import Int64, Rows, as_ids, as_vectors
from lookalike.catalogue.blobs import to_blobs
from lookalike.catalogue.checksums import is_sound, vector_checksum, with_checksum
from lookalike.catalogue.create import index_anew, put_stamp
from lookalike.catalogue.metadata import encoded, is_unicode
from lookalike.catalogue.queries import Queries
from lookalike.catalogue.records import FeatureRecord, Location, Metadata, NewSource
from lookalike.catalogue.schema import distributions, features, places, removals, sources, state, vectors
from lookalike.errors import CollectionDamagedError, DuplicateIdError, InputError, UnknownIdError, VectorError
from lookalike.sets import room_for, stacked_rows


class Writer:
    """The writes of one transaction; `Catalogue.write` makes it."""

    def __init__(self, queries: Queries) -> None:
        self._connection = queries.connection
        self._queries = queries
        self._dialect = queries.dialect
        self._state = queries.state()
        self._generation = self._state["generation"] + 1
        self._next_number = self._state["next_number"]
        self._wrote = False

    def finish(self) -> None:
        """Raise the generation if anything was written; the last step before the commit."""
        if self._wrote:
            changed = {"generation": self._generation, "next_number": self._next_number}
            row = with_checksum(state, {**self._state, **changed})
            self._connection.execute(update(state).values(row))
            put_stamp(self._connection, self._generation)

    def add_feature(self, feature: FeatureRecord) -> None:
        """Add a feature. Raises DuplicateIdError when there is one of that name."""
        for text in (feature.name, feature.extractor, feature.version, feature.model_hash):
            if not is_unicode(text) or "\0" in text:
                raise InputError(f"feature {feature.name!r}: {text!r} is not valid Unicode; rename it")
        known = self._queries.features()
        if feature.name in known:
            raise DuplicateIdError(
                f"feature {feature.name!r} is there already; drop it first or choose another name"
            )
        row = {
            "feature": 1 + max((key for key, _ in known.values()), default=0),
            "name": feature.name,
            "extractor": feature.extractor,
            "options": _json(feature.options, feature.name),
            "index": _json(feature.index, feature.name),
            "dimension": feature.dimension,
            "metric": feature.metric,
            "version": feature.version,
            "model_hash": feature.model_hash,
            "generation": self._generation,
        }
        self._connection.execute(insert(features).values(with_checksum(features, row)))
        self._wrote = True

    def set_feature_options(self, name: str, options: Mapping[str, Any]) -> None:
        """Replace the options of a feature's extractor, as when its model file has moved; the vectors stay.

        Raises: UnknownFeatureError.
        """
        self._change_feature(name, options=_json(options, name))

    def set_feature_index(self, name: str, index: Mapping[str, Any]) -> None:
        """Replace what `FeatureRecord.index` says; the vectors stay. Raises UnknownFeatureError."""
        self._change_feature(name, index=_json(index, name))

    def drop_feature(self, name: str) -> None:
        """Remove a feature and all its vectors. Raises UnknownFeatureError."""
        key, _ = self._queries.feature(name)
        self._connection.execute(delete(features).where(features.c.feature == key))
        self._wrote = True

    def add_sources(self, new: Sequence[NewSource]) -> Int64:
        """Add sources with their metadata, places and vectors; return their numbers (n,), ascending.

        A place that another source had goes over to the new one.

        Raises: DuplicateIdError naming an id that is there, or twice in `new`; UnknownFeatureError; VectorError;
        MetadataError for metadata that the catalogue cannot hold; InputError for an id or a path that is empty,
        has a NUL character or is no Unicode.
        """
        if not new:
            return np.empty(0, np.int64)
        self._check_ids([source.id for source in new])
        numbers = np.arange(self._next_number, self._next_number + len(new), dtype=np.int64)
        self._next_number += len(new)
        numbered = list(zip(numbers.tolist(), new, strict=True))
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        rows = [
            {
                "number": number,
                "id": source.id,
                "sha256": source.sha256,
                "kind": source.kind,
                "size": source.size,
                "width": source.width,
                "height": source.height,
                "added_at": now,
                "metadata": encoded(source.metadata, source.id),
                "generation": self._generation,
            }
            for number, source in numbered
        ]
        self._dialect.insert(self._connection, sources, [with_checksum(sources, row) for row in rows])
        of_each = ((number, source.metadata) for number, source in numbered)
        self._dialect.index_metadata(self._connection, of_each)
        self._place((number, place) for number, source in numbered for place in source.places)
        for feature in dict.fromkeys(name for source in new for name in source.vectors):
            having = [
                (number, source.vectors[feature]) for number, source in numbered if feature in source.vectors
            ]
            try:
                stacked = stacked_rows([vector for _, vector in having])
            except ValueError as error:
                raise VectorError(f"vectors of feature {feature!r} are of different shapes") from error
            self._put_vectors(feature, [number for number, _ in having], stacked)
        self._wrote = True
        return numbers

    def add_places(self, placed: Iterable[tuple[int, Location]]) -> None:
        """Put sources (by number) to places. A place that is known is replaced.

        Raises: UnknownIdError; InputError for a path that is no UTF-8.
        """
        placed = list(placed)
        self._check_numbers({number for number, _ in placed})
        self._place(placed)

    def forget_places(self, paths: Iterable[str]) -> None:
        """Forget places. Their sources stay; see `unplaced`. Unknown paths are passed over."""
        known = places.c.path.in_(self._dialect.members("paths", str))
        self._delete(delete(places).where(known), paths=self._dialect.packed(list(paths)))

    def forget_rows(self, file: str, feature: str) -> Int64:
        """Forget the places `file#ROW` of sources with a vector of `feature`; return their numbers, ascending.

        Raises: UnknownFeatureError.
        """
        key, _ = self._queries.feature(feature)
        of_feature = places.c.number.in_(select(vectors.c.number).where(vectors.c.feature == key))
        rows = (self._dialect.is_row_of(places.c.path, file), places.c.modified_ns.is_(None), of_feature)
        numbers = self._queries.column(select(places.c.number).distinct().where(*rows))
        self._delete(delete(places).where(*rows))
        return numbers

    def forsaken(self, numbers: Iterable[int] | Int64, feature: str) -> Int64:
        """Those of `numbers`, ascending, that are rows with neither a place nor a vector of any other feature.

        As this transaction sees it. Raises: UnknownFeatureError.
        """
        key, _ = self._queries.feature(feature)
        placed = select(places.c.number).where(places.c.number == sources.c.number)
        other = select(vectors.c.number).where(vectors.c.number == sources.c.number, vectors.c.feature != key)
        query = select(sources.c.number).where(self._chosen(sources.c.number), sources.c.kind == "row")
        query = query.where(~placed.exists(), ~other.exists())
        return self._queries.column(query, numbers=self._packed(numbers))

    def unplaced(self) -> Int64:
        """Ascending numbers of the pictures without any place, as this transaction sees it."""
        placed = select(places.c.number).where(places.c.number == sources.c.number)
        query = select(sources.c.number).where(sources.c.kind == "picture", ~placed.exists())
        return self._queries.column(query)

    def add_vectors(self, feature: str, numbers: Sequence[int] | Int64, rows: Rows) -> None:
        """Give the sources `numbers` (n,) the vectors `rows` (n, d) of a feature; what they had is replaced.

        Raises: UnknownFeatureError, UnknownIdError, VectorError, DuplicateIdError (a number twice).
        """
        checked = as_ids(numbers, rows=len(rows), name="numbers").tolist()
        self._check_numbers(checked)
        self._put_vectors(feature, checked, rows)

    def set_digests(self, digests: Mapping[int, tuple[str, int]]) -> None:
        """Replace the (sha256, size) of rows by number. Pictures keep those of their files.

        Raises: UnknownIdError.
        """
        self._check_numbers(digests)
        self._change_sources(
            {number: {"sha256": sha256, "size": size} for number, (sha256, size) in digests.items()},
            kind="row",
        )

    def update_metadata(self, metadata: Mapping[int, Metadata]) -> None:
        """Replace the metadata of sources by number. Raises UnknownIdError, MetadataError."""
        self._check_numbers(metadata)
        self._change_sources(
            {number: {"metadata": encoded(fields, f"source {number}")} for number, fields in metadata.items()}
        )
        self._dialect.forget_metadata(self._connection, metadata)
        self._dialect.index_metadata(self._connection, metadata.items())

    def remove(self, numbers: Iterable[int] | Int64) -> None:
        """Remove sources with all that is theirs; indexes learn of it by `removed_after`.

        Raises UnknownIdError, and then removes nothing.
        """
        gone = {int(number) for number in numbers}
        self._check_numbers(gone)
        if not gone:
            return
        self._dialect.forget_metadata(self._connection, gone)
        self._delete(delete(sources).where(self._chosen(sources.c.number)), numbers=self._packed(gone))
        rows = [{"number": number, "generation": self._generation} for number in sorted(gone)]
        self._dialect.insert(self._connection, removals, [with_checksum(removals, row) for row in rows])

    def put_distributions(self, generation: int, told: Mapping[str, Any]) -> None:
        """Keep what was measured of the vectors of a generation, unless there is something newer.

        As it follows from the vectors, no generation is raised.
        """
        newer = select(distributions.c.generation).where(distributions.c.generation > generation)
        if self._connection.execute(newer).first() is None:
            row = {"generation": generation, "told": json.dumps(dict(told), allow_nan=False)}
            self._connection.execute(delete(distributions))
            self._connection.execute(insert(distributions).values(with_checksum(distributions, row)))

    def rebuild_text(self) -> None:
        """Make the index of metadata anew."""
        index_anew(self._connection, self._dialect)
        self._state["tables_checksum"] = self._dialect.tables_checksum(self._connection)
        self._wrote = True

    def _check_ids(self, ids: list[str]) -> None:
        seen: set[str] = set()
        for one in ids:
            _check_text(one, "id")
            if one in seen:
                raise DuplicateIdError(f"id {one!r} is given more than once")
            seen.add(one)
        for one in self._queries.numbers(ids):
            raise DuplicateIdError(f"id {one!r} is there already; remove it first, or skip or replace it")

    def _check_numbers(self, numbers: Iterable[int]) -> None:
        wanted = {int(number) for number in numbers}
        query = select(sources.c.number).where(self._chosen(sources.c.number))
        known = self._queries.column(query, numbers=self._packed(wanted))
        for unknown in wanted.difference(known.tolist()):
            raise UnknownIdError(f"there is no source with the number {unknown}")

    def _place(self, placed: Iterable[tuple[int, Location]]) -> None:
        rows = []
        for number, place in placed:
            _check_text(place.path, "path")
            rows.append(
                {"path": place.path, "number": number, "size": place.size, "modified_ns": place.modified_ns}
            )
        if rows:
            rows = [with_checksum(places, row) for row in rows]
            self._dialect.upsert(self._connection, places, rows, key=["path"])
            self._wrote = True

    def _put_vectors(self, feature: str, numbers: Sequence[int], rows: Rows) -> None:
        key, record = self._queries.feature(feature)
        name = f"vectors of feature {feature!r}"
        size = None if record.metric == "jaccard" else record.dimension
        checked = as_vectors(rows, dimension=size, metric=record.metric, name=name)
        if size is None and checked.shape[1] > record.dimension:
            self._change_feature(feature, dimension=room_for(checked.shape[1]))
        blobs = to_blobs(checked, record.metric)
        values = [
            {
                "number": number,
                "feature": key,
                "generation": self._generation,
                "checksum": vector_checksum(number, key, self._generation, blob),
                "vector": blob,
            }
            for number, blob in zip(numbers, blobs, strict=True)
        ]
        if values:
            self._dialect.upsert(self._connection, vectors, values, key=["number", "feature"])
            self._wrote = True

    def _change_feature(self, name: str, **changed: str | int) -> None:
        key, _ = self._queries.feature(name)
        of_key = features.c.feature == key
        (row,) = self._sound(features, select(features).where(of_key))
        self._connection.execute(
            update(features).where(of_key).values(with_checksum(features, {**row, **changed}))
        )
        self._wrote = True

    def _change_sources(self, changed: Mapping[int, Mapping[str, Any]], kind: str | None = None) -> None:
        """Change columns of sources by number; of those of `kind` only, if it is given."""
        query = select(sources).where(self._chosen(sources.c.number))
        if kind is not None:
            query = query.where(sources.c.kind == kind)
        rows = [
            with_checksum(sources, {**row, **changed[row["number"]], "generation": self._generation})
            for row in self._sound(sources, query, numbers=self._packed(changed))
        ]
        if rows:
            self._dialect.upsert(self._connection, sources, rows, key=["number"])
            self._wrote = True

    def _sound(self, table: Table, query: Select[Any], **parameters: Any) -> Sequence[RowMapping]:
        """Whole rows of `table` that are to be changed.

        Raises: CollectionDamagedError for one that does not match its checksum, which would be lost by the change.
        """
        rows = self._connection.execute(query, parameters).mappings().all()
        for row in rows:
            if not is_sound(list(row.values())):
                first, *_ = row.values()
                raise CollectionDamagedError(
                    f"row {first!r} of the table {table.name} does not match its checksum; run lookalike verify"
                )
        return rows

    def _delete(self, statement: Any, **parameters: Any) -> None:
        if self._connection.execute(statement, parameters).rowcount:
            self._wrote = True

    def _chosen(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        return column.in_(self._dialect.members("numbers", int))

    def _packed(self, numbers: Iterable[int] | Int64) -> Any:
        return self._dialect.packed([int(number) for number in numbers])


def _json(value: Mapping[str, Any], feature: str) -> str:
    try:
        written = json.dumps(dict(value), allow_nan=False)
        if not is_unicode(json.dumps(dict(value), ensure_ascii=False)):
            raise ValueError("a text is not valid Unicode")
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"feature {feature!r}: {value!r} cannot be stored as JSON: {error}") from None
    return written


def _check_text(text: str, what: str) -> None:
    if not is_unicode(text):
        raise InputError(f"{what} {text!r} is not valid Unicode; rename it")
    if not text or "\0" in text:
        raise InputError(f"{what} {text!r} is empty or has a NUL character; choose another")
