"""Summaries of what the catalogue holds: its metadata fields, counts and sizes."""

from __future__ import annotations

import difflib
from decimal import Decimal
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Table, func, select, true

from lookalike.arrays import DISCRETE, Int64
from lookalike.catalogue import schema
from lookalike.catalogue.facets import FACET_VALUES, LONGEST_FACET, Facet, in_order
from lookalike.catalogue.metadata import decoded
from lookalike.catalogue.queries import Queries
from lookalike.catalogue.records import FieldSummary, Statistics
from lookalike.catalogue.schema import sources
from lookalike.catalogue.where import Scalar
from lookalike.errors import MetadataError

SAMPLED_SOURCES = 1000
EXAMPLES = 3
KINDS = {
    "text": "text",
    "integer": "number",
    "real": "number",
    "true": "truth",
    "false": "truth",
    "array": "list",
    "object": "object",
}


def metadata_fields(queries: Queries) -> dict[str, FieldSummary]:
    """The metadata fields of all sources, in order of name; examples are of the first sources."""
    entry = queries.dialect.field_entries()
    query = (
        select(entry.c.key, entry.c.type, func.count())
        .select_from(schema.sources)
        .join(entry, true())
        .where(entry.c.type != "null")
        .group_by(entry.c.key, entry.c.type)
    )
    counts: dict[str, int] = {}
    kinds: dict[str, set[str]] = {}
    for field, kind, count in queries.connection.execute(query):
        counts[field] = counts.get(field, 0) + count
        kinds.setdefault(field, set()).add(KINDS[kind])
    examples: dict[str, list[Any]] = {}
    first = select(schema.sources.c.id, schema.sources.c.metadata).order_by(schema.sources.c.number)
    for id_, metadata in queries.connection.execute(first.limit(SAMPLED_SOURCES)):
        for field, value in decoded(metadata, f"source {id_!r}").items():
            seen = examples.setdefault(field, [])
            if len(seen) < EXAMPLES and value is not None and value not in seen:
                seen.append(value)
    return {
        field: FieldSummary(counts[field], tuple(sorted(kinds[field])), tuple(examples.get(field, ())))
        for field in sorted(counts)
    }


def growth(queries: Queries) -> dict[str, int]:
    """How many of the sources that are there now were added on each day (ISO 8601, UTC), the first day first."""
    day = func.substr(sources.c.added_at, 1, 10).label("day")
    query = select(day, func.count()).group_by(day).order_by(day)
    return {row.day: row[1] for row in queries.connection.execute(query)}


def check_field(queries: Queries, field: str) -> None:
    """Raise MetadataError, naming fields like it, if there are sources and none has the metadata `field`."""
    anything = select(schema.sources.c.number).limit(1)
    if (
        not queries.connection.execute(anything).first()
        or queries.connection.execute(queries.dialect.with_field(field).limit(1)).first()
    ):
        return
    known = list(metadata_fields(queries))
    folded = {name.casefold(): name for name in known}
    close = [repr(folded[name]) for name in difflib.get_close_matches(field.casefold(), folded, n=3)]
    fields = ", ".join(map(repr, known[:12])) or "none"
    hint = f"did you mean {' or '.join(close)}?" if close else f"the fields are {fields}"
    raise MetadataError(f"no metadata field {field!r}; {hint}")


def facet(queries: Queries, field: str, numbers: Int64) -> Facet:
    """The most frequent values of `field` among the sources `numbers`, each counted once for a source that has it.

    Numbers are one value where they are equal, whatever their type. Members of lists count one by one, objects not.

    Raises: MetadataError for a field that no source has.
    """
    entry = queries.dialect.field_values(field)
    texts = func.substr(entry.c.value, 1, LONGEST_FACET)
    counts = func.count(sources.c.number.distinct()).label("count")
    chosen = sources.c.number.in_(queries.dialect.members("numbers", int))
    found: list[tuple[Scalar, int]] = []
    for value, kinds in (
        (entry.c.value, ("true", "false")),
        (queries.dialect.as_number(entry.c.value), ("integer", "real")),
        (texts, ("text",)),
    ):
        query = (
            select(value.label("member"), counts)
            .select_from(sources)
            .join(entry, true())
            .where(chosen, entry.c.type.in_(kinds))
            .group_by(value)
            .order_by(counts.desc(), value)
            .limit(FACET_VALUES)
        )
        rows = queries.connection.execute(query, {"numbers": queries.dialect.packed(numbers.tolist())}).all()
        found += [(_plain(row[0], kinds), row[1]) for row in rows]
    if not found:
        check_field(queries, field)
    return in_order(found)


def _plain(value: Any, kinds: tuple[str, ...]) -> Scalar:
    if "true" in kinds:
        return str(value) in ("1", "true")
    if "text" in kinds:
        return str(value)
    number = value if isinstance(value, int | Decimal) else float(value)
    whole = number == int(number) and -(2**63) <= number < 2**63
    return int(number) if whole else float(number)


def statistics(queries: Queries) -> Statistics:
    """Counts and sizes of the catalogue."""

    def count(of: Table, *conditions: ColumnElement[bool]) -> int:
        return int(
            queries.connection.execute(select(func.count()).select_from(of).where(*conditions)).scalar_one()
        )

    vectors: dict[str, int] = {}
    vector_bytes: dict[str, int] = {}
    for name, (key, record) in queries.features().items():
        vectors[name] = count(schema.vectors, schema.vectors.c.feature == key)
        stored = select(func.sum(func.length(schema.vectors.c.vector))).where(schema.vectors.c.feature == key)
        vector_bytes[name] = (
            int(queries.connection.execute(stored).scalar() or 0)
            if record.metric == "jaccard"
            else DISCRETE.get(record.metric, np.dtype(np.float32)).itemsize * record.dimension * vectors[name]
        )
    return Statistics(
        sources=count(schema.sources),
        pictures=count(schema.sources, schema.sources.c.kind == "picture"),
        places=count(schema.places),
        removals=count(schema.removals),
        vectors=vectors,
        vector_bytes=vector_bytes,
        file_bytes=queries.dialect.bytes_used(queries.connection),
    )
