"""Dates as instants: what a text says of them, to the millisecond."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_DATE = re.compile(
    r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)"
    r"(T(?P<hour>\d\d):(?P<minute>\d\d)(:(?P<second>\d\d)(\.(?P<fraction>\d{1,3}))?)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)


def instant(text: str) -> str | None:
    """Return the first millisecond of what an ISO 8601 text names, in UTC and in full; None where it names none.

    >>> instant("1970-01-02"), instant("1970"), instant("1970-01-01T01:00:00+01:00"), instant("yesterday")
    ('1970-01-02T00:00:00.000Z', '1970-01-01T00:00:00.000Z', '1970-01-01T00:00:00.000Z', None)
    """
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (
        int(match[name] or lowest)
        for name, lowest in (("year", 1), ("month", 1), ("day", 1), ("hour", 0), ("minute", 0), ("second", 0))
    )
    fraction = (match["fraction"] or "").ljust(3, "0")
    sign, ahead = (-1 if (match["zone"] or "Z")[0] == "-" else 1), (match["zone"] or "Z")[1:]
    try:
        zone = sign * timedelta(hours=int(ahead[:2] or 0), minutes=int(ahead[3:] or 0))
        moment = datetime(year, month, day, hour, minute, second) - zone
    except (ValueError, OverflowError):
        return None
    return f"{moment.isoformat()}.{fraction}Z"
