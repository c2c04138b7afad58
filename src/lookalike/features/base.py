"""The extractor contract."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from lookalike.arrays import Float32, Metric, Rows

if TYPE_CHECKING:
    from PIL import Image

    from lookalike.features.framing import Framing, UInt8

METRICS: tuple[Metric, ...] = ("euclidean", "cosine", "dot", "hamming")
"""What extractors' vectors may be compared by: all but sets, which are never made of pictures, but of metadata."""

DECODED_SIDE = 448
"""Pictures are decoded to no less than this on their shorter side (or their full size, if that is less)."""


class Extractor(Protocol):
    """Makes one kind of vector from pictures. A pure function of the pictures: no state, no randomness.

    Plug-ins register a class under the entry-point group `lookalike.extractors`; it is called with the
    options of the feature as keyword arguments. A class that still makes the vectors of older versions lists all of
    them in `versions` and takes one as the option `version`, by default the newest; a collection keeps its own. A class
    that looks for something, such as a face, says `may_find_nothing = True`, and gives a row of NaN for a picture
    without: the picture then lacks the feature, and is refused only if it has no other.
    """

    @property
    def version(self) -> str:
        """Changes whenever the same picture would give another vector."""

    @property
    def model_hash(self) -> str:
        """SHA-256 in hex of the model's files and its description; empty where there is no model."""

    @property
    def dimension(self) -> int:
        """Length of a vector; of a binary code, in bytes."""

    @property
    def metric(self) -> Metric:
        """How two vectors are compared: one of `METRICS`."""

    @property
    def decoded_side(self) -> int:
        """Shorter side, in pixels, that a picture is decoded to at least; `DECODED_SIDE` fits most."""

    def extract(self, pictures: Sequence[Image.Image]) -> Rows:
        """Return one row a picture, shape (n, dimension), float32. The pictures are RGB, of any size.

        Under "hamming", rows are binary codes: uint8, eight bits a number, as `numpy.packbits` packs them.
        """


@runtime_checkable
class BatchExtractor(Extractor, Protocol):
    """What an extractor has besides where it can run in one place, fed with frames by workers that only decode.

    That is for a network that is too large to be held by every worker, or an accelerator, of which there is one.
    """

    @property
    def runs(self) -> str:
        """Where it runs: "workers", each of which then has its own, or "here", in one place for all."""

    @property
    def batch_size(self) -> int:
        """How many frames are to be extracted at once, at most."""

    @property
    def framing(self) -> Framing:
        """How a picture becomes a frame. `extract` gives what `extract_frames` gives for the frames of its pictures."""

    def extract_frames(self, frames: UInt8) -> Float32:
        """Return one row a frame, shape (n, dimension), float32. Frames are RGB, uint8 (n, height, width, 3)."""


@runtime_checkable
class FileExtractor(Protocol):
    """What an extractor has besides where it reads files of kinds of its own, such as sounds, in place of pictures.

    Its class lists their lower-case suffixes, with the point. `extract` then takes what `read` returns, and
    `decoded_side` means nothing.
    """

    suffixes: Collection[str]

    def read(self, data: bytes, name: str) -> Any:
        """Return what `extract` takes of a file. Whatever this raises is told of the file, which is skipped."""


@runtime_checkable
class TextExtractor(Protocol):
    """What an extractor has besides where it brings words into the space of its pictures."""

    @property
    def takes_text(self) -> bool:
        """Whether it does; one class may serve networks with and without."""

    def extract_texts(self, texts: Sequence[str]) -> Rows:
        """Return one row a text, shape (n, dimension), float32, to be compared with those of pictures."""


@runtime_checkable
class MetadataExtractor(Protocol):
    """What makes one kind of vector or set from what is known of sources, instead of from their pictures.

    It is registered and named as an `Extractor` is, and its properties mean the same; `metric` may be "jaccard" too. It
    is a pure function of one source's metadata, and is asked again for sources whose metadata change. With
    `extract_texts` as a `TextExtractor` has it, words are queries too.
    """

    @property
    def version(self) -> str:
        """Changes whenever the same metadata would give another vector."""

    @property
    def model_hash(self) -> str:
        """See `Extractor`."""

    @property
    def dimension(self) -> int:
        """Length of a vector; of sets, the places that there are at least."""

    @property
    def metric(self) -> Metric:
        """How two vectors or sets are compared."""

    @property
    def options(self) -> Mapping[str, Any]:
        """All options that it was made with, as JSON types: made with them again, it is the same."""

    def extract_metadata(self, metadata: Sequence[Mapping[str, Any]]) -> Rows:
        """Return one row a source: vectors (n, dimension) float32, codes, or sets as `lookalike.sets.as_sets` makes."""
