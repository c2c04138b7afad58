"""Words as vectors: as metadata for features made of it, and among pictures for networks with a text tower."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lookalike.arrays import Rows
from lookalike.catalogue import FeatureRecord
from lookalike.errors import OptionError, UnknownFeatureError
from lookalike.features.base import Extractor, TextExtractor
from lookalike.texts import tokens

Features = Mapping[str, FeatureRecord]


def vectors_of_text(
    text: str, features: Features, open_extractors: Callable[[Features], Mapping[str, Extractor]]
) -> dict[str, Rows]:
    """Return a text as a vector, or as a set, in each feature that has one.

    Raises:
        UnknownFeatureError: none of the features has.
        OptionError: the text has no word.
        FeatureMismatchError, ModelError, MissingDependencyError: a text tower cannot be opened.
    """
    towers = _of_metadata(features) | _towers(features, open_extractors)
    if not towers:
        raise UnknownFeatureError(
            f"none of the features {', '.join(features)} is made of words, or by a network that has a text tower; "
            "lookalike words makes the one, and lookalike add --feature onnx=MODEL the other, from a model such as CLIP"
        )
    if not tokens(text):
        raise OptionError(f"text {text!r} has no word to compare; give at least one letter or digit")
    return {name: tower.extract_texts([text])[0] for name, tower in towers.items()}


def _of_metadata(features: Features) -> dict[str, TextExtractor]:
    from lookalike.collection.from_metadata import extractor_of, is_of_metadata

    made = {name: extractor_of(feature) for name, feature in features.items() if is_of_metadata(feature)}
    return {
        name: extractor
        for name, extractor in made.items()
        if isinstance(extractor, TextExtractor) and extractor.takes_text
    }


def _towers(
    features: Features, open_extractors: Callable[[Features], Mapping[str, Extractor]]
) -> dict[str, TextExtractor]:
    from lookalike.collection.extraction import is_of_pictures
    from lookalike.features.registry import may_take_text

    likely = {
        name: feature
        for name, feature in features.items()
        if is_of_pictures(feature) and may_take_text(feature.extractor)
    }
    return {
        name: extractor
        for name, extractor in (open_extractors(likely) if likely else {}).items()
        if isinstance(extractor, TextExtractor) and extractor.takes_text
    }
