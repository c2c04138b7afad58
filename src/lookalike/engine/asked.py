"""What a search of an engine is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from lookalike.arguments import as_count, as_finite, as_number, check_text, shown
from lookalike.catalogue.where import Where
from lookalike.engine.query import MOST_HITS
from lookalike.errors import OptionError


class SearchOptions(TypedDict, total=False):
    """What `EngineIndex.search` takes by name."""

    text: str | None
    text_weight: float | None
    where: Where | Mapping[str, Any] | None
    facets: Sequence[str]
    max_distance: float | None
    candidates: Literal["tokens", "knn"]
    documents: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for besides the picture."""

    k: int
    text: str | None
    text_weight: float | None
    where: Where | None
    facets: tuple[str, ...]
    max_distance: float | None
    way: Literal["tokens", "knn"]
    documents: bool
    to_the_bit: bool = False
    """Whether distances have to be those of other indexes to the last bit, which takes the vectors of all hits."""

    @classmethod
    def of(
        cls,
        k: int = 10,
        *,
        text: str | None = None,
        text_weight: float | None = None,
        where: Where | Mapping[str, Any] | None = None,
        facets: Sequence[str] = (),
        max_distance: float | None = None,
        candidates: str = "tokens",
        documents: bool = True,
    ) -> Asked:
        """Check what `EngineIndex.search` is given. Raises OptionError, MetadataError."""
        check_text(text)
        if text_weight is not None:
            text_weight = as_finite(text_weight, "text_weight")
            if not 0 <= text_weight <= 1:
                raise OptionError(f"text_weight is {text_weight}; give a share from 0 to 1")
            if text is None:
                raise OptionError("text_weight weighs words, and there are none; give text")
        if candidates not in ("tokens", "knn"):
            raise OptionError(f"candidates is {shown(candidates)}; choose tokens or knn")
        if isinstance(facets, str):
            raise OptionError(f"facets is one text; give a list of fields, [{facets!r}]")
        return cls(
            as_count(k, "k", least=1, most=MOST_HITS // 2),
            text,
            text_weight,
            where if where is None or isinstance(where, Where) else Where.of(where),
            tuple(facets),
            None if max_distance is None else as_number(max_distance, "max_distance"),
            "knn" if candidates == "knn" else "tokens",
            documents,
        )
