"""The process in which a library reads a saved index, and what it says to the one that started it.

Each request is a line of JSON; each answer a line of JSON that says how many bytes follow. The process ends when its
input closes. On Linux and macOS it may not take much more memory than the file has, nor compute for ever.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from lookalike.errors import LookalikeError, VectorFileError
from lookalike.vectorfiles.saved.reader import Asked, Reader

READERS = {
    "annoy": "AnnoyReader",
    "faiss": "FaissReader",
    "hnswlib": "HnswlibReader",
    "usearch": "UsearchReader",
    "voyager": "VoyagerReader",
}
MEMORY = 2 << 30
SECONDS = 120
SLOWEST = 4 << 20  # bytes a second


def main() -> None:
    """Answer requests until there are no more."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    asked = json.loads(requests.readline())
    path = Path(asked["path"])
    opened: list[Reader] = []

    def open_() -> tuple[dict[str, Any], bytes]:
        _limit(path.stat().st_size)
        reader: Reader = getattr(
            importlib.import_module(f"lookalike.vectorfiles.saved.{asked['library']}"),
            READERS[asked["library"]],
        )(Asked(path, asked["dimension"], asked["metric"]))
        opened.append(reader)
        described = {
            "rows": reader.rows,
            "dimension": reader.dimension,
            "dtype": reader.dtype.str,
            "metric": reader.metric,
        }
        return described, b""

    _answer(answers, path, asked["library"], open_)
    for line in requests:
        what, first, last = json.loads(line)

        def read(what: str = what, first: int = first, last: int = last) -> tuple[dict[str, Any], bytes]:
            rows = opened[0].ids(first, last) if what == "ids" else opened[0].vectors(first, last)
            return {"dtype": rows.dtype.str, "shape": rows.shape}, np.ascontiguousarray(rows).tobytes()

        _answer(answers, path, asked["library"], read)


def _answer(
    answers: IO[bytes], path: Path, library: str, give: Callable[[], tuple[dict[str, Any], bytes]]
) -> None:
    try:
        header, payload = give()
    except LookalikeError as error:
        header, payload = {"kind": type(error).__name__, "message": str(error)}, b""
    except MemoryError:
        header, payload = (
            _refused(f"{path}: {library} takes more memory than the file can need; it is damaged"),
            b"",
        )
    except Exception as error:  # a library may raise anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        header, payload = _refused(f"{path} cannot be read by {library}: {reason}"), b""
    answers.write(json.dumps({**header, "bytes": len(payload)}).encode() + b"\n")
    answers.write(payload)
    answers.flush()


def _refused(message: str) -> dict[str, Any]:
    return {"kind": VectorFileError.__name__, "message": message}


def _limit(size: int) -> None:
    """Limit what reading a file of `size` bytes may take. Libraries are loaded later, and are within it."""
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + SECONDS + size // SLOWEST
    limits = [(resource.RLIMIT_CORE, 0), (resource.RLIMIT_CPU, seconds)]
    if sys.platform == "linux":  # elsewhere addresses that are merely reserved count, or nothing does
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[0])
        limits.append((resource.RLIMIT_AS, pages * resource.getpagesize() + MEMORY + 4 * size))
    for which, most in limits:
        _, hard = resource.getrlimit(which)
        if hard == resource.RLIM_INFINITY or most < hard:
            resource.setrlimit(which, (most, hard))
