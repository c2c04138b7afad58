"""Which features are made of which files: extractors that read files of their own kinds get these, others pictures."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from lookalike.features.registry import suffixes_of


@dataclass(frozen=True, slots=True)
class FileKinds:
    """For each feature the lower-case suffixes of the files that its extractor reads; none where it takes pictures."""

    by_feature: Mapping[str, Collection[str]]

    @classmethod
    def of(cls, extractors: Mapping[str, str]) -> FileKinds:
        """Return those of features, whose kinds of extractors are given by name."""
        return cls({name: suffixes_of(kind) for name, kind in extractors.items()})

    @property
    def claimed(self) -> frozenset[str]:
        """The suffixes of files that are no pictures here."""
        return frozenset().union(*self.by_feature.values())

    @property
    def takes_pictures(self) -> bool:
        """Whether a feature is made of pictures."""
        return not all(self.by_feature.values())

    def features_of(self, path: str) -> tuple[str, ...]:
        """Return the features that are made of the file at `path`, by its suffix; what nobody claims is a picture."""
        suffix = os.path.splitext(path)[1].lower()
        claimed = tuple(name for name, suffixes in self.by_feature.items() if suffix in suffixes)
        return claimed or tuple(name for name, suffixes in self.by_feature.items() if not suffixes)
