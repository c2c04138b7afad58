"""Documents as they are written: whole, the user's fields beside what Lookalike adds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lookalike.arguments import shown
from lookalike.arrays import Float32
from lookalike.engine.bulk import Action
from lookalike.engine.client import Engine, path_of
from lookalike.engine.filters import check_value
from lookalike.engine.header import Found
from lookalike.engine.mapping import OBJECT, Fields, has_plain_vectors, loses_shards
from lookalike.engine.vector_form import VectorForm
from lookalike.errors import DuplicateIdError, EngineError, InputError, MetadataError

LONGEST_ID = 512
"""Bytes of an id that engines take."""


def check_ids(ids: Sequence[str]) -> list[str]:
    """Return ids. Raises InputError, DuplicateIdError."""
    if isinstance(ids, str):
        raise InputError("ids is one text; give a list of ids")
    checked: list[str] = list(ids)
    for one in checked:
        if (
            not isinstance(one, str)
            or not one
            or "\0" in one
            or len(_utf8(one)) not in range(1, LONGEST_ID + 1)
        ):
            raise InputError(f"id {shown(one)}: give text of 1 to {LONGEST_ID} bytes of UTF-8")
    if len(set(checked)) < len(checked):
        twice = next(one for one in checked if checked.count(one) > 1)
        raise DuplicateIdError(f"id {twice!r} is there twice in one call; give each id once")
    return checked


def check_documents(
    ids: Sequence[str], documents: Sequence[Mapping[str, Any]], fields: Fields, strict: bool
) -> None:
    """Check the user's fields of documents.

    Args:
        strict: whether each value has to be of its field's type, as filters compare by type.

    Raises:
        InputError: not one document an id.
        MetadataError: a document is no dictionary, uses the name `lookalike`, or holds what does not fit its field.
    """
    if len(documents) != len(ids):
        raise InputError(
            f"{len(ids)} ids come with {len(documents)} documents; give one document for each id"
        )
    for one, document in zip(ids, documents, strict=True):
        if not isinstance(document, Mapping):
            raise MetadataError(
                f"document {one!r} is a {type(document).__name__}; give a dictionary of fields"
            )
        if OBJECT in document:
            raise MetadataError(f"document {one!r} has a field {OBJECT!r}, which Lookalike uses; rename it")
        for name, value in document.items() if strict else ():
            wrong = check_value(value, fields[name]) if name in fields else ""
            if wrong:
                raise MetadataError(
                    f"document {one!r}, field {name!r}: {shown(value)} {wrong}; write what its field holds"
                )


def write_actions(
    ids: Sequence[str],
    added: Sequence[Mapping[str, Any]],
    feature: str,
    documents: Sequence[Mapping[str, Any]] | None,
    there: Mapping[str, Mapping[str, Any]] | None,
) -> Iterator[Action]:
    """Yield what writes each document.

    Args:
        added: what Lookalike adds for the feature.
        documents: the user's fields; None: those that are there stay.
        there: what `read_documents` gave, which nobody else may have changed since; None where that does not matter.
    """
    for i, one in enumerate(ids):
        known = None if there is None else there.get(one)
        kept = {} if known is None else dict(known["_source"])
        others = kept.pop(OBJECT, None) or {}
        user = kept if documents is None else documents[i]
        seen = None if known is None else (known["_seq_no"], known["_primary_term"])
        new = there is not None and known is None
        yield Action(one, {**user, OBJECT: {**others, feature: added[i]}}, seen, new)


def stripped_actions(feature: str, there: Mapping[str, Mapping[str, Any]]) -> Iterator[Action]:
    """Yield what writes documents without what Lookalike added for a feature."""
    for one, known in there.items():
        kept = dict(known["_source"])
        others = dict(kept.pop(OBJECT, None) or {})
        if others.pop(feature, None) is not None:
            source = {**kept, OBJECT: others} if others else kept
            yield Action(one, source, (known["_seq_no"], known["_primary_term"]))


def read_documents(engine: Engine, index: str, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Return those of the documents that are there, as they are now, whether a search sees them already or not."""
    if not ids:
        return {}
    wanted = {"ids": list(ids)}
    answer = engine.call("POST", path_of(index, "_mget"), wanted, params=whole_source(engine), parts="docs")
    for found in answer["docs"]:
        if "error" in found:
            raise engine.refusal(500, found, index)
    return {found["_id"]: found for found in answer["docs"] if found.get("found")}


def existing(engine: Engine, index: str, ids: Sequence[str]) -> list[str]:
    """Return those of `ids` whose documents are there, whether a search sees them already or not."""
    params = {"_source": "false"}
    answer = engine.call("POST", path_of(index, "_mget"), {"ids": list(ids)}, params=params, parts="docs")
    for found in answer["docs"]:
        if "error" in found:
            raise engine.refusal(500, found, index)
    return [found["_id"] for found in answer["docs"] if found.get("found")]


def whole_source(engine: Engine) -> dict[str, str]:
    """Return the parameter by which an engine returns documents with their vectors."""
    if engine.name == "elasticsearch" and engine.version >= (9, 2):
        return {"_source_exclude_vectors": "false"}
    return {}


def vectors_of(there: Mapping[str, Mapping[str, Any]], feature: str, form: VectorForm) -> dict[str, Float32]:
    """Return the vectors of the documents that have one."""
    kept = {one: _added(known, feature).get("vector") for one, known in there.items()}
    return {one: form.read(vector) for one, vector in kept.items() if vector is not None}


def tokens_of(known: Mapping[str, Any], feature: str) -> list[str]:
    """Return the tokens of a document."""
    return list(_added(known, feature).get("tokens", []))


def factor_of(known: Mapping[str, Any], feature: str) -> float:
    """Return the factor of a document's score."""
    return float(_added(known, feature).get("factor", 1))


def _added(known: Mapping[str, Any], feature: str) -> Mapping[str, Any]:
    added: Mapping[str, Any] = (known["_source"].get(OBJECT) or {}).get(feature, {})
    return added


def check_keeps_documents(engine: Engine, found: Found, index: str) -> None:
    """Raise EngineError for an index whose documents or mapping cannot be changed without loss."""
    kept = found.mapping.get("_source") or {}
    if kept.get("enabled", True) is False or kept.get("excludes") or kept.get("includes") or kept.get("mode"):
        raise EngineError(
            f"{engine.shown}, index {index!r}: its mapping does not keep whole documents (_source), so that "
            "fields would be lost when they are written again with tokens; attach an index that does"
        )
    if (found.mapping.get("_routing") or {}).get("required"):
        raise EngineError(
            f"{engine.shown}, index {index!r}: it requires routing, which Lookalike does not keep; attach another"
        )

    if loses_shards(engine) and has_plain_vectors(found.mapping.get("properties", {})):
        raise EngineError(
            f"{engine.shown}, index {index!r}: OpenSearch before 2.19.3 loses an index that has vectors when its "
            "mapping changes; update OpenSearch, or use another index"
        )


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return b""
