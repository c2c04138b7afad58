"""What an `add` will do, found out before anything is written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lookalike.arguments import as_count, as_finite, shown, usable_cores
from lookalike.catalogue import FeatureRecord
from lookalike.collection.extraction import FeaturePlan, plan_features
from lookalike.collection.file_kinds import FileKinds
from lookalike.collection.metadata_table import MetadataTable
from lookalike.collection.paths import as_path
from lookalike.collection.walk import Found, FoundPictures, find_pictures
from lookalike.errors import MetadataError, OptionError
from lookalike.features.cluster import scheduler_address
from lookalike.features.registry import FeatureSpec
from lookalike.images.formats import SUFFIXES
from lookalike.urls import is_web_address

Paths = Iterable[str | os.PathLike[str]] | str | os.PathLike[str]
Features = Iterable[str | FeatureSpec] | str | FeatureSpec | None
Metadata = Mapping[str, Mapping[str, Any]] | str | os.PathLike[str] | None


@dataclass(frozen=True, slots=True)
class AddPlan:
    """The pictures that were found, their metadata, and the features that they get.

    `stored` are the features of the collection that was planned for.
    """

    pictures: FoundPictures
    table: MetadataTable | None
    features: FeaturePlan
    stored: Mapping[str, FeatureRecord]


def plan_add(
    paths: Paths,
    *,
    features: Features = None,
    metadata: Metadata = None,
    file_column: str | None = None,
    exclude: Iterable[str] | str | None = None,
    stored: Mapping[str, FeatureRecord] | None = None,
) -> AddPlan:
    """Look for everything that `Collection.add` needs, for a collection with the features `stored`.

    Raises:
        OptionError, PictureMissingError, MetadataError, UnknownFeatureError, FeatureMismatchError, ModelError,
        MissingDependencyError: as `Collection.add` says.
    """
    stored = stored or {}
    wanted = as_paths(paths, "paths")
    planned = plan_features(stored, features)
    kinds = FileKinds.of({name: spec.extractor for name, spec in planned.specs.items()})
    suffixes = kinds.claimed | SUFFIXES if kinds.takes_pictures else kinds.claimed
    pictures = find_pictures(wanted, exclude, suffixes)
    table = as_table(metadata, wanted, file_column)
    return AddPlan(pictures, table, planned, stored)


def plan_fetched(
    pictures: Mapping[str, bytes],
    *,
    metadata: Mapping[str, Mapping[str, Any]] | None = None,
    stored: Mapping[str, FeatureRecord],
) -> AddPlan:
    """Return what an `add` of pictures that were fetched from the web does; both mappings are by URL.

    Raises:
        OptionError, MetadataError.
    """
    for url, raw in pictures.items():
        if not isinstance(url, str) or not is_web_address(url) or not isinstance(raw, bytes):
            raise OptionError(f"pictures has {shown(url)}; give bytes by URLs of http or https")
    files = [Found(url, None, None, raw=raw) for url, raw in pictures.items()]
    return AddPlan(FoundPictures(files=files), as_table(metadata, ()), plan_features(stored, None), stored)


def as_table(
    metadata: Metadata, added: Sequence[Path], file_column: str | None = None
) -> MetadataTable | None:
    """Return the metadata of an `add` as a table, of the pictures in `added`. Raises OptionError, MetadataError."""
    if file_column is not None:
        if not isinstance(file_column, str) or not file_column:
            raise OptionError(f"file_column is {file_column!r}; give the name of a column")
        if metadata is None or isinstance(metadata, Mapping):
            raise OptionError(f"file_column is {file_column!r}, but there is no metadata file; give one")
    if metadata is None:
        return None
    if not isinstance(metadata, Mapping):
        return MetadataTable.read(as_path(metadata, "metadata"), added, file_column)
    for name, fields in metadata.items():
        if not isinstance(name, str) or not isinstance(fields, Mapping):
            raise MetadataError(
                f"metadata has {name!r}: {type(fields).__name__}; give a mapping of each picture's path to its fields"
            )
    return MetadataTable(metadata.items(), [path for path in added if path.is_dir()])


@dataclass(frozen=True, slots=True)
class AddOptions:
    """How an `add` reads and extracts; see `Collection.add`."""

    jobs: int
    max_pixels: int
    time_limit: float | None
    reread: bool
    isolated: bool
    cluster: str | None

    @classmethod
    def of(
        cls,
        *,
        jobs: Any,
        max_pixels: Any,
        time_limit: Any,
        reread: Any = False,
        isolated: Any = False,
        cluster: Any = None,
    ) -> AddOptions:
        """Check what the caller gave. Raises OptionError."""
        for name, value in (("jobs", jobs), ("max_pixels", max_pixels), ("time_limit", time_limit)):
            if isinstance(value, bool):
                raise OptionError(f"{name} is {value!r}; give a number")
        for name, value in (("reread", reread), ("isolated", isolated)):
            if not isinstance(value, bool):
                raise OptionError(f"{name} is {value!r}; give True or False")
        seconds = None if time_limit is None else as_finite(time_limit, "time_limit")
        if seconds is not None and seconds <= 0:
            raise OptionError(f"time_limit is {time_limit!r}; give seconds, or None for no limit")
        if cluster is not None:
            scheduler_address(cluster)
            if jobs is not None:
                raise OptionError(
                    f"jobs is {jobs!r}, but a cluster has as many as its workers have threads; leave it out"
                )
        return cls(
            usable_cores() if jobs is None else as_count(jobs, "jobs", least=1),
            as_count(max_pixels, "max_pixels", least=1),
            seconds,
            reread,
            isolated,
            cluster,
        )


def as_paths(paths: Any, name: str) -> list[Path]:
    """Return one path or several as a list. Raises OptionError, which calls them `name`, for what is no path."""
    if isinstance(paths, str | os.PathLike):
        return [as_path(paths, name)]
    if isinstance(paths, bytes | Mapping) or not isinstance(paths, Iterable):
        raise OptionError(f"{name} is {paths!r}; give a path, or several in a list")
    return [as_path(path, name) for path in paths]
