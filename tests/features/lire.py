"""What LIRE itself computed for 42 pictures, from the folder `lire` of LOOKALIKE_DATA."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import runpy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike.arrays import Array, Float64, UInt8
from lookalike.features.descriptors.base import Descriptor

DATA = Path(os.environ.get("LOOKALIKE_DATA") or "/data")

needed = pytest.mark.skipif(
    not (DATA / "lire").is_dir(),
    reason=f"needs {DATA / 'lire'}: set LOOKALIKE_DATA to a folder that has lire/",
)


@cache
def names() -> list[str]:
    """Return the pictures' names, in the order of the matrices of distances."""
    return [str(name) for name in _json("distances.json.gz")["pictures"]]


@cache
def pictures() -> list[UInt8]:
    """Return the pictures' pixels, each (height, width, 3); skip if they are decoded otherwise than for LIRE."""
    expected = _json("pixels.json")
    make = runpy.run_path(str(DATA / "lire" / "synthetic.py"))["make"]
    loaded = []
    for name in names():
        picture = make(name) if name.startswith("synthetic/") else Image.open(DATA / name)
        pixels = np.asarray(picture.convert("RGB"))
        if hashlib.sha256(pixels.tobytes()).hexdigest() != expected[name][2]:
            pytest.skip(f"this JPEG decoder gives other pixels for {name} than LIRE saw")
        loaded.append(pixels)
    return loaded


def described(descriptor: Descriptor) -> Array:
    """Return a descriptor of all pictures, (42, numbers)."""
    return np.stack([descriptor.describe(pixels) for pixels in pictures()])


def apart(descriptor: Descriptor, rows: Array) -> Float64:
    """Return the distances between all rows, (n, n)."""
    return np.stack([descriptor.distances(row, rows) for row in rows])


def descriptors(feature: str) -> Array:
    """Return LIRE's descriptors (42, numbers); `feature` is a key of `descriptors.json.gz`."""
    found = _json("descriptors.json.gz")
    return np.array([np.ravel(found[name][feature]) for name in names()])


def distances(feature: str) -> Float64:
    """Return LIRE's distances (42, 42); `feature` is a key of `distances.json.gz`."""
    return np.array(_json("distances.json.gz")["distances"][feature])


@cache
def _json(name: str) -> Any:
    path = DATA / "lire" / name
    with gzip.open(path) if name.endswith(".gz") else path.open("rb") as file:
        return json.load(file)
