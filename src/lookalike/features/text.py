"""`text`: what is said of a source, as the set of its words; alike is what has more words in common.

The distance is Jaccard's, whose buckets are min-hash (Broder, "On the resemblance and containment of documents", 1997).
A set is made of each source alone, so that there are no weights of words to be learned, kept, and learned again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from lookalike.arguments import as_count
from lookalike.arrays import Metric, Rows
from lookalike.errors import OptionError
from lookalike.sets import FEWEST_PLACES, MOST_ELEMENTS, as_sets
from lookalike.texts import terms, texts_of

LONGEST_SHINGLE = 16


class Text:
    """Makes the set of the words of some metadata fields, or of runs of words (shingles); a `MetadataExtractor`."""

    version = "1"
    model_hash = ""
    metric: Metric = "jaccard"
    dimension = FEWEST_PLACES
    takes_text = True

    def __init__(self, fields: Iterable[str] = (), shingle: int = 1) -> None:
        """Take the fields that words are of, all by default, and how many words make an element.

        Raises:
            OptionError: fields that are no names, or a length that is none.
        """
        if isinstance(fields, str) or not isinstance(fields, Iterable):
            raise OptionError(f"fields is {fields!r}; give names of metadata fields, in a list")
        names = list(fields)
        if not all(isinstance(field, str) and field for field in names):
            raise OptionError(f"fields is {names!r}; give names of metadata fields")
        self.fields: list[str] = names
        self.shingle = as_count(shingle, "shingle", least=1, most=LONGEST_SHINGLE)

    @staticmethod
    def options_from_argument(argument: str) -> dict[str, Any]:
        """Return the options that `text=title,tags` stands for."""
        return {"fields": [field.strip() for field in argument.split(",")]}

    @property
    def options(self) -> dict[str, Any]:
        """What this was made with, as JSON types."""
        return {"fields": self.fields, "shingle": self.shingle}

    def extract_metadata(self, metadata: Sequence[Mapping[str, Any]]) -> Rows:
        """Return one set a source; empty where it has no words."""
        return self._sets(
            (text for field in self.fields or fields for text in texts_of(fields.get(field)))
            for fields in metadata
        )

    def extract_texts(self, texts: Sequence[str]) -> Rows:
        """Return one set a text, to be compared with those of metadata."""
        return self._sets([text] for text in texts)

    def _sets(self, sources: Iterable[Iterable[str]]) -> Rows:
        rows = [
            # A long text then keeps no write from ending.
            list(islice(dict.fromkeys(one for text in texts for one in self._elements(text)), MOST_ELEMENTS))
            for texts in sources
        ]
        return as_sets(rows, name="words")

    def _elements(self, text: str) -> Iterator[str]:
        """Yield the words of a text, or the runs of them; a text of fewer words than a run has is one run."""
        words = terms(text)
        for first in range(max(1, len(words) - self.shingle + 1) if words else 0):
            yield " ".join(words[first : first + self.shingle])
