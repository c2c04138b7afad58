"""Which extractors a collection uses, and whether they are still the ones that made its vectors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lookalike.catalogue import FeatureRecord
from lookalike.collection.from_metadata import is_of_metadata, new_of_metadata
from lookalike.errors import FeatureMismatchError, OptionError
from lookalike.features.base import Extractor
from lookalike.features.registry import (
    VERSION,
    FeatureSpec,
    create_extractor,
    is_for_metadata,
    versions_of,
)

IMPORTED = "import"
"""Stands in the place of an extractor where vectors came from outside."""


def is_of_pictures(feature: FeatureRecord) -> bool:
    """Return whether the feature's vectors are made of pictures by an extractor."""
    return not is_imported(feature) and not is_of_metadata(feature)


def is_imported(feature: FeatureRecord) -> bool:
    """Return whether the feature's vectors came from outside, so that none can be made for a picture."""
    return feature.extractor == IMPORTED


def spec_of(feature: FeatureRecord) -> FeatureSpec:
    """Return what the extractor of a stored feature is made from."""
    return _of_version(FeatureSpec(feature.name, feature.extractor, dict(feature.options)), feature)


def open_extractors(features: Mapping[str, FeatureRecord]) -> dict[str, Extractor]:
    """Return the extractors of stored features.

    Raises:
        FeatureMismatchError: an extractor is not the one that made the stored vectors.
    """
    extractors = {}
    for name, feature in features.items():
        extractors[name] = create_extractor(spec_of(feature))
        _check_same(feature, extractors[name])
    return extractors


@dataclass(frozen=True, slots=True)
class FeaturePlan:
    """The features that every picture gets, and their extractors; those of all features that are new to the collection,
    also of metadata; and those, by name, whose model is found elsewhere now, with the new options."""

    specs: dict[str, FeatureSpec]
    extractors: dict[str, Extractor]
    new: list[FeatureRecord]
    relocated: dict[str, Mapping[str, Any]]


def plan_features(
    stored: Mapping[str, FeatureRecord], asked: Iterable[str | FeatureSpec] | str | FeatureSpec | None
) -> FeaturePlan:
    """Return which features an `add` extracts: all that the collection has, and those that are asked for.

    Args:
        stored: the collection's features.
        asked: features in the command line's form or as specs; by default the stored ones, or `look` for a
            collection that has none for pictures.

    Raises:
        OptionError: what is asked for is no feature.
        UnknownFeatureError, ModelError, MissingDependencyError: an extractor cannot be made.
        FeatureMismatchError: a feature of that name was made by another extractor, version or model.
    """
    specs = {name: spec_of(feature) for name, feature in stored.items() if is_of_pictures(feature)}
    if asked is None:
        asked = () if specs else ("look",)
    of_metadata: list[FeatureRecord] = []
    for spec in _as_specs(asked):
        if is_for_metadata(spec.extractor):
            of_metadata += new_of_metadata(stored, spec)
            continue
        if spec.name in stored and not is_of_pictures(stored[spec.name]):
            made = "was imported" if is_imported(stored[spec.name]) else "is made of metadata"
            raise FeatureMismatchError(
                f"feature {spec.name!r} {made}; give the extracted one another name, as in "
                f"{spec.name}2:{spec.extractor}"
            )
        specs[spec.name] = _of_version(spec, stored.get(spec.name))
    if not specs:
        raise OptionError(
            f"{', '.join(one.name for one in of_metadata)} is made of metadata, and nothing of the pictures; name a "
            "feature for these too, such as look"
        )
    plan = FeaturePlan(specs, {}, of_metadata, {})
    for name, spec in specs.items():
        extractor = plan.extractors[name] = create_extractor(spec)
        if name not in stored:
            plan.new.append(record_of(spec, extractor))
            continue
        _check_same(stored[name], extractor, spec.extractor)
        if dict(spec.options) != dict(spec_of(stored[name]).options):
            plan.relocated[name] = record_of(spec, extractor).options
    return plan


def _as_specs(asked: Any) -> Iterator[FeatureSpec]:
    one = isinstance(asked, str | FeatureSpec)
    if not one and (isinstance(asked, bytes | Mapping) or not isinstance(asked, Iterable)):
        raise OptionError(f'features is {asked!r}; give features such as "look", in a list')
    for feature in [asked] if one else asked:
        if not isinstance(feature, str | FeatureSpec):
            raise OptionError(
                f'features has {feature!r}; give features such as "look" or FeatureSpec objects'
            )
        yield FeatureSpec.parse(feature) if isinstance(feature, str) else feature


def _of_version(spec: FeatureSpec, stored: FeatureRecord | None) -> FeatureSpec:
    """Return a spec that names the version of what is stored, where its extractor has several and it names none."""
    if (
        stored is None
        or stored.extractor != spec.extractor
        or VERSION in spec.options
        or stored.version not in versions_of(spec.extractor)
    ):
        return spec
    return FeatureSpec(spec.name, spec.extractor, {**spec.options, VERSION: stored.version})


def record_of(spec: FeatureSpec, extractor: Extractor) -> FeatureRecord:
    """Return what is stored of a feature. The version that it was asked for is what its extractor says of itself."""
    options = dict(spec.options)
    if versions_of(spec.extractor):
        options.pop(VERSION, None)
    return FeatureRecord(
        name=spec.name,
        extractor=spec.extractor,
        dimension=extractor.dimension,
        metric=extractor.metric,
        version=extractor.version,
        model_hash=extractor.model_hash,
        options=options,
    )


def _check_same(stored: FeatureRecord, extractor: Extractor, kind: str | None = None) -> None:
    differences = [
        f"{what} {str(old)[:12]} then, {str(new)[:12]} now"
        for what, old, new in (
            ("extractor", stored.extractor, kind or stored.extractor),
            ("version", stored.version, extractor.version),
            ("model", stored.model_hash, extractor.model_hash),
            ("dimension", stored.dimension, extractor.dimension),
            ("metric", stored.metric, extractor.metric),
        )
        if old != new
    ]
    if differences:
        raise FeatureMismatchError(
            f"feature {stored.name!r} was made by something else ({'; '.join(differences)}); vectors of two kinds "
            f"cannot be compared: bring that back, or make all of them anew by lookalike rebuild "
            f"--feature {stored.name}"
        )
