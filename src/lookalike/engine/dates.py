"""Dates as instants: what a text says of them, in milliseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_DATE = re.compile(
    r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)"
    r"(T(?P<hour>\d\d):(?P<minute>\d\d)(:(?P<second>\d\d)(\.(?P<fraction>\d{1,3}))?)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(text: str) -> int | None:
    """Return the first millisecond of what an ISO 8601 text names, since 1970 in UTC; None where it is none.

    >>> instant("1970-01-02"), instant("1970"), instant("1970-01-01T00:00:01+00:00"), instant("yesterday")
    (86400000, 0, 1000, None)
    """
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    numbers = {
        name: int(match[name] or lowest)
        for name, lowest in (("year", 1), ("month", 1), ("day", 1), ("hour", 0), ("minute", 0), ("second", 0))
    }
    zone = match["zone"] or "Z"
    try:
        moment = datetime.strptime("+0000" if zone == "Z" else zone.replace(":", ""), "%z").replace(**numbers)  # type: ignore[arg-type]
        since = moment - _EPOCH
    except (ValueError, OverflowError):
        return None
    return (since.days * 86_400 + since.seconds) * 1000 + int((match["fraction"] or "").ljust(3, "0"))
