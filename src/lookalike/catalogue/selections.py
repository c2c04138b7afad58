"""Which sources meet conditions or have words."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from sqlalchemy import select

from lookalike.arrays import Float32, Int64
from lookalike.catalogue import schema, summaries
from lookalike.catalogue import text as texts
from lookalike.catalogue.queries import Queries
from lookalike.catalogue.where import Where

GROUPED = 50
"""Conditions in one query."""


def selected(queries: Queries, where: Where | None, text: str | None) -> Int64:
    """Ascending numbers of the sources that meet `where` and have all words of `text`; see `Catalogue.select`."""
    conditions = where.conditions if where is not None else ()
    column, dialect = schema.sources.c.number, queries.dialect
    # A few conditions at a time, as databases limit how deep an expression is.
    groups = [conditions[start : start + GROUPED] for start in range(0, len(conditions), GROUPED)]
    chosen = [select(column).where(*map(dialect.meets, group)) for group in groups or [()]]
    if text is not None:
        matching = select(dialect.text_number).where(dialect.text_matches(texts.words(text)))
        chosen[0] = chosen[0].where(column.in_(matching))
    numbers = queries.column(chosen[0])
    for query in chosen[1:]:
        numbers = np.intersect1d(numbers, queries.column(query), assume_unique=True)
    # A field that no source has lets none through, so nothing is missed by looking only now.
    if not numbers.size:
        for condition in conditions:
            summaries.check_field(queries, condition.field)
    return numbers


def lacking(queries: Queries, feature: str) -> Int64:
    """Ascending numbers of the pictures without a vector of `feature`. Raises UnknownFeatureError."""
    table = schema.vectors
    key, _ = queries.feature(feature)
    has = select(table.c.number).where(table.c.number == schema.sources.c.number, table.c.feature == key)
    query = select(schema.sources.c.number).where(schema.sources.c.kind == "picture", ~has.exists())
    return queries.column(query)


def text_scores(
    queries: Queries, text: str, numbers: Iterable[int] | Int64 | None, limit: int | None
) -> tuple[Int64, Float32]:
    """Sources (of `numbers`) that have all words of `text`, best first, and their scores; see `Catalogue`."""
    words, number, dialect = texts.words(text), queries.dialect.text_number, queries.dialect
    score = dialect.text_score(words)
    query = select(number, score).where(dialect.text_matches(words))
    parameters = {}
    if numbers is not None:
        # The sum keeps SQLite from asking the full text for each number by itself.
        query = query.where((number + 0).in_(dialect.members("numbers", int)))
        parameters["numbers"] = dialect.packed([int(number) for number in numbers])
    query = query.order_by(score.desc(), number).limit(limit)
    rows = queries.connection.execute(query, parameters).all()
    return np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], np.float32)


def text_matches(queries: Queries, text: str, number: int) -> dict[str, tuple[str, ...]]:
    """Each word of `text`, and the parts of the source that have it."""
    dialect = queries.dialect
    row = select(dialect.text_number).where(dialect.text_number == number)
    found = {}
    for word in texts.words(text):
        queried = {part: dialect.text_matches([word], part) for part in texts.PARTS}
        found[word] = tuple(
            part
            for part, matches in queried.items()
            if queries.connection.execute(row.where(matches)).first()
        )
    return found
