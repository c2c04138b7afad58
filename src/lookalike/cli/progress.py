"""A progress bar with rate and time left on stderr, where that is a terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING

from lookalike.collection.report import Event, Listener

if TYPE_CHECKING:
    from rich.progress import Progress, Task, TaskID
    from rich.text import Text


class ProgressBar(Listener):
    """Draws the events of a run. Where stderr is not a terminal it draws nothing."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> ProgressBar:
        if sys.stderr.isatty():
            self._bar = _make_bar()
            self._bar.start()
            self._task = self._bar.add_task(self._verb, total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def total(self, count: int) -> None:
        """Set how many files or rows there are."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, total=count)

    def event(self, event: Event) -> None:
        """Advance by one file."""
        self.advance(1)

    def advance(self, rows: int) -> None:
        """Advance."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, rows)

    def stage(self, text: str) -> None:
        """Show the name of a stage."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=text)


def _make_bar() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class RateColumn(ProgressColumn):
        """Files or rows a second."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:,.0f}/s" if speed else "", style="progress.data.speed")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
