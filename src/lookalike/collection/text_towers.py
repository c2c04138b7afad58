"""Words as vectors: as metadata for features made of it, and among pictures for networks with a text tower."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lookalike.arrays import Rows
from lookalike.catalogue import FeatureRecord
from lookalike.errors import FeatureError, MissingDependencyError, OptionError, UnknownFeatureError
from lookalike.features.base import Extractor, TextExtractor
from lookalike.texts import tokens

Features = Mapping[str, FeatureRecord]


def vectors_of_text(
    text: str,
    features: Features,
    open_extractors: Callable[[Features], Mapping[str, Extractor]],
    *,
    named: bool,
) -> tuple[dict[str, Rows], tuple[str, ...]]:
    """Return a text as a vector, or as a set, in each feature that has one; and notes.

    Unless the features are `named` by whoever asks, those whose text tower is gone are passed over, as long as another
    feature has the text, and notes say so.

    Raises:
        UnknownFeatureError: none of the features has.
        OptionError: the text has no word.
        FeatureMismatchError, ModelError, MissingDependencyError: a text tower cannot be opened.
    """
    if not tokens(text):
        raise OptionError(f"text {text!r} has no word to compare; give at least one letter or digit")
    found = {name: made.extract_texts([text])[0] for name, made in _of_metadata(features).items()}
    gone: dict[str, FeatureError | MissingDependencyError] = {}
    for name, feature in _likely(features).items():
        try:
            tower = open_extractors({name: feature})[name]
            if isinstance(tower, TextExtractor) and tower.takes_text:
                found[name] = tower.extract_texts([text])[0]
        except (FeatureError, MissingDependencyError) as error:
            if named:
                raise
            gone[name] = error
    if not found:
        if gone:
            raise next(iter(gone.values()))
        raise UnknownFeatureError(
            f"none of the features {', '.join(features)} is made of words, or by a network that has a text tower; "
            "lookalike words makes the one, and lookalike add --feature onnx=MODEL the other, from a model such as CLIP"
        )
    return found, tuple(
        f"the text is not compared by feature {name}: {error}" for name, error in gone.items()
    )


def _of_metadata(features: Features) -> dict[str, TextExtractor]:
    from lookalike.collection.from_metadata import extractor_of, is_of_metadata

    made = {name: extractor_of(feature) for name, feature in features.items() if is_of_metadata(feature)}
    return {
        name: extractor
        for name, extractor in made.items()
        if isinstance(extractor, TextExtractor) and extractor.takes_text
    }


def _likely(features: Features) -> Features:
    """Return the features whose extractors may have a text tower; none is opened."""
    from lookalike.collection.extraction import is_of_pictures
    from lookalike.features.registry import may_take_text

    return {
        name: feature
        for name, feature in features.items()
        if is_of_pictures(feature) and may_take_text(feature.extractor)
    }
