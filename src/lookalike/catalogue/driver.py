"""What the catalogue asks of the connections of a driver."""

from __future__ import annotations

from typing import Any, Protocol


class DriverConnection(Protocol):
    """A connection of a driver, as PEP 249 has it."""

    def cursor(self) -> Any: ...
    def rollback(self) -> None: ...
    def close(self) -> None: ...
