"""Arrays of token schemes, kept in the engine itself: megabytes, so in an index of their own and not in its mappings.

The index `lookalike-families` is hidden. An entry is named by the UUIDv5 of what it holds, so that the same arrays are
kept once and never change, and lies there in chunks.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import uuid
import zipfile
from collections.abc import Sequence

import numpy as np

from lookalike.engine.bulk import Action, write
from lookalike.engine.client import Engine, path_of
from lookalike.errors import EngineError
from lookalike.hashing.base import Arrays

INDEX = "lookalike-families"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://lookalike.invalid/engine-family")
CHUNK_BYTES = 4 << 20


class ArraysError(Exception):
    """Arrays are gone or damaged; becomes an error that names the index at once."""


def save_arrays(engine: Engine, arrays: Arrays) -> str:
    """Keep `arrays`, and return the UUID that names them. Raises EngineError.

    What is there already is written again, which `drop_chunks` notices: see `chunks_of`.
    """
    packed = io.BytesIO()
    np.savez(packed, **arrays)  # type: ignore[arg-type]
    data = packed.getvalue()
    name = str(uuid.uuid5(NAMESPACE, hashlib.sha256(data).hexdigest()))
    chunks = [data[start : start + CHUNK_BYTES] for start in range(0, len(data), CHUNK_BYTES)]
    make_families_index(engine)
    for i, chunk in enumerate(chunks):
        described = {
            "family": name,
            "chunk": i,
            "chunks": len(chunks),
            "sha256": hashlib.sha256(chunk).hexdigest(),
            "data": base64.b64encode(chunk).decode(),
        }
        engine.call("PUT", path_of(INDEX, "_doc", f"{name}-{i}"), described)
    return name


def load_arrays(engine: Engine, name: str) -> Arrays:
    """Return the arrays that `save_arrays` named.

    Raises:
        ArraysError: they are gone or damaged.
        EngineUnavailableError: the engine cannot be reached.
    """
    chunks: list[bytes] = []
    count = 1
    try:
        while len(chunks) < count:
            answer = engine.call("GET", path_of(INDEX, "_doc", f"{name}-{len(chunks)}"))
            described = answer["_source"]
            chunk = base64.b64decode(described["data"], validate=True)
            if hashlib.sha256(chunk).hexdigest() != described["sha256"]:
                raise ValueError("a chunk does not have its checksum")
            count = int(described["chunks"])
            chunks.append(chunk)
        with np.load(io.BytesIO(b"".join(chunks)), allow_pickle=False) as packed:
            return {key: packed[key] for key in packed.files}
    except EngineError as error:
        if error.status != 404:
            raise
        raise ArraysError(f"family {name} is gone") from error
    except (KeyError, TypeError, ValueError, binascii.Error, zipfile.BadZipFile) as error:
        raise ArraysError(f"family {name} is damaged ({error})") from error


def chunks_of(engine: Engine, name: str) -> list[Action]:
    """Return what deletes arrays, each chunk only as long as nobody writes it again.

    Who gives arrays up takes this first, then looks whether an index names them, and then drops them. Who uses them
    names them in an index first, and then saves them. So neither needs a lock.
    """
    actions: list[Action] = []
    count = 1
    while len(actions) < count:
        identifier = f"{name}-{len(actions)}"
        try:
            answer = engine.call("GET", path_of(INDEX, "_doc", identifier), params={"_source": "chunks"})
        except EngineError as error:
            if error.status != 404:
                raise
            break
        count = int(answer["_source"]["chunks"])
        actions.append(Action(identifier, None, (answer["_seq_no"], answer["_primary_term"])))
    return actions


def drop_chunks(engine: Engine, chunks: Sequence[Action]) -> None:
    """Delete what `chunks_of` named, but for what was written since."""
    write(engine, INDEX, chunks)


def make_families_index(engine: Engine) -> None:
    """Make the index, unless it is there."""
    properties = {
        "family": {"type": "keyword"},
        "chunk": {"type": "integer"},
        "chunks": {"type": "integer"},
        "sha256": {"type": "keyword"},
        "data": {"type": "binary"},
    }
    body = {
        "settings": {
            "index": {"hidden": True, "number_of_shards": 1, "auto_expand_replicas": "0-1"},
        },
        "mappings": {"dynamic": False, "properties": properties},
    }
    try:
        engine.call("PUT", path_of(INDEX), body)
    except EngineError as error:
        if error.kind != "resource_already_exists_exception":
            raise
