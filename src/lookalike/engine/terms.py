"""Terms of a query, packed into as many clauses as an engine takes."""

from __future__ import annotations

import math
from collections.abc import Sequence

Term = tuple[tuple[str, ...], float]
"""Tokens of which a document has at most one, and the boost of that."""


def packed(terms: Sequence[tuple[str, float]], room: int) -> list[Term]:
    """Return at most `room` clauses for `terms`, which come with the largest boosts first.

    Half of the room is for the first terms, one a clause. The others are packed with the next of their table and rank,
    of which a document has one token only, and have the boost of the first of these; their boosts are small and alike.
    Where even these are too many, the last are left out.
    """
    if len(terms) <= room:
        return [((token,), boost) for token, boost in terms]
    alone = room // 2
    lists: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for token, boost in terms[alone:]:
        table, _, rest = token.partition("-")
        lists.setdefault((table, rest.partition("-")[2]), []).append((token, boost))
    each = max(1, (room - alone) // len(lists))
    together: list[Term] = []
    for members in lists.values():
        length = math.ceil(len(members) / each)
        for start in range(0, len(members), length):
            some = members[start : start + length]
            together.append((tuple(token for token, _ in some), some[0][1]))
    together.sort(key=lambda term: -term[1])
    return [((token,), boost) for token, boost in terms[:alone]] + together[: room - alone]
