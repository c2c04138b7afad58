"""Threads that a test has left behind in the decoder."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def ended() -> Iterator[threading.Event]:
    """Give what a decoder that takes too long should wait for, and end all threads that the body has left behind.

    As long as one is in the decoder, Pillow's limits are not the host program's, which other tests look at.
    """
    before, end = set(threading.enumerate()), threading.Event()
    try:
        yield end
    finally:
        end.set()
        for thread in set(threading.enumerate()) - before:
            thread.join()
