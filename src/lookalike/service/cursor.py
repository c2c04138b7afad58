"""Cursors: where a page ended, so that the next one goes on from there whatever is added meanwhile."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lookalike.errors import OptionError


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last hit of a page.

    What was added since is on the next page if it is farther than that hit, and else on none: nothing is shown twice,
    and nothing that was there from the start is left out.
    """

    id: str
    rank: int
    """Hits up to it, it included."""
    key: float | None
    """By which hits ascend: the distance, or minus the text score; None where neither orders them (blended)."""

    def start(self, ids: Sequence[str], keys: Sequence[float] | None) -> int:
        """Return the place of the first hit after it, among hits in their order; as many as there are for none."""
        if self.id in ids:
            return ids.index(self.id) + 1
        if keys is None or self.key is None:
            return min(self.rank - 1, len(ids))
        # It is gone: of those that are as far, those that came before it are one fewer than its rank.
        first = next((place for place, key in enumerate(keys) if key >= self.key), len(ids))
        behind = next((place for place, key in enumerate(keys) if key > self.key), len(ids))
        return min(max(self.rank - 1, first), behind)

    def written(self, search: Any) -> str:
        """Return it as text, for a search (JSON) that it belongs to."""
        told = [_digest(search), self.id, self.rank, self.key]
        return base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, search: Any) -> Cursor:
        """Return what `written` wrote. Raises OptionError for anything else, or one of another search."""
        try:
            told = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            digest, id_, rank, key = told
            sound = isinstance(id_, str) and isinstance(rank, int) and rank > 0
            sound = sound and (key is None or math.isfinite(key))
        except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error, UnicodeError):
            sound, digest = False, ""
        if not sound:
            raise OptionError("the cursor is none that this service gave; leave it out to begin anew")
        if digest != _digest(search):
            raise OptionError(
                "the cursor belongs to another search; ask the same, or leave it out to begin anew"
            )
        return cls(id_, rank, key)


def _digest(search: Any) -> str:
    written = json.dumps(search, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()[:16]
