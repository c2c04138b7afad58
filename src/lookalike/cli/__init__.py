"""The command line: one file a verb. `main` is the program `lookalike`."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from lookalike.cli import streams

EXIT_INTERRUPTED = 130
STOPPED = "stopped; all that was reported is kept, run it again to go on"


def main() -> NoReturn:
    """Run the command line of this process, and end it with the exit status."""
    signal.signal(signal.SIGINT, _leave)
    streams.prepare()
    from lookalike.cli.verbs import run

    status = run()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # what is left is Python's own: it ends without a word
    sys.exit(streams.finish(status))


def _leave(number: int, frame: FrameType | None) -> None:
    """End the process: before a verb runs there is nothing to tidy up, and importing may swallow an exception."""
    streams.tell(STOPPED)
    os._exit(EXIT_INTERRUPTED)
