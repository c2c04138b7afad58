"""The files that an ONNX model keeps weights in beside its own, read off the model itself.

ONNX Runtime opens them without saying which, and has no parser. This walks the few fields of ONNX's protobuf messages
in which a tensor can lie, and passes over the rest: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from lookalike.errors import ModelError

_EXPORTERS = (".data", "_data")
"""Endings of the names that exporters give, in the order in which a model's hash takes them."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# Of each message the fields, by number, whose messages may hold a tensor.
_WITHIN: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Function": {7: "Node", 11: "Attribute"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "SparseTensor", 23: "SparseTensor"},
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
}
_EXTERNAL_DATA, _DATA_LOCATION, _EXTERNAL = 13, 14, 1
_KEY, _VALUE = 1, 2


def weight_files(model: Path) -> list[Path]:
    """Return the files beside `model` that its hash covers: all that it names, and those with exporters' names.

    Raises:
        ModelError: it is no ONNX model, or names a file that is not there or outside of its folder.
    """
    try:
        with model.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            # In ONNX Runtime's own format all weights lie within.
            locations = set() if mapped[4:8] == b"ORTM" else set(_locations(mapped))
    except (OSError, ValueError) as error:
        raise ModelError(f"{model}: is not a model that ONNX Runtime loads ({error})") from None
    files = [model.with_name(model.name + ending) for ending in _EXPORTERS]
    files = [file for file in files if file.is_file()]
    for location in sorted(locations):
        paths = PurePosixPath(location), PureWindowsPath(location)
        if not location or any(path.anchor or ".." in path.parts for path in paths):
            raise ModelError(
                f"{model}: names weights outside of its folder ({location!r}); export it with all files in one folder"
            )
        file = model.parent / location
        if not file.is_file():
            raise ModelError(f"{model}: its weights {location!r} are not there; bring the file to the model")
        if file not in files:
            files.append(file)
    return files


def _locations(model: mmap.mmap) -> Iterator[str]:
    """Yield the locations of the external tensors of a model.

    Raises:
        ValueError: it is no protobuf message.
    """
    messages = [("Model", 0, len(model))]
    while messages:
        kind, start, end = messages.pop()
        if kind == "Tensor":
            yield from _locations_of_tensor(model, start, end)
            continue
        within = _WITHIN[kind]
        for number, wire, low, high in _fields(model, start, end):
            if wire == _BYTES and number in within:
                messages.append((within[number], low, high))


def _locations_of_tensor(model: mmap.mmap, start: int, end: int) -> Iterator[str]:
    locations = []
    is_external = False
    for number, wire, low, high in _fields(model, start, end):
        if number == _DATA_LOCATION and wire == _VARINT:
            is_external = low == _EXTERNAL
        elif number == _EXTERNAL_DATA and wire == _BYTES:
            entry = {field: model[first:last] for field, _, first, last in _fields(model, low, high)}
            if entry.get(_KEY) == b"location":
                locations.append(entry.get(_VALUE, b"").decode("utf-8"))
    if is_external:
        yield from locations


def _fields(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield number, wire type, and start and end of each field of a message; of a varint its value, and its end."""
    while start < end:
        key, start = _varint(data, start, end)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, start = _varint(data, start, end)
            yield number, wire, value, start
            continue
        if wire == _BYTES:
            length, start = _varint(data, start, end)
        elif wire in (_FIXED64, _FIXED32):
            length = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"damaged at byte {start}")
        if number == 0 or length > end - start:
            raise ValueError(f"damaged at byte {start}")
        yield number, wire, start, start + length
        start += length


def _varint(data: mmap.mmap, start: int, end: int) -> tuple[int, int]:
    value = 0
    for place in range(start, min(end, start + 10)):
        value |= (data[place] & 0x7F) << 7 * (place - start)
        if data[place] < 0x80:
            return value, place + 1
    raise ValueError(f"damaged at byte {start}")
