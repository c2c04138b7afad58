"""One writer at a time; the second is told who holds the lock."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from lookalike.errors import CollectionLockedError
from lookalike.locks import exclusive


@contextmanager
def writer_lock(folder: Path, purpose: str) -> Iterator[None]:
    """Hold the collection's writer lock while the body runs.

    It ends with the process, however that ends; see `lookalike.locks`. `purpose` ("add") is what the next writer is
    told, beside the process and the time; on a full disk it is not told.

    Raises:
        CollectionLockedError: somebody else is writing; the message says who, where, what and since when. Or the
            lock cannot be made, as in a folder that may not be written.
    """
    owner = folder / "writer.json"
    with ExitStack() as held:
        try:
            held.enter_context(exclusive(folder / "writer.lock", wait=False))
        except BlockingIOError:
            raise CollectionLockedError(
                f"{folder} is being written by {_describe(owner)}; try again later"
            ) from None
        except OSError as error:
            raise CollectionLockedError(
                f"{folder / 'writer.lock'} cannot be made ({error.strerror}); check the folder's permissions and "
                "the disk"
            ) from None
        try:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            holder = {"process": os.getpid(), "host": socket.gethostname(), "since": now, "purpose": purpose}
            with suppress(OSError):
                owner.write_text(json.dumps(holder))
            yield
        finally:
            with suppress(OSError):
                owner.unlink()


def _describe(owner: Path) -> str:
    try:
        holder = json.loads(owner.read_text())
        return (
            f"process {holder['process']} on {holder['host']} (lookalike {holder['purpose']}, "
            f"since {holder['since']})"
        )
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
