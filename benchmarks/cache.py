"""Arrays that take long to make, kept as .npy files and found again by what they were made of."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FOLDER = Path(__file__).parent / "cache"


def digest(parts: Iterable[npt.NDArray[Any] | str]) -> str:
    """Return a short name for the content, type and shape of arrays, and for texts."""
    hasher = hashlib.blake2b(digest_size=8)
    for part in parts:
        if isinstance(part, str):
            hasher.update(b"text" + part.encode())
        else:
            hasher.update(f"{part.dtype.str}{part.shape}".encode())
            hasher.update(np.ascontiguousarray(part).data.cast("B"))
    return hasher.hexdigest()


def store(path: Path, array: npt.NDArray[Any]) -> Path:
    """Write an array beside `path` and rename it, so that one cut short is never found."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    with unfinished.open("wb") as file:
        np.save(file, array)
    unfinished.replace(path)
    return path


def load(folder: Path, names: Iterable[str]) -> dict[str, npt.NDArray[Any]] | None:
    """Return the arrays of a folder by name, memory-mapped, or None where one is missing."""
    paths = {name: folder / f"{name}.npy" for name in names}
    if not all(path.exists() for path in paths.values()):
        return None
    return {name: np.load(path, mmap_mode="r") for name, path in paths.items()}


def store_all(folder: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays into a folder by name."""
    for name, array in arrays.items():
        store(folder / f"{name}.npy", array)
