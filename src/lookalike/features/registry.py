"""Extractors by name: the built-in ones, and those that other packages register.

A package registers an extractor class (see `lookalike.features.base.Extractor`) under the entry-point group
`lookalike.extractors`; the name of the entry point is the KIND of the command line. The class is called with the
feature's options as keyword arguments. If it has a static or class method `options_from_argument(argument)`,
that turns the ARGUMENT of the command line into options.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from lookalike.errors import FeatureError, LookalikeError, OptionError, UnknownFeatureError
from lookalike.features.base import METRICS, Extractor, MetadataExtractor

ENTRY_POINTS = "lookalike.extractors"

VERSION = "version"
"""The option of extractors that still make the vectors of their older versions: the class lists these in `versions`.

Without it, they make the newest.
"""

_DESCRIPTORS = "lookalike.features.descriptors"
_BUILT_IN = {
    "look": ("lookalike.features.look", "Look"),
    "onnx": ("lookalike.features.onnx", "OnnxNetwork"),
    "auto-color-correlogram": (f"{_DESCRIPTORS}.auto_color_correlogram", "AutoColorCorrelogram"),
    "cedd": (f"{_DESCRIPTORS}.cedd", "Cedd"),
    "centrist": (f"{_DESCRIPTORS}.centrist", "Centrist"),
    "color-layout": (f"{_DESCRIPTORS}.color_layout", "ColorLayout"),
    "edge-histogram": (f"{_DESCRIPTORS}.edge_histogram", "EdgeHistogram"),
    "fcth": (f"{_DESCRIPTORS}.fcth", "Fcth"),
    "fuzzy-color-histogram": (f"{_DESCRIPTORS}.fuzzy_color_histogram", "FuzzyColorHistogram"),
    "gabor": (f"{_DESCRIPTORS}.gabor", "Gabor"),
    "jcd": (f"{_DESCRIPTORS}.jcd", "Jcd"),
    "joint-histogram": (f"{_DESCRIPTORS}.color_histograms", "JointHistogram"),
    "local-binary-patterns": (f"{_DESCRIPTORS}.local_binary_patterns", "LocalBinaryPatterns"),
    "opponent-histogram": (f"{_DESCRIPTORS}.color_histograms", "OpponentHistogram"),
    "palette": (f"{_DESCRIPTORS}.palette", "Palette"),
    "phog": (f"{_DESCRIPTORS}.phog", "Phog"),
    "rotation-invariant-local-binary-patterns": (
        f"{_DESCRIPTORS}.local_binary_patterns",
        "RotationInvariantLocalBinaryPatterns",
    ),
    "scalable-color": (f"{_DESCRIPTORS}.scalable_color", "ScalableColor"),
    "simple-color-histogram": (f"{_DESCRIPTORS}.color_histograms", "SimpleColorHistogram"),
    "sp-cedd": (f"{_DESCRIPTORS}.sp_cedd", "SpCedd"),
    "sp-local-binary-patterns": (
        f"{_DESCRIPTORS}.local_binary_patterns",
        "SpatialPyramidLocalBinaryPatterns",
    ),
    "spatial-pyramid-centrist": (f"{_DESCRIPTORS}.centrist", "SpatialPyramidCentrist"),
    "tamura": (f"{_DESCRIPTORS}.tamura", "Tamura"),
    "text": ("lookalike.features.text", "Text"),
}
_OF_METADATA = frozenset({"text"})
"""Those of the built-in ones that are made of metadata."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class FeatureSpec:
    """A feature's name, the kind of its extractor, and the options that the extractor is made with (JSON types).

    Raises:
        OptionError: the name is not a letter followed by up to 63 letters, digits, `_` or `-`; the extractor is no
            text, or the options are no mapping.
    """

    name: str
    extractor: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.extractor, str) or not isinstance(self.options, Mapping):
            raise OptionError(
                f"feature {self.name!r}: give the name of its extractor, and a mapping of options"
            )
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise OptionError(
                f"feature name {self.name!r} is not a simple word; use letters, digits, _ and -, a letter first"
            )

    @classmethod
    def parse(cls, text: str) -> FeatureSpec:
        """Return the feature that the command line writes as `[NAME:]KIND[=ARGUMENT]`.

        The name is KIND where NAME is not given. What ARGUMENT means, KIND says: for `onnx` it is the path of the
        model or of its description, for `look` its version, for `text` metadata fields with commas between; for other
        built-in kinds there is none.

        Raises:
            UnknownFeatureError: there is no such KIND.
            OptionError: NAME is not a simple word, or KIND takes no ARGUMENT.
        """
        left, equals, argument = text.partition("=")
        name, colon, kind = left.partition(":")
        kind = kind if colon else name
        make = _factory(kind)
        options: Mapping[str, Any] = {}
        if equals:
            from_argument = getattr(make, "options_from_argument", None)
            if from_argument is None:
                raise OptionError(f"feature {text!r}: {kind} takes no argument; write {left!r}")
            if not argument:
                raise OptionError(f"feature {text!r}: nothing follows the =; write {left}=ARGUMENT")
            options = from_argument(argument)
        return cls(name, kind, options)

    def to_json(self) -> dict[str, Any]:
        """Return the spec as JSON types."""
        return {"name": self.name, "extractor": self.extractor, "options": dict(self.options)}

    @classmethod
    def from_json(cls, json: Mapping[str, Any]) -> FeatureSpec:
        """Return the spec that `to_json` gave."""
        return cls(json["name"], json["extractor"], json["options"])


def extractor_names() -> list[str]:
    """Return the kinds of extractors that there are, sorted."""
    return sorted({*_BUILT_IN, *(point.name for point in entry_points(group=ENTRY_POINTS))})


def create_extractor(spec: FeatureSpec) -> Extractor:
    """Return the extractor of a feature that is made of pictures.

    Raises:
        UnknownFeatureError: there is no extractor of that kind.
        FeatureError: it does not take these options, it fails to load, its metric is none of an extractor's, or it is
            for metadata.
        ModelError, MissingDependencyError: as the extractor says.
    """
    extractor: Extractor = _created(spec)
    if is_for_metadata(spec.extractor):
        raise FeatureError(f"feature {spec.name!r}: {spec.extractor} is made of metadata, not of pictures")
    _check_metric(spec, extractor.metric, METRICS)
    return extractor


def create_metadata_extractor(spec: FeatureSpec) -> MetadataExtractor:
    """Return the extractor of a feature that is made of metadata. Raises what `create_extractor` does."""
    extractor: MetadataExtractor = _created(spec)
    _check_metric(spec, extractor.metric, (*METRICS, "jaccard"))
    return extractor


def _created(spec: FeatureSpec) -> Any:
    make = _factory(spec.extractor)
    try:
        inspect.signature(make).bind(**spec.options)
    except TypeError as error:
        raise FeatureError(
            f"feature {spec.name!r}: the options do not fit {spec.extractor} ({error}); "
            f"on the command line, write {spec.extractor}=ARGUMENT"
        ) from error
    try:
        return make(**spec.options)
    except LookalikeError:
        raise
    except Exception as error:  # a plug-in may raise anything
        raise FeatureError(f"feature {spec.name!r}: {spec.extractor} fails to start ({error!r})") from error


def _check_metric(spec: FeatureSpec, metric: str, metrics: Sequence[str]) -> None:
    if metric not in metrics:
        raise FeatureError(
            f"feature {spec.name!r}: {spec.extractor} compares by {metric!r}; extractors compare by "
            f"{', '.join(metrics)}"
        )


def is_for_metadata(kind: str) -> bool:
    """Return whether extractors of a kind make their vectors of metadata. One that is not there does not.

    Raises:
        FeatureError: it cannot be loaded.
    """
    if kind in _BUILT_IN:
        return kind in _OF_METADATA
    return bool(entry_points(group=ENTRY_POINTS, name=kind)) and hasattr(_factory(kind), "extract_metadata")


def versions_of(kind: str) -> tuple[str, ...]:
    """Return the versions that extractors of a kind can be asked for, by the option `VERSION`; none for most kinds.

    Raises:
        UnknownFeatureError: there is no such kind.
        FeatureError: it cannot be loaded.
    """
    return tuple(getattr(_factory(kind), "versions", ()))


def suffixes_of(kind: str) -> frozenset[str]:
    """Return the suffixes of the files that extractors of a kind read in place of pictures; see `FileExtractor`.

    Raises:
        UnknownFeatureError: there is no such kind.
        FeatureError: it cannot be loaded.
    """
    return frozenset(getattr(_factory(kind), "suffixes", ()))


def may_run_here(kind: str) -> bool:
    """Return whether extractors of a kind may run in one place for all workers; see `BatchExtractor`.

    Raises:
        UnknownFeatureError: there is no such kind.
        FeatureError: it cannot be loaded.
    """
    return hasattr(_factory(kind), "extract_frames")


def may_take_text(kind: str) -> bool:
    """Return whether extractors of a kind may bring words into the space of their pictures.

    Raises:
        UnknownFeatureError: there is no such kind.
        FeatureError: it cannot be loaded.
    """
    return hasattr(_factory(kind), "extract_texts")


def _factory(kind: str) -> Callable[..., Any]:
    if kind in _BUILT_IN:
        module, name = _BUILT_IN[kind]
        built_in: Callable[..., Any] = getattr(importlib.import_module(module), name)
        return built_in
    points: tuple[EntryPoint, ...] = tuple(entry_points(group=ENTRY_POINTS, name=kind))
    if not points:
        raise UnknownFeatureError(f"there is no extractor {kind!r}; there are {', '.join(extractor_names())}")
    try:
        plug_in: Callable[..., Any] = points[0].load()
    except Exception as error:  # importing a plug-in may raise anything
        raise FeatureError(f"extractor {kind!r} ({points[0].value}) cannot be loaded ({error!r})") from error
    return plug_in
