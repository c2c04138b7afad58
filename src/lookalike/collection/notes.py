"""What should be known of answers, a sentence each."""

from __future__ import annotations

from collections.abc import Iterator

from lookalike.catalogue import Catalogue
from lookalike.collection.rankings import Rankings
from lookalike.collection.request import SearchRequest
from lookalike.collection.search import Searched


def trouble_notes(searched: Searched) -> Iterator[str]:
    """Yield why every vector was compared, where buckets were not to be used."""
    for name, index in searched.indexes.items():
        if index.trouble is not None:
            yield f"{index.trouble}; every vector of {name} was compared instead"


def lacking_notes(searched: Searched) -> Iterator[str]:
    """Yield how many sources lack a feature that is searched."""
    for name, count in searched.lacking.items():
        if count > 1:
            yield f"{count:,} sources lack {name} and were compared by what they have"
        else:
            yield f"1 source lacks {name} and was compared by what it has"


def left_out_notes(
    catalogue: Catalogue, rankings: Rankings, gone: int, request: SearchRequest
) -> Iterator[str]:
    """Yield what should be known of answers: what was left out, and filters that leave nothing to find."""
    if gone:
        what = (
            "1 picture was left out, as its file is"
            if gone == 1
            else f"{gone:,} pictures were left out, as their files are"
        )
        yield f"{what} gone; lookalike remove --missing removes what is"
    if request.where is not None and not (rankings.numbers >= 0).any():
        yield from catalogue.unmet(request.where)
