"""The tables; the index of words is each dialect's own. Every row carries a checksum, see `checksums.py`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text
from sqlalchemy import UniqueConstraint as Unique

tables = MetaData()

CODE_POINTS = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that compares by code point, whatever the order of words that a database is set to."""


def checksum() -> Column[int]:
    """The last column of each table."""
    return Column("checksum", BigInteger, nullable=False)


# One row. Numbers are drawn from here and not from the table of sources, so that none is ever given twice.
state = Table(
    "state",
    tables,
    Column("schema_version", Integer, nullable=False),
    Column("created_at", CODE_POINTS, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("next_number", BigInteger, nullable=False),
    Column("tables_checksum", BigInteger, nullable=False),  # see `Dialect.tables_checksum`
    checksum(),
)

# One row for each state that the catalogue was ever in. A stamp is drawn at random, so that no two catalogues
# share one, nor do the two futures of a catalogue and its restored copy, whose generations are the same.
writes = Table(
    "writes",
    tables,
    Column("generation", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("stamp", BigInteger, nullable=False, unique=True),
    checksum(),
)

features = Table(
    "features",
    tables,
    Column("feature", Integer, primary_key=True, autoincrement=False),
    Column("name", CODE_POINTS, nullable=False, unique=True),
    Column("extractor", CODE_POINTS, nullable=False),
    Column("options", CODE_POINTS, nullable=False),
    Column("index", CODE_POINTS, nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("metric", CODE_POINTS, nullable=False),
    Column("version", CODE_POINTS, nullable=False),
    Column("model_hash", CODE_POINTS, nullable=False),
    Column("generation", BigInteger, nullable=False),
    checksum(),
)

sources = Table(
    "sources",
    tables,
    # INTEGER, as SQLite makes nothing else an alias of its row id.
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("id", CODE_POINTS, nullable=False, unique=True),
    Column("sha256", CODE_POINTS, nullable=False),
    Column("kind", CODE_POINTS, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("width", Integer),
    Column("height", Integer),
    Column("added_at", CODE_POINTS, nullable=False),
    Column("metadata", CODE_POINTS, nullable=False),
    Column("generation", BigInteger, nullable=False),
    checksum(),
)

places = Table(
    "places",
    tables,
    Column("path", CODE_POINTS, primary_key=True),
    Column(
        "number", BigInteger, ForeignKey(sources.c.number, ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("size", BigInteger),
    Column("modified_ns", BigInteger),
    checksum(),
)

# `vector` is float32, little-endian. The checksum does not come last, as in no other table.
vectors = Table(
    "vectors",
    tables,
    Column("number", BigInteger, ForeignKey(sources.c.number, ondelete="CASCADE"), nullable=False),
    Column("feature", Integer, ForeignKey(features.c.feature, ondelete="CASCADE"), nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("checksum", BigInteger, nullable=False),
    Column("vector", LargeBinary, nullable=False),
    Unique("number", "feature"),
)
# Covers the question what an index has not yet seen, so that it is answered without touching a vector.
Index("vectors_by_generation", vectors.c.feature, vectors.c.generation, vectors.c.number)

removals = Table(
    "removals",
    tables,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("generation", BigInteger, nullable=False, index=True),
    checksum(),
)

# One row at most: how the distances of features are distributed, as JSON, and the generation that this was measured in.
# It is made of the vectors, and so not part of a state: no generation is raised when it is put.
distributions = Table(
    "distributions",
    tables,
    Column("generation", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("told", CODE_POINTS, nullable=False),
    checksum(),
)
