"""Sources for a catalogue, and a hand that changes its file from outside, for tests."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np

from lookalike.catalogue.catalogue import Catalogue
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
    connection = sqlite3.connect(catalogue if isinstance(catalogue, Path) else catalogue.name)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
