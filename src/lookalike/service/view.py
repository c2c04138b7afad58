"""What the page shows, as its address says it: so that a search can be shared, and the back button works."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self
from urllib.parse import urlencode

from pydantic import ValidationError

from lookalike.errors import OptionError
from lookalike.service.messages import Query, SearchBody, json_of

MOST_THINGS = 20
"""Sources and uploads of a mix."""
Sign = Literal["", "not-"]


@dataclass(frozen=True, slots=True)
class View:
    """One page: which things hits are to look like, and what narrows and weighs them.

    In the address: `id`, `upload`, `not-id`, `not-upload` (each may come again), `text`, `blend=1`, `where` (JSON),
    `weight.FEATURE`, `within` (a distance), `order` and `seed` (where nothing is searched).
    """

    ids: tuple[str, ...] = ()
    uploads: tuple[str, ...] = ()
    not_ids: tuple[str, ...] = ()
    not_uploads: tuple[str, ...] = ()
    text: str = ""
    blend: bool = False
    where: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    within: float | None = None
    order: str = "random"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.things > MOST_THINGS:
            raise OptionError(f"a mix is of at most {MOST_THINGS} things; leave some out")

    @property
    def things(self) -> int:
        """How many sources and uploads are mixed."""
        return len(self.ids) + len(self.uploads) + len(self.not_ids) + len(self.not_uploads)

    @property
    def may_grow(self) -> bool:
        """Whether one thing more may be mixed in."""
        return self.things < MOST_THINGS

    @property
    def is_search(self) -> bool:
        """Whether anything is searched; else the collection is looked through."""
        return bool(self.ids or self.uploads or self.text)

    @classmethod
    def of(cls, given: Iterable[tuple[str, str]]) -> Self:
        """Return the view of an address's parameters, of which unknown ones are passed over. Raises OptionError."""
        several: dict[str, list[str]] = {}
        for name, value in given:
            if value:
                several.setdefault(name, []).append(value)
        one = {name: values[-1] for name, values in several.items()}
        prefix = "weight."
        return cls(
            ids=_unique(several.get("id", [])),
            uploads=_unique(several.get("upload", [])),
            not_ids=_unique(several.get("not-id", [])),
            not_uploads=_unique(several.get("not-upload", [])),
            text=one.get("text", "").strip(),
            blend=one.get("blend") == "1",
            where=_filters(one.get("where")),
            weights={
                name[len(prefix) :]: _number(value, name)
                for name, value in one.items()
                if name.startswith(prefix)
            },
            within=None if "within" not in one else _number(one["within"], "within"),
            order=one.get("order", "random"),
            seed=_seed(one["seed"]) if "seed" in one else secrets.randbelow(10**6),
        )

    def parameters(self) -> list[tuple[str, str]]:
        """Return the address's parameters; `of` makes the same view of them."""
        found = [("id", one) for one in self.ids] + [("upload", one) for one in self.uploads]
        found += [("not-id", one) for one in self.not_ids] + [("not-upload", one) for one in self.not_uploads]
        if self.text:
            found.append(("text", self.text))
            if self.blend:
                found.append(("blend", "1"))
        if self.where:
            found.append(("where", json.dumps(self.where, separators=(",", ":"), ensure_ascii=False)))
        found += [(f"weight.{name}", f"{weight!r}") for name, weight in self.weights.items()]
        if self.within is not None:
            found.append(("within", f"{self.within!r}"))
        if not self.is_search:
            found += [("order", self.order)] + ([("seed", str(self.seed))] if self.order == "random" else [])
        return found

    def address(self, path: str = "/", **more: str) -> str:
        """Return the address of the view, from the root of the service."""
        written = urlencode([*self.parameters(), *more.items()])
        return f"{path}?{written}" if written else path

    def body(self, limit: int, cursor: str | None = None) -> SearchBody:
        """Return the search that the view shows, as the API takes it. Raises OptionError."""
        try:
            return self._body(limit, cursor)
        except ValidationError as error:
            first = error.errors()[0]
            raise OptionError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None

    def _body(self, limit: int, cursor: str | None) -> SearchBody:
        wanted = [Query(id=one) for one in self.ids] + [Query(upload=one) for one in self.uploads]
        return SearchBody(
            query=wanted[0] if wanted else Query(),
            also=wanted[1:],
            unlike=[Query(id=one) for one in self.not_ids] + [Query(upload=one) for one in self.not_uploads],
            text=self.text or None,
            blend=self.blend and bool(wanted),
            where=dict(self.where),
            features={name: weight for name, weight in self.weights.items() if weight != 0} or None,
            max_distance=self.within,
            limit=limit,
            cursor=cursor,
        )

    def like(self, id_: str) -> View:
        """Return the search for what looks like one source, as narrowed as this."""
        return replace(self, ids=(id_,), uploads=(), not_ids=(), not_uploads=(), text="", blend=False)

    def mixing(self, id_: str, *, wanted: bool) -> View:
        """Return this search with one source more that is wanted, or unwanted."""
        ids = tuple(one for one in self.ids if one != id_)
        not_ids = tuple(one for one in self.not_ids if one != id_)
        if wanted:
            return replace(self, ids=(*ids, id_), not_ids=not_ids)
        return replace(self, ids=ids, not_ids=(*not_ids, id_))

    def ordered(self, order: str) -> View:
        """Return the view in another order; at random, in a new one."""
        return replace(self, order=order, seed=self.seed + 1 if order == "random" else 0)

    def without(self, kind: str, id_: str) -> View:
        """Return this search without a thing; `kind` is "ids", "uploads", "not_ids" or "not_uploads"."""
        left = tuple(one for one in getattr(self, kind) if one != id_)
        changed: dict[str, Any] = {kind: left}
        return replace(self, **changed)

    def toggled(self, name: str, value: Any) -> View:
        """Return this search with a value of a field taken into its filter, or out of it where it is in."""
        values = chosen(self.where, name)
        values = [one for one in values if one != value] if value in values else [*values, value]
        others = {other: kept for other, kept in self.where.items() if other != name}
        return replace(self, where={**others, name: values} if values else others)

    def unfiltered(self, name: str) -> View:
        """Return this search without the filter on a field."""
        return replace(self, where={other: kept for other, kept in self.where.items() if other != name})


def chosen(where: Mapping[str, Any], name: str) -> list[Any]:
    """Return the values that a filter lets a field have, where it names them."""
    kept = where.get(name, [])
    return [] if isinstance(kept, Mapping) else list(kept) if isinstance(kept, list) else [kept]


def _unique(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _number(written: str, name: str) -> float:
    try:
        return float(written)
    except ValueError:
        raise OptionError(f"{name} is {written!r}; give a number") from None


def _seed(written: str) -> int:
    if not (written.isascii() and written.isdigit() and len(written) < 19):
        raise OptionError(f"seed is {written!r}; give a whole number")
    return int(written)


def _filters(written: str | None) -> dict[str, Any]:
    told = json_of(written)
    if not isinstance(told, dict):
        raise OptionError('where is no JSON object; give fields and values, such as {"year": 2012}')
    return told
