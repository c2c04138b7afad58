"""What an `add` or `import` did."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

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


@dataclass(slots=True)
class AddReport:
    """Counts of each outcome, and what was skipped and why."""

    added: int = 0
    duplicate: int = 0
    moved: int = 0
    changed: int = 0
    unchanged: int = 0
    refreshed: int = 0
    skipped: list[Event] = field(default_factory=list)
    unmatched_metadata: int = 0
    seconds: float = 0.0

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
