"""The benchmarks' own error."""

from __future__ import annotations

from lookalike.errors import LookalikeError


class DatasetMissingError(LookalikeError):
    """A data set is not there and cannot be made; the message says what it would take."""
