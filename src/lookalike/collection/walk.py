"""Finds the pictures that `add` is asked for, and the metadata that belongs to each."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path

from lookalike.collection import paths
from lookalike.collection.excludes import Excludes
from lookalike.collection.paths import printable
from lookalike.collection.report import PassedOver
from lookalike.errors import PictureMissingError
from lookalike.images.formats import SUFFIXES
from lookalike.images.unread import advice
from lookalike.urls import is_web_address


@dataclass(frozen=True, slots=True)
class Found:
    """A file that may be a picture. `problem` says why it cannot even be looked at.

    One that was fetched from the web has its URL as `path`, and its content as `raw`.
    """

    path: str
    size: int | None = 0
    modified_ns: int | None = 0
    problem: str | None = None
    raw: bytes | None = None


@dataclass(slots=True)
class FoundPictures:
    """What a walk has found: files, the folders among its paths that are not empty, and what it passed over by kind.

    What `excludes` leave out is no part of it.
    """

    excludes: Excludes = field(default_factory=lambda: Excludes.of(None))
    files: list[Found] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    passed_over: dict[str, PassedOver] = field(default_factory=dict)


def find_pictures(
    paths: Sequence[Path], exclude: Iterable[str] | str | None = None, suffixes: Set[str] = SUFFIXES
) -> FoundPictures:
    """Find the files of `paths` in a fixed order, each once: files as they are, folders recursively.

    In folders, only files with one of `suffixes` count, by default those of pictures that are read; hidden files and
    folders are passed over, and those that a pattern of `exclude` or a usual one is for (`Excludes`), and links to
    folders are not followed. A folder that cannot be read is among the files, with its problem.

    Raises:
        PictureMissingError: one of `paths` does not exist.
        OptionError: `exclude` are no patterns.
    """
    excludes = Excludes.of(exclude)
    for path in paths:
        if not os.path.exists(path):  # unlike Path.exists, False also for a name that is too long
            raise PictureMissingError(str(path), "no such file or folder")
    starts = [os.path.abspath(path) for path in paths]  # keeps links as the user named them, unlike resolve()
    walk = _Walk([start for start in starts if os.path.isdir(start)], excludes, suffixes)
    for start in starts:
        if os.path.isdir(start):
            walk.through(start)
        else:
            walk.take(look_at(start))
    return walk.found


class _Walk:
    """One walk over files and folders."""

    def __init__(self, folders: Sequence[str], excludes: Excludes, suffixes: Set[str]) -> None:
        self.found = FoundPictures(excludes)
        self._suffixes = suffixes
        self._seen: set[str] = set()
        self._real = [os.path.join(os.path.realpath(folder), "") for folder in folders]

    def take(self, file: Found) -> None:
        """Take a file, unless it has been met before."""
        if self._is_new(file.path):
            self.found.files.append(file)

    def through(self, start: str) -> None:
        """Take the pictures of a folder."""
        unread: list[OSError] = []
        for parent, folders, files in os.walk(start, onerror=unread.append):
            if parent == start and (folders or files):
                self.found.folders.append(start)
            folders[:] = self._kept(folders, parent, start)
            for name in folders:
                path = os.path.join(parent, name)
                if os.path.islink(path) and not self._is_walked_anyway(path):
                    self._pass_over("linked folder", path, "links are not followed; add the folder itself")
            for name in self._kept(files, parent, start):
                self._consider(os.path.join(parent, name))
        for error in unread:
            problem = f"the folder cannot be read ({error.strerror})"
            self.take(Found(printable(error.filename), problem=problem))

    def _kept(self, names: Iterable[str], parent: str, start: str) -> list[str]:
        """Return those of the names in the folder `parent` that are not left out, in order."""
        left_out = self.found.excludes.leaves_out
        return sorted(
            name
            for name in names
            if not name.startswith(".") and not left_out(os.path.join(parent, name), start)
        )

    def _consider(self, path: str) -> None:
        suffix = os.path.splitext(path)[1].lower()
        if suffix in self._suffixes:
            self.take(look_at(path))
        elif (what_to_do := advice(suffix)) is not None:
            self._pass_over(suffix, path, what_to_do)

    def _pass_over(self, kind: str, path: str, what_to_do: str) -> None:
        if self._is_new(path):
            first = PassedOver(0, what_to_do, printable(path))
            one = self.found.passed_over.get(kind, first)
            self.found.passed_over[kind] = replace(one, count=one.count + 1)

    def _is_walked_anyway(self, link: str) -> bool:
        target = os.path.join(os.path.realpath(link), "")
        return any(target.startswith(folder) for folder in self._real)

    def _is_new(self, path: str) -> bool:
        is_new = path not in self._seen
        self._seen.add(path)
        return is_new


def look_at(file: str) -> Found:
    """Return what the file system says of a file."""
    if is_web_address(file):
        return Found(file, problem="it is on the web; fetch it again, for the features that it lacks")
    try:
        file.encode()
    except UnicodeEncodeError:
        return Found(printable(file), problem="the file's name is not valid UTF-8; rename it")
    try:
        status = os.stat(file)
    except OSError as error:
        return Found(file, problem=error.strerror or str(error))
    if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for, a device read without end
        return Found(file, problem="not a regular file")
    return Found(file, status.st_size, paths.file_time(status))
