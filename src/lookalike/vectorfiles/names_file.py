"""Names of rows in a file of their own: text with a name a line, or Parquet with a column of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lookalike.errors import VectorFileError
from lookalike.vectorfiles.layout import Names

LINE_BYTES = 1 << 16
"""A name may take no more than this."""


def open_names(path: Path) -> Names:
    """Return the names in a file. Raises VectorFileError."""
    if path.suffix.lower() == ".parquet":
        from lookalike.vectorfiles.parquet import names_in

        return names_in(path)
    return TextNames(path)


class TextNames:
    """Names in a text file, UTF-8, one a line."""

    def __init__(self, path: Path) -> None:
        """Count them. Raises VectorFileError."""
        self.label = str(path)
        self._path = path
        self.count = sum(1 for _ in self)

    def __iter__(self) -> Iterator[str]:
        try:
            with self._path.open(encoding="utf-8-sig", newline="\n") as text:
                number = 0
                while line := text.readline(LINE_BYTES + 2):
                    number += 1
                    name = line.rstrip("\r\n")
                    if len(name) > LINE_BYTES:
                        raise VectorFileError(
                            f"{self._path}: line {number} has more than {LINE_BYTES} characters; give a name a line"
                        )
                    yield name
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise VectorFileError(
                f"{self._path}, which should have a name a line, cannot be read: {reason}"
            ) from error
