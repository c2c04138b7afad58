"""A saved index of another library as a file of vectors, read by a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import spawn
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import numpy.typing as npt

from lookalike import errors
from lookalike.errors import OptionError, VectorFileError
from lookalike.vectorfiles.base import VectorFile
from lookalike.vectorfiles.saved.detection import LIBRARIES
from lookalike.vectorfiles.saved.metrics import ALIASES

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from lookalike.vectorfiles.saved.child import main; main()"
)
_ONE_THREAD = {f"{library}_THREADS": "1" for library in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM")}
_IDS_AT_ONCE = 4096


class SavedIndex(VectorFile):
    """The vectors that an index keeps as they went in; their names are its ids, or lines of a text file.

    Args:
        path: what Annoy, FAISS, hnswlib, USearch or voyager saved.
        library: which of them, one of `LIBRARIES`.
        dimension, metric: those of the index, which files of Annoy do not tell, and files of hnswlib in part; a metric
            by its name here or in the library. Others are checked.
        names: a text file, UTF-8, whose line N, counted from 0, is the name of what has the id N.

    Raises:
        OptionError: an unknown library, a dimension or metric that is missing or not the file's.
        VectorFileError: the file is none of the library's, or damaged, or keeps something else than what went in.
        MissingDependencyError: the library is not installed.
    """

    def __init__(
        self,
        path: Path,
        library: str,
        *,
        dimension: int | None = None,
        metric: str | None = None,
        names: str | os.PathLike[str] | None = None,
    ) -> None:
        self.path = path
        if library not in LIBRARIES:
            raise OptionError(
                f"there is no reader of indexes of {library!r}; there are {', '.join(LIBRARIES)}"
            )
        if not path.is_file():
            raise VectorFileError(f"{path} is not a file; give an index that {library} saved")
        self._names = None if names is None else Path(names)
        self._library = library
        self._process = _Process(path, library)
        try:
            told = self._process.ask(
                {
                    "path": os.path.abspath(path),
                    "library": library,
                    "dimension": dimension,
                    "metric": None if metric is None else ALIASES.get(metric, metric),
                }
            )[0]
            self.rows, self.dimension = told["rows"], told["dimension"]
            self.dtype, self.metric = np.dtype(told["dtype"]), told["metric"]
            least = self.rows * (
                self.width if self.metric == "hamming" else self.dimension * self.dtype.itemsize
            )
            if self.rows < 0 or self.dimension < 1 or least > path.stat().st_size:
                raise VectorFileError(
                    f"{path} declares {self.rows} vectors of dimension {self.dimension}, more than it holds; it is "
                    "damaged"
                )
        except BaseException:
            self.close()
            raise

    @property
    def width(self) -> int:
        return -(-self.dimension // 8) if self.metric == "hamming" else self.dimension

    def close(self) -> None:
        self._process.close()

    def names(self) -> Iterator[str]:
        if self._names is None:
            return (str(id_) for id_ in self._ids())
        return self._named(self._names)

    def _read(self, first: int, last: int) -> npt.NDArray[Any]:
        rows = self._fetch("vectors", first, last)
        return np.packbits(rows, axis=1) if rows.dtype == bool else rows

    def _ids(self) -> Iterator[int]:
        for first in range(0, self.rows, _IDS_AT_ONCE):
            yield from self._fetch("ids", first, min(first + _IDS_AT_ONCE, self.rows)).tolist()

    def _fetch(self, what: str, first: int, last: int) -> npt.NDArray[Any]:
        told, payload = self._process.ask([what, first, last])
        return np.frombuffer(payload, told["dtype"]).reshape(told["shape"])

    def _named(self, file: Path) -> Iterator[str]:
        lines = _lines(file)
        for id_ in self._ids():
            if not 0 <= id_ < len(lines):
                raise VectorFileError(f"{file} has {len(lines)} lines, and none for id {id_} of {self.path}")
            yield lines[id_]


class _Process:
    """The process that reads, and the two pipes to it."""

    def __init__(self, path: Path, library: str) -> None:
        self._path, self._library = path, library
        if not spawn.get_executable() or getattr(sys, "frozen", False):
            raise VectorFileError(
                f"{path} is read by a process of its own, which this application cannot start"
            )
        where = json.dumps([entry for entry in sys.path if isinstance(entry, str)])
        self._popen = subprocess.Popen(
            [os.fsdecode(spawn.get_executable()), "-P", "-c", _START, where],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | _ONE_THREAD,
        )
        self._to = cast(IO[bytes], self._popen.stdin)
        self._from = cast(IO[bytes], self._popen.stdout)

    def ask(self, request: Any) -> tuple[dict[str, Any], bytes]:
        """Return the answer to a request. Raises what the process says, or that it ended."""
        if self._to.closed:
            raise VectorFileError(f"{self._path} is closed; open it again")
        try:
            self._to.write(json.dumps(request).encode() + b"\n")
            self._to.flush()
            line = self._from.readline()
            told: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {}
            payload = self._from.read(told["bytes"]) if told else b""
        except OSError:
            told, payload = {}, b""
        if not told or len(payload) < told["bytes"]:
            raise VectorFileError(
                f"{self._path}: {self._library} crashed on it or did not come to an end ({self._status()}); "
                "the file is damaged, or of another version"
            )
        if "message" in told:
            raise getattr(errors, told["kind"])(told["message"])
        return told, payload

    def _status(self) -> str:
        status = self._popen.wait()
        try:
            return signal.Signals(-status).name if status < 0 else f"exit status {status}"
        except ValueError:
            return f"signal {-status}"

    def close(self) -> None:
        self._popen.kill()
        self._popen.wait()
        for pipe in (self._to, self._from):
            with contextlib.suppress(OSError):  # there may be something unsent, to a process that has ended
                pipe.close()


def _lines(file: Path) -> list[str]:
    try:
        with file.open(encoding="utf-8") as text:
            return [line.rstrip("\n") for line in text]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise VectorFileError(f"{file}, which should have a name a line, cannot be read: {reason}") from error
