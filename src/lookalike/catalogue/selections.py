"""Which sources meet conditions or have words."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from sqlalchemy import select

from lookalike.arrays import Float32, Int64
from lookalike.catalogue import schema, summaries
from lookalike.catalogue import text as texts
from lookalike.catalogue.metadata import decoded
from lookalike.catalogue.queries import Queries
from lookalike.catalogue.where import Where
from lookalike.texts import tokens

GROUPED = 50
"""Conditions in one query."""


def selected(queries: Queries, where: Where | None, text: str | None) -> Int64:
    """Ascending numbers of the sources that meet `where` and have all words of `text`; see `Catalogue.select`."""
    conditions = where.conditions if where is not None else ()
    dialect = queries.dialect
    # A few conditions at a time, as databases limit how deep an expression is.
    groups = [conditions[start : start + GROUPED] for start in range(0, len(conditions), GROUPED)]
    phrases = [] if text is None else texts.phrases(text)
    numbers = queries.column(dialect.matching(groups[0] if groups else (), phrases))
    for group in groups[1:]:
        numbers = np.intersect1d(numbers, queries.column(dialect.matching(group)), assume_unique=True)
    # A field that no source has lets none through, so nothing is missed by looking only now.
    if not numbers.size:
        for condition in conditions:
            summaries.check_field(queries, condition.field)
    return numbers


def lacking(queries: Queries, feature: str) -> Int64:
    """Ascending numbers of the pictures and other files without a vector of `feature`. Raises UnknownFeatureError."""
    table = schema.vectors
    key, _ = queries.feature(feature)
    has = select(table.c.number).where(table.c.number == schema.sources.c.number, table.c.feature == key)
    query = select(schema.sources.c.number).where(schema.sources.c.kind != "row", ~has.exists())
    return queries.column(query)


def text_scores(
    queries: Queries, text: str, numbers: Iterable[int] | Int64 | None, limit: int | None
) -> tuple[Int64, Float32]:
    """Sources (of `numbers`) that have all words of `text`, best first, and their scores; see `Catalogue`."""
    among = None if numbers is None else [int(number) for number in numbers]
    rows = queries.dialect.text_scores(queries.connection, texts.phrases(text), among, limit)
    return np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], np.float32)


def text_matches(queries: Queries, text: str, number: int) -> dict[str, tuple[str, ...]]:
    """Each word of `text`, and the parts of the source that have it."""
    query = select(schema.sources.c.metadata).where(schema.sources.c.number == number)
    written = queries.connection.execute(query).scalar()
    indexed = texts.indexed({} if written is None else decoded(written, f"source {number}"))
    found = {}
    for word in texts.words(text):
        phrase = tuple(tokens(word))
        having = zip(texts.PARTS, indexed, strict=True)
        found[word] = tuple(part for part, held in having if texts.has_phrase(held, phrase))
    return found
