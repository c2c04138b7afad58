"""Features made of metadata, such as the set of words of some fields of each source.

They are kept up by every write: a source whose metadata is newer than its vector, or that has none, is given one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lookalike.arrays import Rows
from lookalike.catalogue import Catalogue, FeatureRecord
from lookalike.errors import FeatureError, FeatureMismatchError, LookalikeError
from lookalike.features.base import MetadataExtractor
from lookalike.features.registry import FeatureSpec, create_metadata_extractor, is_for_metadata

WORDS = "words"
"""Stands in the place of the extractor `text` in features that `Collection.add_words` made."""
BLOCK_SOURCES = 1024


def is_of_metadata(feature: FeatureRecord) -> bool:
    """Return whether a feature's vectors are made of metadata by an extractor."""
    return feature.extractor == WORDS or is_for_metadata(feature.extractor)


def words_feature(name: str, fields: Any, shingle: Any) -> FeatureRecord:
    """Return a feature made of the words of metadata `fields`, or of all; of runs of `shingle` words.

    Raises:
        OptionError: fields that are no names, or a length that is none.
    """
    return metadata_feature(FeatureSpec(name, WORDS, {"fields": fields, "shingle": shingle}))


def metadata_feature(spec: FeatureSpec) -> FeatureRecord:
    """Return what is stored of a feature of metadata. Raises what its extractor does."""
    made = _made(spec)
    return FeatureRecord(
        name=spec.name,
        extractor=spec.extractor,
        dimension=made.dimension,
        metric=made.metric,
        version=made.version,
        model_hash=made.model_hash,
        options=dict(made.options),
    )


def new_of_metadata(stored: Mapping[str, FeatureRecord], spec: FeatureSpec) -> list[FeatureRecord]:
    """Return the feature that is asked for, where it is not stored; nothing where it is.

    Raises:
        FeatureMismatchError: there is another of that name.
    """
    if spec.name not in stored:
        return [metadata_feature(spec)]
    if stored[spec.name].extractor != spec.extractor or spec.options:
        check_same(stored[spec.name], metadata_feature(spec))
    return []


def check_same(stored: FeatureRecord, asked: FeatureRecord) -> None:
    """Raise FeatureMismatchError unless the stored feature of that name is what is asked for."""
    if (stored.extractor, dict(stored.options)) != (asked.extractor, dict(asked.options)):
        raise FeatureMismatchError(
            f"feature {asked.name!r} is there, and is made by {stored.extractor} of {dict(stored.options)}; give this "
            f"one another name, or lookalike remove --feature {asked.name} first"
        )


def extractor_of(feature: FeatureRecord) -> MetadataExtractor:
    """Return the extractor of a stored feature of metadata.

    Raises:
        FeatureMismatchError: it is not the one that made the stored vectors.
        UnknownFeatureError, FeatureError: it cannot be made.
    """
    made = _made(FeatureSpec(feature.name, feature.extractor, dict(feature.options)))
    for what, old, new in (
        ("version", feature.version, made.version),
        ("model", feature.model_hash, made.model_hash),
        ("metric", feature.metric, made.metric),
    ):
        if old != new:
            raise FeatureMismatchError(
                f"feature {feature.name!r} was made by something else ({what} {old[:12]} then, {new[:12]} now); bring "
                f"that back, or lookalike remove --feature {feature.name}, and add it again"
            )
    return made


def refresh_metadata_features(catalogue: Catalogue) -> int:
    """Give sources whose metadata is newer than their vectors new ones; return how many were made.

    Raises:
        FeatureError: an extractor fails, or does not give what it says.
    """
    count = 0
    for feature in catalogue.features().values():
        outdated = catalogue.outdated(feature.name) if is_of_metadata(feature) else ()
        if not len(outdated):
            continue
        made = extractor_of(feature)
        for start in range(0, len(outdated), BLOCK_SOURCES):
            block = outdated[start : start + BLOCK_SOURCES]
            rows = _extracted(feature, made, [source.metadata for source in catalogue.sources(block)])
            with catalogue.write() as writer:
                writer.add_vectors(feature.name, block, rows)
        count += len(outdated)
    return count


def _extracted(feature: FeatureRecord, made: MetadataExtractor, metadata: list[Mapping[str, Any]]) -> Rows:
    try:
        rows = made.extract_metadata(metadata)
    except LookalikeError:
        raise
    except Exception as error:  # a plug-in may raise anything
        raise FeatureError(f"feature {feature.name!r}: {feature.extractor} fails ({error!r})") from error
    if len(rows) != len(metadata):
        raise FeatureError(
            f"feature {feature.name!r}: {feature.extractor} gave {len(rows)} rows for {len(metadata)} sources"
        )
    return rows


def _made(spec: FeatureSpec) -> MetadataExtractor:
    kind = "text" if spec.extractor == WORDS else spec.extractor
    return create_metadata_extractor(FeatureSpec(spec.name, kind, spec.options))
