"""Bulk writing: whole documents, and each one's own status."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lookalike.engine.client import Engine, passes, path_of
from lookalike.errors import EngineUnavailableError, EngineWriteError, MetadataError

CHUNK_BYTES = 8 << 20
CHUNK_ACTIONS = 1000
PAUSES = (0.1, 0.4, 1.6, 6.4, 12.8)
"""Seconds before each further try of what the engine was too busy for, less up to half, so that many who wait do not
come back together."""
TIMEOUT = 120.0
SHARD_WITHIN = "15s"
"""How long the engine itself waits for a shard that has no copy just now, each time."""
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Action:
    """What becomes of one document: `source` is written in place of what is there; None: it is deleted.

    With `seen`, its sequence number and primary term, only if the document is still the one that was read; with `new`,
    only if there is none.
    """

    id: str
    source: Mapping[str, Any] | None
    seen: tuple[int, int] | None = None
    new: bool = False

    def lines(self) -> bytes:
        """Return the lines of `_bulk`. Raises MetadataError for what no JSON holds."""
        import orjson

        about: dict[str, Any] = {"_id": self.id}
        if self.seen is not None:
            about["if_seq_no"], about["if_primary_term"] = self.seen
        option = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE
        try:
            if self.source is None:
                return orjson.dumps({"delete": about}, option=option)
            how = "create" if self.new else "index"
            return orjson.dumps({how: about}, option=option) + orjson.dumps(self.source, option=option)
        except TypeError as error:
            raise MetadataError(f"document {self.id!r} cannot be written as JSON: {error}") from error


@dataclass(frozen=True, slots=True)
class Written:
    """What was done."""

    count: int
    """Documents written or deleted."""
    changed: tuple[str, ...]
    """Ids of those that somebody else changed since they were read, which were left alone."""
    missing: tuple[str, ...]
    """Ids that were to be deleted, and not there."""


def write(engine: Engine, index: str, actions: Iterable[Action], *, require_alias: bool = False) -> Written:
    """Carry out actions, in chunks.

    A chunk that is sent again, since its answer was lost, writes the same documents again under the same ids. Where
    documents are refused, the others of their chunk and of all before it are written, and those after it are not.

    Args:
        require_alias: whether `index` has to be an alias, so that no index is made by it where it is gone.

    Raises:
        EngineWriteError: the engine refused some; `refused` says which and why.
        EngineUnavailableError: it cannot be reached, or was too busy however often it was asked.
        MetadataError: a document cannot be written as JSON.
    """
    params = {"timeout": SHARD_WITHIN, **({"require_alias": "true"} if require_alias else {})}
    count = 0
    changed: list[str] = []
    missing: list[str] = []
    for chunk in _chunks(actions):
        refused: dict[str, tuple[int, Any]] = {}
        for pause in (*PAUSES, None):
            busy: dict[str, bytes] = {}
            body = b"".join(chunk.values())
            answer = engine.call("POST", path_of(index, "_bulk"), body, params=params, timeout=TIMEOUT)
            for item in answer["items"]:
                ((action, told),) = item.items()
                identifier, status = told["_id"], told["status"]
                if status < 300:
                    count += 1
                elif status == 409:
                    changed.append(identifier)
                elif status == 404 and action == "delete" and "error" not in told:
                    missing.append(identifier)
                elif passes(status, told):
                    busy[identifier] = chunk[identifier]
                    refused[identifier] = (status, told)
                else:
                    refused[identifier] = (status, told)
            if not busy or pause is None:
                break
            chunk = busy
            refused = {one: why for one, why in refused.items() if one not in busy}
            time.sleep(pause * random.uniform(0.5, 1))
        if refused:
            raise _refusal(engine, index, refused, count)
    return Written(count, tuple(changed), tuple(missing))


def _chunks(actions: Iterable[Action]) -> Iterator[dict[str, bytes]]:
    """Yield the lines of some actions each, by id: no id twice."""
    chunk: dict[str, bytes] = {}
    size = 0
    for action in actions:
        lines = action.lines()
        if chunk and (size + len(lines) > CHUNK_BYTES or len(chunk) == CHUNK_ACTIONS or action.id in chunk):
            yield chunk
            chunk, size = {}, 0
        chunk[action.id] = lines
        size += len(lines)
    if chunk:
        yield chunk


def _refusal(engine: Engine, index: str, refused: Mapping[str, tuple[int, Any]], count: int) -> Exception:
    errors = {one: engine.refusal(status, told, index) for one, (status, told) in refused.items()}
    first = next(iter(errors.values()))
    ids = ", ".join(map(repr, list(errors)[:SHOWN])) + (", ..." if len(errors) > SHOWN else "")
    message = f"{len(errors)} documents ({ids}) were not written, {count} were: {first}"
    if all(isinstance(error, EngineUnavailableError) for error in errors.values()):
        return EngineUnavailableError(message)
    wrong = EngineWriteError(message, {one: str(error) for one, error in errors.items()})
    wrong.status, wrong.kind = first.status, first.kind
    return wrong
