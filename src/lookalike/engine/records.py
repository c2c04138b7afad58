"""A source's metadata and words in a collection's index in an engine, with the meaning that the catalogue gives them.

An engine has one type a field and converts values to it; metadata have any type in any field. So all values are texts
of one keyword field: the field's name, a NUL (which no metadata have), a digit for the type, and the value, so written
that equal values have equal texts, and that the order of texts is that of values. Words are taken apart as the
catalogue does, and the engine only splits them at blanks again.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from lookalike.catalogue.facets import FACET_VALUES, LONGEST_FACET, Facet, in_order
from lookalike.catalogue.records import Metadata
from lookalike.catalogue.text import PARTS, WEIGHTS, indexed, phrases
from lookalike.catalogue.where import AnyOf, Condition, Scalar, Where
from lookalike.engine.filters import MOST_TERMS, Clause

VALUES, WORDS = "values", "words"
THERE, TRUTH, NUMBER, TEXT, END = "01234"
"""Types, in the order of their texts; `THERE` has no value, and says that a source has the field."""
LONGEST = LONGEST_FACET
"""Signs of a text that are kept. It compares with shorter ones as if all were."""
LONGEST_NAME = 200
"""Signs of a field's name; values of others are not kept."""
MOST_CLAUSES = 200
"""Of filters and words in one query; the rest of what an engine takes is for tokens."""
SHARD_VALUES = 1000
"""Values that each shard counts: counts are exact where a field has no more than these, or there is one shard."""


def record_properties() -> dict[str, Any]:
    """Return the mapping of the fields."""
    of_words = {part: {"type": "text", "analyzer": "whitespace"} for part in PARTS}
    return {VALUES: {"type": "keyword"}, WORDS: {"properties": of_words}}


def record_fields(metadata: Metadata) -> dict[str, Any]:
    """Return what a document has of a source."""
    there: set[str] = set()
    for field, value in metadata.items():
        if value is None or len(field) > LONGEST_NAME:
            continue
        there.add(f"{field}\0{THERE}")
        members = value if isinstance(value, list | tuple) else [value]
        there |= {written(field, member) for member in members if isinstance(member, str | int | float)}
    words = dict(zip(PARTS, map(" ".join, indexed(metadata)), strict=True))
    return {VALUES: sorted(there), WORDS: words}


def written(field: str, value: Scalar) -> str:
    """Return the text of a value, cut where it is long."""
    if isinstance(value, bool):
        return f"{field}\0{TRUTH}{value:d}"
    if isinstance(value, str):
        return f"{field}\0{TEXT}{value[:LONGEST]}"
    return f"{field}\0{NUMBER}{_number(value)}"


def filters(where: Where | None) -> list[Clause] | None:
    """Return a clause for each condition; None where an engine cannot tell who meets them as the catalogue can."""
    conditions = () if where is None else where.conditions
    if len(conditions) > MOST_CLAUSES or not all(map(_is_told, conditions)):
        return None
    return [_clause(condition) for condition in conditions]


def word_clauses(text: str) -> list[Clause] | None:
    """Return a clause for each word, all of which a source must have; None where there are too many.

    Raises:
        OptionError: there is no word.
    """
    wanted = phrases(text)
    if len(wanted) * len(PARTS) > MOST_CLAUSES:
        return None
    return [
        {
            "bool": {
                "should": [
                    {"match_phrase": {f"{WORDS}.{part}": {"query": " ".join(phrase), "boost": WEIGHTS[part]}}}
                    for part in PARTS
                ],
                "minimum_should_match": 1,
            }
        }
        for phrase in wanted
    ]


def is_countable(field: str) -> bool:
    """Whether values of the field are kept."""
    return len(field) <= LONGEST_NAME


def facet_aggregations(fields: Sequence[str]) -> dict[str, Any]:
    """Return what counts the values of fields."""
    return {
        str(place): {
            "terms": {
                "field": VALUES,
                "include": f"{_escaped(field)}\0[{TRUTH}{NUMBER}{TEXT}].*",
                "size": FACET_VALUES,
                "shard_size": SHARD_VALUES,
            }
        }
        for place, field in enumerate(fields)
    }


def facet_counts(
    answer: Mapping[str, Any], fields: Sequence[str]
) -> tuple[dict[str, Facet], tuple[str, ...]]:
    """Return the values of fields with their counts, and the fields whose counts are not exact."""
    counted = {field: answer["aggregations"][str(place)] for place, field in enumerate(fields)}
    facets = {
        field: in_order((_read(bucket["key"]), bucket["doc_count"]) for bucket in one["buckets"])
        for field, one in counted.items()
    }
    return facets, tuple(field for field, one in counted.items() if one["doc_count_error_upper_bound"])


def _is_told(condition: Condition) -> bool:
    if isinstance(condition, AnyOf):
        values: tuple[Scalar | None, ...] = condition.values
    else:
        values = (condition.low, condition.high)
        if not any(isinstance(end, str | int | float) and not isinstance(end, bool) for end in values):
            return False
    cut = any(isinstance(value, str) and len(value) >= LONGEST for value in values)
    return not cut and len(values) <= MOST_TERMS and len(condition.field) <= LONGEST_NAME


def _clause(condition: Condition) -> Clause:
    field = condition.field
    if isinstance(condition, AnyOf):
        equal: Clause = {"terms": {VALUES: [written(field, value) for value in condition.values]}}
        if not condition.negated:
            return equal
        return {"bool": {"filter": [{"term": {VALUES: f"{field}\0{THERE}"}}], "must_not": [equal]}}
    low, high = condition.low, condition.high
    kind = TEXT if isinstance(low if high is None else high, str) else NUMBER
    least = f"{field}\0{kind}" if low is None else written(field, low)
    most = {"lt": f"{field}\0{int(kind) + 1}"} if high is None else {"lte": written(field, high)}
    return {"range": {VALUES: {"gte": least, **most}}}


def _number(value: int | float) -> str:
    """Return a text of a number in whose order numbers are: the nearest double, and how far it is from that.

    The bits of a positive double are in its order as they are, those of a negative one in the opposite one.
    """
    near = float(value) + 0.0  # -0.0 is 0.0
    (bits,) = struct.unpack(">Q", struct.pack(">d", near))
    bits = bits ^ (2**64 - 1) if bits >> 63 else bits | 1 << 63
    beyond = value - int(near) if isinstance(value, int) else 0
    return f"{bits:016x}{beyond + 2048:04x}"


def _read(text: str) -> Scalar:
    """Return the value that `written` gave the text of; a whole number of 64 bits as an integer."""
    kind, value = text.partition("\0")[2][0], text.partition("\0")[2][1:]
    if kind == TEXT:
        return value
    if kind == TRUTH:
        return value == "1"
    bits = int(value[:16], 16)
    bits = bits & ~(1 << 63) if bits >> 63 else bits ^ (2**64 - 1)
    (near,) = struct.unpack(">d", struct.pack(">Q", bits))
    return int(near) + int(value[16:], 16) - 2048 if near.is_integer() and abs(near) <= 2**63 else float(near)


def _escaped(field: str) -> str:
    """Return a regular expression, as engines have them, for the name itself."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", field)
