"""What an `add` or `import` did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from lookalike.errors import OptionError

Outcome = Literal["added", "duplicate", "moved", "changed", "unchanged", "refreshed", "skipped"]


@dataclass(frozen=True, slots=True)
class Event:
    """One file or row that is done with: what it says has been committed to the catalogue.

    `outcome` is "added" (a new source), "duplicate" (a further place of a known source), "moved" (a known
    source whose file lies elsewhere now), "changed" (the file has new content), "unchanged", "refreshed"
    (metadata or a further feature was stored for a known source) or "skipped", with the `reason`.
    """

    outcome: Outcome
    path: str
    id: str | None = None
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the event as a line of `--jsonl`."""
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Files or folders of one kind that were passed over: how many, what to do about them, and one of them."""

    count: int
    advice: str
    example: str


@dataclass(slots=True)
class AddReport:
    """Counts of each outcome, what was skipped and why, and what was passed over or is gone.

    `passed_over` is by kind, a lower-case suffix or "linked folder": pictures that the folders hold and that were not
    even tried. `gone` counts known files that the folders held once and hold no more, and `excluded` those that are
    there, but left out by a pattern: they stay as they are.
    """

    added: int = 0
    duplicate: int = 0
    moved: int = 0
    changed: int = 0
    unchanged: int = 0
    refreshed: int = 0
    skipped: list[Event] = field(default_factory=list)
    passed_over: Mapping[str, PassedOver] = field(default_factory=dict)
    gone: int = 0
    excluded: int = 0
    unmatched_metadata: int = 0
    seconds: float = 0.0

    @property
    def is_complete(self) -> bool:
        """Whether every picture was taken: nothing was skipped or passed over."""
        return not self.skipped and not self.passed_over

    def notes(self) -> list[str]:
        """Return lines for people about what was passed over, the most first, is gone or is left out."""
        lines = []
        for kind, one in sorted(self.passed_over.items(), key=lambda entry: (-entry[1].count, entry[0])):
            plural = "" if one.count == 1 or kind.startswith(".") else "s"
            lines.append(f"passed over: {one.count:,} {kind}{plural}, such as {one.example} ({one.advice})")
        if self.gone:
            what = "1 known file is" if self.gone == 1 else f"{self.gone:,} known files are"
            lines.append(f"{what} gone (lookalike remove --missing forgets them)")
        if self.excluded:
            what = "1 known file is" if self.excluded == 1 else f"{self.excluded:,} known files are"
            lines.append(f"{what} left out by now, and kept (lookalike remove PATH forgets a folder)")
        return lines

    def count(self, event: Event) -> None:
        """Take one event into the counts."""
        if event.outcome == "skipped":
            self.skipped.append(event)
        else:
            setattr(self, event.outcome, getattr(self, event.outcome) + 1)

    def to_json(self) -> dict[str, Any]:
        """Return the report as the command line prints it under `--json`."""
        return asdict(self) | {"skipped": [event.to_json() for event in self.skipped]}


class Listener:
    """Is told how a long run goes on; the command line draws its progress bar from it. Does nothing itself."""

    def total(self, count: int) -> None:
        """`count` files or rows will be looked at."""

    def event(self, event: Event) -> None:
        """One file is done with, and committed."""

    def advance(self, rows: int) -> None:
        """So many rows have been read; they are committed together at the end."""

    def stage(self, text: str) -> None:
        """A stage without files begins, such as the update of an index."""


def as_listener(listener: Any) -> Listener:
    """Return a listener, which does nothing where none is given. Raises OptionError for another object."""
    if listener is not None and not isinstance(listener, Listener):
        raise OptionError(f"listener is {listener!r}; give a Listener")
    return Listener() if listener is None else listener
