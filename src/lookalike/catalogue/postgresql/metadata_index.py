"""What filters and words look into: the metadata of each source, taken apart once.

`sources.metadata` stay the truth, as text: jsonb would change numbers and the order of fields. Here each field is a
list of what a filter can equal: the texts, numbers and truth values of a list, or the one value; and words are arrays
of tokens. Ranking is the BM25 of SQLite's full text (FTS5), to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.sql.elements import TextClause

from lookalike.arrays import Int64
from lookalike.catalogue.records import Metadata
from lookalike.catalogue.schema import sources
from lookalike.catalogue.text import PARTS, WEIGHTS, Phrase, indexed
from lookalike.catalogue.where import Scalar

tables = MetaData()
TOKENS = ARRAY(Text(collation="C"))

metadata_index = Table(
    "metadata_index",
    tables,
    Column(
        "number",
        BigInteger,
        ForeignKey(sources.c.number, ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("fields", JSONB, nullable=False),
    Column("words", TOKENS, nullable=False),  # those of all parts, each once
    *(Column(part, TOKENS, nullable=False) for part in PARTS),
    Column("length", Integer, nullable=False),  # tokens of all parts
)
Index(
    "metadata_index_by_field",
    metadata_index.c.fields,
    postgresql_using="gin",
    postgresql_ops={"fields": "jsonb_path_ops"},
)
Index("metadata_index_by_word", metadata_index.c.words, postgresql_using="gin")

# One row: how many sources `metadata_index` has, and how many tokens they have together.
word_totals = Table(
    "word_totals",
    tables,
    Column("sources", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
)


def entry(metadata: Metadata) -> tuple[Any, ...]:
    """The columns of `metadata_index` after `number`."""
    of_parts = indexed(metadata)
    words = sorted({token for tokens in of_parts for token in tokens})
    fields = {field: _members(value) for field, value in metadata.items() if value is not None}
    return (fields, words, *of_parts, sum(map(len, of_parts)))


def _members(value: Any) -> list[Scalar]:
    """What a filter can equal of a field's value."""
    members = value if isinstance(value, list | tuple) else [value]
    return [comparable(member) for member in members if isinstance(member, str | int | float)]


def comparable(value: Scalar) -> Scalar:
    """A value as PostgreSQL compares it as Python does: its numbers are decimal.

    The digits of a float are the fewest that tell it from others, and not all that it has; a whole one has them all.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


_OCCURRENCES = """
    CASE WHEN cardinality(asked.tokens) = 1 THEN cardinality(array_positions({part}, asked.tokens[1])) ELSE (
        SELECT count(*) FROM unnest(array_positions({part}, asked.tokens[1])) AS found(at)
        WHERE {part}[found.at : found.at + cardinality(asked.tokens) - 1] = asked.tokens
    ) END
"""
"""How often a part of a source has the tokens that are asked for, one after another."""
_FREQUENCY = " + ".join(
    f"{weight:.0f} * ({_OCCURRENCES.format(part=part)})" for part, weight in WEIGHTS.items()
)
_ASKED = """
    (SELECT string_to_array(phrase, ' '), at FROM unnest(CAST(:{} AS text[])) WITH ORDINALITY AS given(phrase, at))
    AS asked(tokens, at)
"""
_PHRASES = _ASKED.format("phrases")
_HAVING = "SELECT count(*) FROM metadata_index WHERE words @> asked.tokens"
HAVING = text(
    f"""
    SELECT sources, tokens, ARRAY(
        SELECT CASE WHEN cardinality(asked.tokens) = 1 THEN ({_HAVING}) ELSE ({_HAVING} AND ({_FREQUENCY}) > 0) END
        FROM {_PHRASES} ORDER BY asked.at
    ) FROM word_totals
    """
)
"""The two totals, and how many sources have each of the `phrases`."""
FREQUENCIES = text(f"ARRAY(SELECT {_FREQUENCY} FROM {_PHRASES} ORDER BY asked.at)")
"""How often a source has each of the `phrases`, in all parts together, by the parts' weights."""


def has_phrases(phrases: Sequence[Phrase]) -> TextClause:
    """Whether a row of `metadata_index` has all `phrases`, each within one part."""
    lacking = text(f"NOT EXISTS (SELECT 1 FROM {_ASKED.format('within')} WHERE ({_FREQUENCY}) = 0)")
    return lacking.bindparams(within=written(phrases))


def written(phrases: Sequence[Phrase]) -> list[str]:
    """Phrases as the parameter `phrases`."""
    return [" ".join(phrase) for phrase in phrases]


def bm25(
    frequencies: Int64, lengths: Int64, having: Sequence[int], sources_: int, tokens: int
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Scores (n,) of sources with phrases at `frequencies` (n, p), weighted, and `lengths` (n,) in tokens.

    `having` (p) are the sources with each phrase, of `sources_`, which have `tokens` together. Computed in the order in
    which https://sqlite.org/fts5.html#the_bm25_function is.
    """
    k1, b = 1.2, 0.75
    norms = k1 * ((1 - b) + b * lengths.astype(np.float64) / (tokens / sources_))
    scores = np.zeros(len(lengths))
    for frequency, count in zip(frequencies.T.astype(np.float64), having, strict=True):
        idf = math.log((sources_ - count + 0.5) / (count + 0.5))
        scores += (idf if idf > 0 else 1e-6) * ((frequency * (k1 + 1.0)) / (frequency + norms))
    return scores
