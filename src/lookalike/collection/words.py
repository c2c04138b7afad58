"""Features made of metadata: the set of words of some fields of each source, or of runs of words (shingles).

They are kept up by every write: a source whose metadata is newer than its set, or that has none, is given one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from lookalike.arguments import as_count
from lookalike.catalogue import Catalogue, FeatureRecord
from lookalike.catalogue.text import terms, texts_of
from lookalike.collection.extraction import WORDS
from lookalike.errors import FeatureMismatchError, OptionError
from lookalike.features.registry import FeatureSpec
from lookalike.sets import FEWEST_PLACES, MOST_ELEMENTS, as_sets

BLOCK_SOURCES = 1024
LONGEST_SHINGLE = 16


def words_feature(name: str, fields: Any, shingle: Any) -> FeatureRecord:
    """Return a feature made of the words of metadata `fields`, or of all; of runs of `shingle` words.

    Raises:
        OptionError: fields that are no names, or a length that is none.
    """
    if isinstance(fields, str) or not isinstance(fields, Iterable):
        raise OptionError(f"fields is {fields!r}; give names of metadata fields, in a list")
    names = list(fields)
    if not all(isinstance(field, str) and field for field in names):
        raise OptionError(f"fields is {names!r}; give names of metadata fields")
    options = {
        "fields": names,
        "shingle": as_count(shingle, "shingle", least=1, most=LONGEST_SHINGLE),
    }
    FeatureSpec(name, WORDS, options)  # refuses names that are no simple words
    return FeatureRecord(
        name=name, extractor=WORDS, dimension=FEWEST_PLACES, metric="jaccard", version="1", options=options
    )


def check_same(stored: FeatureRecord, asked: FeatureRecord) -> None:
    """Raise FeatureMismatchError unless the stored feature of that name is what is asked for."""
    if (stored.extractor, dict(stored.options)) != (asked.extractor, dict(asked.options)):
        raise FeatureMismatchError(
            f"feature {asked.name!r} is there, and is made by {stored.extractor} of {dict(stored.options)}; give this "
            f"one another name, or lookalike remove --feature {asked.name} first"
        )


def refresh_words(catalogue: Catalogue) -> int:
    """Give sources whose metadata is newer than their sets of words new ones; return how many sets were made."""
    made = 0
    for feature in catalogue.features().values():
        if feature.extractor != WORDS:
            continue
        outdated = catalogue.outdated(feature.name)
        for start in range(0, len(outdated), BLOCK_SOURCES):
            block = outdated[start : start + BLOCK_SOURCES]
            rows = [
                first_elements(elements_of(source.metadata, feature)) for source in catalogue.sources(block)
            ]
            with catalogue.write() as writer:
                writer.add_vectors(feature.name, block, as_sets(rows, name=f"words of {feature.name}"))
        made += len(outdated)
    return made


def first_elements(elements: Iterable[str]) -> list[str]:
    """Return each of `elements` once; where there are more than a set may have, the first of them.

    A long text then keeps no write from ending.
    """
    return list(islice(dict.fromkeys(elements), MOST_ELEMENTS))


def elements_of(metadata: Mapping[str, Any], feature: FeatureRecord) -> Iterator[str]:
    """Yield the words or shingles of a source's metadata that `feature` is made of."""
    fields = feature.options["fields"] or metadata
    for field in fields:
        for text in texts_of(metadata.get(field)):
            yield from elements_of_text(text, feature)


def elements_of_text(text: str, feature: FeatureRecord) -> Iterator[str]:
    """Yield the words of a text, as `terms` takes them apart, or the runs of them that `feature` is made of.

    A text of fewer words than a run has is one run.
    """
    words, length = terms(text), feature.options["shingle"]
    for first in range(max(1, len(words) - length + 1) if words else 0):
        yield " ".join(words[first : first + length])
