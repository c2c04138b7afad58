"""The kernels that Python calls: compiled for the machine when they are first needed, and kept for other processes.

Numba keeps compiled code until the file of its function changes. These functions are made of many files, constants
among them: code that was kept by another version would read what this one writes, wrongly or beyond its end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache

from lookalike import kernels


def _sources() -> str:
    """Return a hash of all files that kernels are made of."""
    hasher = hashlib.sha256()
    folder = Path(kernels.__file__).parent
    for path in sorted(folder.rglob("*.py")):
        hasher.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return hasher.hexdigest()


SOURCES = _sources()


class _Cache(FunctionCache):
    """Numba's, which finds code again only if it was made of the same files."""

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        return (*super()._index_key(sig, codegen), SOURCES)


def entry(*signatures: str, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return the decorator of a kernel for arguments of these types, or of any where there are none.

    Args:
        options: of `numba.njit`, beside those of all kernels.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        kernel: Any = njit(nogil=True, error_model="numpy", **options)(function)
        kernel._cache = _Cache(function)
        for signature in signatures:
            kernel.compile(signature)
        if signatures:
            kernel.disable_compile()
        return kernel

    return decorate
