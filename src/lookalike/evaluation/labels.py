"""Labels of sources: the values of a metadata field, or the names of the folders that their files lie in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Any
from urllib.parse import unquote, urlsplit

from lookalike.catalogue import Catalogue, Source
from lookalike.errors import MetadataError
from lookalike.evaluation.relevance import Label, Labels
from lookalike.urls import is_web_address

FOLDER = "folder"
"""What stands for folders, where no metadata field is called so."""


def labels_by(catalogue: Catalogue, field: str) -> Labels:
    """Return the labels that the metadata field `field`, or "folder", gives each source.

    A list gives each of its members; texts, numbers and truth values are labels, and differ where a filter would tell
    them apart. A file in several folders has the names of all.

    Raises:
        MetadataError: there is no such field, or its values tell nothing apart.
    """
    known = catalogue.metadata_fields()
    if field not in known and field != FOLDER:
        there = ", ".join(known) or "none"
        raise MetadataError(
            f"no source has the metadata field {field!r}; the fields are: {there}; {FOLDER!r} stands for "
            "the folders of files"
        )
    labels: dict[int, list[Label]] = {}
    missing = 0
    for source in catalogue.iterate():
        found = list(_values(source.metadata.get(field)) if field in known else _folders(source))
        if found:
            labels[source.number] = found
        else:
            missing += 1
    return Labels(field, labels, missing)


def _values(value: Any) -> Iterator[Label]:
    """Yield a field's values: truth values are no numbers, and 2010 is 2010.0, as in a filter."""
    for one in value if isinstance(value, list) else (value,):
        if isinstance(one, str | int | float):
            yield isinstance(one, bool), one


def _folders(source: Source) -> Iterable[Label]:
    """Return the names of the folders that a picture's files lie in."""
    if source.kind == "row":
        return ()
    return dict.fromkeys(filter(None, (_folder(place.path) for place in source.places)))


def _folder(path: str) -> str:
    return PurePath(unquote(urlsplit(path).path) if is_web_address(path) else path).parent.name
