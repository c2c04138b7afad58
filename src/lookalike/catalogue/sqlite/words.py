"""The index of words: SQLite's full text (FTS5), and a user's words as its queries."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Integer, Text, column, func, literal_column, table

from lookalike.catalogue.text import PARTS

WEIGHTS = {"title": 10.0, "description": 2.0, "tags": 5.0, "other": 1.0}

text_index = table("text_index", column("rowid", Integer), *(column(part, Text) for part in PARTS))

CREATE = (
    f"CREATE VIRTUAL TABLE text_index USING fts5({', '.join(PARTS)}, "
    "tokenize = 'porter unicode61 remove_diacritics 2')"
)
CHECK = "INSERT INTO text_index(text_index) VALUES ('integrity-check')"

# BM25 is smaller for a better match in SQLite.
score = -func.bm25(literal_column("text_index"), *(literal_column(str(WEIGHTS[part])) for part in PARTS))


def matches(words: Sequence[str], part: str | None) -> ColumnElement[bool]:
    """Whether a row of `text_index` has all `words`, in any part or in `part`."""
    return literal_column("text_index").op("MATCH", is_comparison=True)(query(words, part))


def query(words: Sequence[str], part: str | None = None) -> str:
    """The FTS5 query that all `words` match, in any part or in `part`.

    Each word is a quoted string, inside which FTS5 knows no operators; side by side they mean AND. A word
    that the tokenizer takes apart, such as `t-shirt`, is a phrase.
    """
    quoted = " ".join('"' + word.replace('"', '""') + '"' for word in dict.fromkeys(words))
    return f"{{{part}}} : ({quoted})" if part else quoted
