"""A network in ONNX, opened by ONNX Runtime (extra `onnx`): what it takes and gives, and runs of any number of rows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.errors import MissingDependencyError, ModelError

PROVIDER = "LOOKALIKE_ONNX_PROVIDER"
"""Names the execution provider on this machine, before what a description says."""
CPU = "CPUExecutionProvider"

_SUFFIX = "ExecutionProvider"
_TYPES: Mapping[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Input:
    """What a network takes under a name; an open axis has a name or None in place of a length."""

    name: str
    kind: str
    shape: tuple[int | str | None, ...]

    @property
    def dtype(self) -> type[np.generic] | None:
        """The type of its values in NumPy; None for types that are not handled."""
        return _TYPES.get(self.kind)

    @property
    def batch(self) -> int | None:
        """How many rows go in at once; None for any number."""
        return self.length(0)

    def length(self, axis: int) -> int | None:
        """Return the length of an axis; None where it is open."""
        length = self.shape[axis]
        return length if isinstance(length, int) and length > 0 else None

    def __str__(self) -> str:
        return f"{self.kind} {list(self.shape)}"


class OnnxSession:
    """One ONNX file; safe for threads.

    Args:
        path: the file; weights beside it are found by ONNX Runtime.
        threads: threads of one run.
        provider: the execution provider, such as "CUDAExecutionProvider" or "cuda"; several in the order in which they
            are to be tried. `LOOKALIKE_ONNX_PROVIDER` in the environment, separated by commas, goes before it.
        options: options of the first provider, as ONNX Runtime documents them.

    Raises:
        MissingDependencyError: ONNX Runtime is not installed, or has no such provider.
        ModelError: it does not load the file, or not with this provider.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int = 1,
        provider: Sequence[str] = (),
        options: Mapping[str, Any] | None = None,
    ) -> None:
        onnxruntime = onnx_runtime()
        self.path = path
        self.providers = known_providers(provider)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
        settings.log_severity_level = 4  # what matters is raised; the rest would go to stderr
        try:
            self._session = onnxruntime.InferenceSession(
                str(path),
                settings,
                providers=self.providers,
                provider_options=[dict(options or {}), *({} for _ in self.providers[1:])],
            )
        except Exception as error:  # ONNX Runtime has a dozen kinds of its own
            raise ModelError(f"{path}: is not a model that ONNX Runtime loads ({one_line(error)})") from error
        if self.providers[0] not in self._session.get_providers():
            raise ModelError(
                f"{path}: ONNX Runtime cannot start {self.providers[0]}, and would run on the processor instead; "
                "look at its requirements, or name another provider"
            )
        self._run_options = onnxruntime.RunOptions()
        self._run_options.only_execute_path_to_fetches = True  # one of two towers
        self._run_options.log_severity_level = 4
        self.inputs = {
            one.name: Input(one.name, one.type, tuple(one.shape)) for one in self._session.get_inputs()
        }
        self.outputs = [str(one.name) for one in self._session.get_outputs()]

    def run(self, output: str, rows: Mapping[str, Array], fill: Mapping[str, float] | None = None) -> Array:
        """Return an output for each of n rows, shape (n, ...).

        Where the network takes another number of rows at once, it runs as often as that takes, and the last run is
        filled up. Where the output of a run of one row has no axis for rows, it is given one.

        Args:
            rows: values of the inputs, (n, ...) each, n at least 1.
            fill: values of other inputs; by default 1 for whole numbers, and 0 for others. Their open axes get the
                length 1, or n where the axis is the one of the rows.

        Raises:
            ModelError: the network failed, or gives something else for each row.
        """
        first = next(iter(rows.values()))
        size = min((one.batch for name, one in self.inputs.items() if name in rows and one.batch), default=0)
        size = size or len(first)
        found = [
            self._run_once(
                output, {name: values[start : start + size] for name, values in rows.items()}, size, fill
            )
            for start in range(0, len(first), size)
        ]
        return found[0] if len(found) == 1 else np.concatenate(found)

    def _run_once(
        self, output: str, rows: Mapping[str, Array], size: int, fill: Mapping[str, float] | None
    ) -> Array:
        """Return the output for up to `size` rows, in one run of `size` rows."""
        count = len(next(iter(rows.values())))
        feeds = {
            name: np.concatenate([values, np.repeat(values[-1:], size - count, axis=0)])
            if count < size
            else values
            for name, values in rows.items()
        }
        axes = {one.shape[0] for name, one in self.inputs.items() if name in rows}
        for name, one in self.inputs.items():
            if name not in feeds:
                feeds[name] = self._filled(one, size, axes, (fill or {}).get(name))
        try:
            (values,) = self._session.run([output], feeds, self._run_options)
        except Exception as error:  # ONNX Runtime has a dozen kinds of its own
            raise ModelError(f"{self.path}: the network failed ({one_line(error)})") from error
        values = np.asarray(values)
        if size == 1 and values.shape[:1] != (1,):
            values = values[np.newaxis]
        if values.shape[:1] != (size,):
            raise ModelError(
                f"{self.path}: output {output!r} has shape {values.shape} for a batch of {size}; it must have a row "
                "for each"
            )
        return values[:count]

    def _filled(self, one: Input, size: int, axes: set[int | str | None], value: float | None) -> Array:
        """Return values of an input that has no meaning here."""
        if one.dtype is None:
            raise ModelError(f"{self.path}: input {one.name!r} is {one}, which cannot be filled in")
        shape = [
            one.length(axis) or (size if axis == 0 and isinstance(name, str) and name in axes else 1)
            for axis, name in enumerate(one.shape)
        ]
        is_float = np.issubdtype(one.dtype, np.floating)
        return np.full(shape, (0 if is_float else 1) if value is None else value, one.dtype)


def onnx_runtime() -> Any:
    """Return the module of ONNX Runtime. Raises MissingDependencyError."""
    try:
        import onnxruntime
    except ImportError:
        raise MissingDependencyError(
            "networks in ONNX need ONNX Runtime; pip install 'lookalike[onnx]'"
        ) from None
    return onnxruntime


def known_providers(wanted: Sequence[str] = ()) -> list[str]:
    """Return the execution providers to try, in order, by ONNX Runtime's names; the processor comes last.

    Raises:
        MissingDependencyError: one is not part of the ONNX Runtime that is installed.
    """
    there = {name.lower(): str(name) for name in onnx_runtime().get_available_providers()}
    named = [name.strip() for name in os.environ.get(PROVIDER, "").split(",") if name.strip()] or list(wanted)
    found = []
    for name in named:
        key = name.lower() if name.lower().endswith(_SUFFIX.lower()) else (name + _SUFFIX).lower()
        if key not in there:
            has = ", ".join(there.values())
            raise MissingDependencyError(
                f"the installed ONNX Runtime has no provider {name!r}, only {has}; install the build that has it, such "
                "as onnxruntime-gpu for CUDA"
            )
        found.append(there[key])
    return list(dict.fromkeys([*found, CPU]))


def one_line(error: Exception) -> str:
    """Return an error's message in one line of up to 160 characters."""
    text = " ".join(str(error).split())
    return text if len(text) <= 160 else text[:157] + "..."
