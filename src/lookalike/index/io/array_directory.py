"""The on-disk format: a directory of raw arrays behind a manifest.

    manifest.json      {"magic", "version", "checksum", "body": {"properties", "arrays"}} as compact JSON, keys sorted
    NAME.SERIAL.bin    one array: its little-endian bytes in C order, nothing else
    writer.lock        held while a version is written; empty

For each array the manifest states file, dtype, shape and checksum (BLAKE2b, 128 bits); its own checksum is
that of the body in the same form, and every byte of it must be as this form has it. A file's length must be what
dtype and shape say.

A change is written beside, under a new serial, and synced; then the manifest is replaced by rename and the
directory synced. So a crash leaves the old version or the new one. Files that the manifest does not name
are deleted after that, and before the next change (a process that has them mapped keeps them). One version is written
at a time; reading needs no lock, as whoever finds a file gone reads the manifest again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.arrays import Array
from lookalike.errors import IndexFormatError
from lookalike.locks import CLAIM

MAGIC = "lookalike index"
OLDEST, VERSION = 4, 5
"""Older ones: 1 kept rows as float32 in the order given, with separate buckets; 2 measured no reach and margin; 3 kept
a count of writes in the place of the stamp; 4, which is still read, kept the factors of sketches in float32."""
MANIFEST = "manifest.json"
MANIFEST_BESIDE = f"{MANIFEST}.new"
"""What is to be the next manifest."""
LOCK = "writer.lock"
MANIFEST_BYTES = 64 << 20
"""A manifest longer than this is not read."""
TRIES = 20
"""So many versions may give way to newer ones while one reader tries to open them."""

FILE = re.compile(r"[a-z0-9_.]+\.(\d+)\.bin")
_DTYPES = {"<f2", "<f4", "<f8", "<i4", "<i8", "<u4", "<u8", "|i1", "|u1"}

Entry = dict[str, Any]
"""What the manifest says of one array: "file", "dtype", "shape", "checksum"."""


def read(path: Path, *, verify: bool = False) -> tuple[dict[str, Any], dict[str, Array], dict[str, Entry]]:
    """Return properties, memory-mapped arrays and their entries of the index in directory `path`.

    Raises:
        IndexFormatError: missing, damaged or of a newer version.
    """
    manifest, tries = read_manifest(path), TRIES
    while True:
        properties, entries = manifest
        try:
            return properties, _arrays(path, entries, verify=verify), entries
        except IndexFormatError:
            before, manifest, tries = manifest, read_manifest(path), tries - 1
            if not tries or manifest == before:  # a version that gave way to a newer one is no damage
                raise


def read_manifest(path: Path) -> tuple[dict[str, Any], dict[str, Entry]]:
    """Return properties and array entries, checked against the manifest's checksum."""
    file = path / MANIFEST
    try:
        if file.stat().st_size > MANIFEST_BYTES:
            raise IndexFormatError(f"{file}: is too long for a manifest; rebuild the index")
        text = file.read_bytes()
        manifest = json.loads(text)
    except FileNotFoundError:
        raise IndexFormatError(f"{file}: is missing, so {path} holds no index; build one") from None
    except OSError as error:
        raise IndexFormatError(f"{file}: cannot be read ({error.strerror}); check the path") from error
    except (ValueError, RecursionError) as error:
        raise IndexFormatError(f"{file}: is damaged (not JSON); rebuild the index") from error
    if not isinstance(manifest, dict) or manifest.get("magic") != MAGIC:
        raise IndexFormatError(f"{file}: is not the manifest of an index; give an index's directory")
    version = manifest.get("version")
    if isinstance(version, int) and version > VERSION:
        raise IndexFormatError(
            f"{file}: is of format version {version}, and this Lookalike reads up to {VERSION}; upgrade it"
        )
    if isinstance(version, int) and version < OLDEST:
        raise IndexFormatError(
            f"{file}: is of format version {version}, and this Lookalike reads {OLDEST} to {VERSION}; rebuild the index"
        )
    body = manifest.get("body")
    if (
        version not in range(OLDEST, VERSION + 1)
        or manifest.keys() != {"magic", "version", "checksum", "body"}
        or not isinstance(body, dict)
        or checksum_of(body) != manifest.get("checksum")
        or text_of(manifest).encode() != text
    ):
        raise IndexFormatError(f"{file}: is damaged (checksum); rebuild the index")
    properties, entries = body.get("properties"), body.get("arrays")
    if len(body) != 2 or not isinstance(properties, dict) or not isinstance(entries, dict):
        raise IndexFormatError(f"{file}: holds other things than properties and arrays; rebuild the index")
    return properties, entries


def manifest_of(properties: Mapping[str, Any], entries: Mapping[str, Entry]) -> bytes:
    """Return the bytes of a manifest."""
    body = {"properties": dict(properties), "arrays": dict(entries)}
    return text_of({"magic": MAGIC, "version": VERSION, "checksum": checksum_of(body), "body": body}).encode()


def file_names(path: Path) -> set[str]:
    """Return the names of the files in the directory of an index, or of one to be."""
    if not path.exists():
        return set()
    if not path.is_dir():
        raise IndexFormatError(f"{path}: is a file, and an index is a directory; give another path")
    names = {file.name for file in path.iterdir()}
    own = {name for name in names if FILE.fullmatch(name)} | {
        MANIFEST,
        MANIFEST_BESIDE,
        LOCK,
        LOCK + CLAIM,
    }
    if names - own:
        raise IndexFormatError(
            f"{path}: holds {min(names - own)}, which is no part of an index; give another"
        )
    return names


def _arrays(path: Path, entries: Mapping[str, Entry], *, verify: bool) -> dict[str, Array]:
    """Map all arrays; with `verify`, compare their checksums."""
    with contextlib.ExitStack() as opened:
        # All are opened before one is read: from then on none can vanish.
        files = {name: opened.enter_context(open_array(path, name, entry)) for name, entry in entries.items()}
        for name, entry in entries.items():
            if verify and checksum(files[name]) != entry["checksum"]:
                raise IndexFormatError(
                    f"{path / entry['file']}: array {name} is damaged (checksum); rebuild the index"
                )
        return {name: map_array(files[name], entry) for name, entry in entries.items()}


def open_array(path: Path, name: str, entry: Entry) -> BufferedReader:
    """Open the file of one array after checking what the manifest says against it."""
    described = entry if isinstance(entry, dict) else {}
    shape = described.get("shape")
    if (
        not isinstance(described.get("file"), str)
        or not FILE.fullmatch(described["file"])
        or not isinstance(described.get("checksum"), str)
        or not isinstance(described.get("dtype"), str)
        or described["dtype"] not in _DTYPES
        or not isinstance(shape, list)
        or not 1 <= len(shape) <= 4
        or not all(type(length) is int and 0 <= length < 2**62 for length in shape)
        or (0 in shape and math.prod(length for length in shape if length) >= 2**59)  # too much for NumPy
    ):
        raise IndexFormatError(f"{path / MANIFEST}: array {name} is described wrongly; rebuild the index")
    file: Path = path / entry["file"]
    try:
        opened = file.open("rb")
    except OSError as error:
        raise IndexFormatError(
            f"{file}: array {name} cannot be read ({error.strerror}); rebuild the index"
        ) from error
    length = os.fstat(opened.fileno()).st_size
    wanted = np.dtype(entry["dtype"]).itemsize * math.prod(shape)
    if length != wanted:
        opened.close()
        raise IndexFormatError(f"{file}: array {name} has {length} bytes, not {wanted}; rebuild the index")
    return opened


def map_array(file: BufferedReader, entry: Entry) -> Array:
    """Map one array, which stays when the file is closed, and when it is deleted."""
    dtype, shape = np.dtype(entry["dtype"]), tuple(entry["shape"])
    if 0 in shape:  # nothing to map
        return np.empty(shape, dtype=dtype)
    return np.memmap(file, dtype=dtype, mode="r", shape=shape).view(np.ndarray)


def checksum(file: BufferedIOBase) -> str:
    return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def checksum_of(body: Mapping[str, Any]) -> str:
    return hashlib.blake2b(text_of(body).encode(), digest_size=16).hexdigest()


def text_of(value: Mapping[str, Any]) -> str:
    """Return `value` as JSON, in the one form that a manifest has."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
