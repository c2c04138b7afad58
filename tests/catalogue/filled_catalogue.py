"""Sources for a catalogue, and a hand that changes its file from outside, for tests."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np

from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.opening import is_url
from lookalike.catalogue.postgresql import Address, connections
from lookalike.catalogue.records import Location, NewSource


def new(i: int, **more: object) -> NewSource:
    vectors = {"look": np.full(4, i + 1, np.float32)}
    fields = {
        "metadata": {"title": f"red {i}"},
        "places": (Location(f"/p/{i}", 1, 2),),
        "vectors": vectors,
        **more,
    }
    return NewSource(f"id{i}", f"{i:064x}", "picture", 9, **fields)  # type: ignore[arg-type]


def tamper(catalogue: Catalogue | Path, *statements: str) -> None:
    """Change a catalogue behind its back. Bytes are written as `zeroblob(16)` or `x'00'`."""
    place = str(catalogue) if isinstance(catalogue, Path) else catalogue.name
    if not is_url(place):
        with closing(sqlite3.connect(place)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()
        return
    with closing(connections.connect_catalogue(Address.parse(place))) as server:
        for statement in statements:
            zeros = re.sub(r"zeroblob\((\d+)\)", lambda found: f"x'{'00' * int(found[1])}'", statement)
            server.execute(re.sub(r"\bx'([0-9a-f]*)'", r"'\\x\1'::bytea", zeros).encode())
