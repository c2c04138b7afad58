"""One change of an index's header at a time: engines change a mapping whole, and compare nothing with what was read.

The lock is a document beside the families, which one process at a time can create. Who finds it unchanged for
`LEASE` seconds by his own clock, takes it over: its owner was killed.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from lookalike.engine.client import Engine, path_of
from lookalike.engine.families import INDEX, make_families_index
from lookalike.engine.header import FeatureHeader, Found, Header, find_index
from lookalike.engine.layout import put_header
from lookalike.errors import EngineError, EngineUnavailableError

LEASE = 90.0
"""Seconds after which a lock is its owner's no more. Requests within have less time, tries and waiting included."""
CHANGE_SECONDS = 10.0
"""For one try of a request within."""
PATIENCE = 3
"""So many leases are waited for at most."""
PAUSE = 0.05
"""Seconds between two looks at a lock."""
CONFLICT = 409
MISSING = 404

Changed = tuple[Header, Mapping[str, FeatureHeader]]


def change_header(engine: Engine, name: str, change: Callable[[Found], Changed]) -> None:
    """Change the header of the index that `name` stands for, and let nobody else change it meanwhile.

    Args:
        engine: where it is.
        name: of the index, or an alias.
        change: returns the header to be, and the features of it that are new, by the index as it is.

    Raises:
        EngineError: there is no such index, or the engine refuses, or `change` does.
        EngineUnavailableError: the engine cannot be reached, or others changed it for minutes.
    """
    while True:
        index = find_index(engine, name).index
        with locked_header(engine, index) as check:
            found = find_index(engine, name)
            if found.index == index:  # else it was rebuilt meanwhile
                header, added = change(found)
                check()
                put_header(engine, found, header, added, timeout=CHANGE_SECONDS)
                return


@contextmanager
def locked_header(engine: Engine, index: str) -> Iterator[Callable[[], None]]:
    """Hold the lock of the header of an index, by its own name; gives what raises once it is held no more.

    Raises:
        EngineUnavailableError: the engine cannot be reached, or others held it for minutes.
    """
    make_families_index(engine)
    identifier, owner = f"lock-{index}", uuid.uuid4().hex
    place = path_of(INDEX, "_doc", identifier)
    until = _taken(engine, index, identifier, owner) + LEASE / 2

    def check() -> None:
        if time.monotonic() > until:
            raise EngineUnavailableError(
                f"{engine.shown}, index {index!r}: it answers too slowly to change the index's header safely; try again"
            )

    try:
        yield check
    finally:
        there = _read(engine, place)
        if there is not None and there[0] == owner:
            with _passing(MISSING, CONFLICT):  # taken over, or a try whose answer was lost
                engine.call("DELETE", place, params=there[1])


def _taken(engine: Engine, index: str, identifier: str, owner: str) -> float:
    """Take a lock, and return when, by the monotonic clock."""
    place = path_of(INDEX, "_doc", identifier)
    started = unchanged_since = time.monotonic()
    known: dict[str, str] | None = None
    while True:
        asked = time.monotonic()
        body = {"owner": owner}
        params = {"op_type": "create"}
        if known is not None and asked > unchanged_since + LEASE:
            params = known
        try:
            engine.call("PUT", place, body, params=params, timeout=CHANGE_SECONDS)
            return asked
        except EngineError as error:
            if error.status != CONFLICT:
                raise
        there = _read(engine, place)
        if there is not None and there[0] == owner:  # by a try whose answer was lost
            return asked
        seen = None if there is None else there[1]
        if seen != known:
            known, unchanged_since = seen, asked
        if asked > started + PATIENCE * LEASE:
            raise EngineUnavailableError(
                f"{engine.shown}, index {index!r}: others keep changing its features; try again later"
            )
        time.sleep(PAUSE)


@contextmanager
def _passing(*statuses: int) -> Iterator[None]:
    """Let refusals of these kinds pass."""
    try:
        yield
    except EngineError as error:
        if error.status not in statuses:
            raise


def _read(engine: Engine, place: str) -> tuple[str, dict[str, str]] | None:
    """Return the owner of a lock, and the parameters by which it is changed only as it is; None where nobody has it."""
    try:
        told = engine.call("GET", place)
    except EngineError as error:
        if error.status != MISSING:
            raise
        return None
    version = {"if_seq_no": str(told["_seq_no"]), "if_primary_term": str(told["_primary_term"])}
    return str(told["_source"].get("owner")), version
