"""Words as vectors: sets of them for features of words, and the space of pictures for networks with a text tower."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lookalike.arrays import Rows
from lookalike.catalogue import FeatureRecord
from lookalike.catalogue.text import tokens
from lookalike.errors import OptionError, UnknownFeatureError
from lookalike.features.base import Extractor, TextExtractor

Features = Mapping[str, FeatureRecord]


def vectors_of_text(
    text: str, features: Features, open_extractors: Callable[[Features], Mapping[str, Extractor]]
) -> dict[str, Rows]:
    """Return a text as a vector, or as the set of its words or runs of them, in each feature that has one.

    Raises:
        UnknownFeatureError: none of the features has.
        OptionError: the text has no word.
        FeatureMismatchError, ModelError, MissingDependencyError: a text tower cannot be opened.
    """
    from lookalike.collection.extraction import WORDS

    towers = _towers(features, open_extractors)
    of_words = {name: feature for name, feature in features.items() if feature.extractor == WORDS}
    if not of_words and not towers:
        raise UnknownFeatureError(
            f"none of the features {', '.join(features)} is made of words, or by a network that has a text tower; "
            "lookalike words makes the one, and lookalike add --feature onnx=MODEL the other, from a model such as CLIP"
        )
    if not tokens(text):
        raise OptionError(f"text {text!r} has no word to compare; give at least one letter or digit")
    vectors = _sets(text, of_words)
    for name, tower in towers.items():
        vectors[name] = tower.extract_texts([text])[0]
    return vectors


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


def _sets(text: str, features: Features) -> dict[str, Rows]:
    from lookalike.collection.words import elements_of_text, first_elements
    from lookalike.sets import as_sets

    sets = {name: first_elements(elements_of_text(text, feature)) for name, feature in features.items()}
    return {name: as_sets([one])[0] for name, one in sets.items()}
