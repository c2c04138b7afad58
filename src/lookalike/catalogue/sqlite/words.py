"""The index of words: SQLite's full text (FTS5) over words that were taken apart before.

Its tokenizer finds again what `text.tokens` found: it parts at blanks alone, since tokens have no other character of
ASCII than letters and digits.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Integer, Text, column, func, literal_column, table

from lookalike.catalogue.text import PARTS, WEIGHTS, Phrase

text_index = table("text_index", column("rowid", Integer), *(column(part, Text) for part in PARTS))

CREATE = f"CREATE VIRTUAL TABLE text_index USING fts5({', '.join(PARTS)}, tokenize = 'ascii')"
CHECK = "INSERT INTO text_index(text_index) VALUES ('integrity-check')"

# BM25 is smaller for a better match in SQLite.
score = -func.bm25(literal_column("text_index"), *(literal_column(str(WEIGHTS[part])) for part in PARTS))


def match(phrases: Sequence[Phrase]) -> ColumnElement[bool]:
    """Whether a row of `text_index` has all `phrases`, which side by side mean AND."""
    query = " ".join(f'"{" ".join(phrase)}"' for phrase in phrases)
    return literal_column("text_index").op("MATCH", is_comparison=True)(query)
