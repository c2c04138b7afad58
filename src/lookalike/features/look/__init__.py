"""`look`: a global descriptor of edges, texture and colour that needs no model and no download.

There are two versions. New collections get the second; a collection keeps the one that its vectors were made by until
it is moved, by `lookalike rebuild --feature look` or `Collection.renew`. Their vectors cannot be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from lookalike.arrays import Float32, Metric
from lookalike.errors import OptionError
from lookalike.features.look import first, second

if TYPE_CHECKING:
    from PIL import Image


class _Version(NamedTuple):
    describe: Callable[[Sequence[Image.Image]], Float32]
    dimension: int
    side: int


_VERSIONS = {
    "1": _Version(first.describe, first.DIMENSION, first.SIDE),
    "2": _Version(second.describe, second.DIMENSION, second.SIDE),
}


class Look:
    """Edges, texture and colour of a picture as one vector; see `first` and `second` for what is in it."""

    versions: ClassVar[tuple[str, ...]] = tuple(_VERSIONS)
    model_hash = ""
    metric: Metric = "cosine"

    def __init__(self, version: int | str = 2) -> None:
        """Take the version. Raises OptionError for one that there is not."""
        if isinstance(version, bool) or str(version) not in _VERSIONS:
            raise OptionError(f"look has no version {version!r}; it has {' and '.join(_VERSIONS)}")
        self.version = str(version)
        self._made_by = _VERSIONS[self.version]

    @staticmethod
    def options_from_argument(argument: str) -> Mapping[str, Any]:
        """Return the options that `look=ARGUMENT` stands for: the version."""
        return {"version": Look(argument).version}

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._made_by.dimension

    @property
    def decoded_side(self) -> int:
        """Shorter side, in pixels, that a picture is decoded to at least."""
        return 2 * self._made_by.side  # what is decoded smaller than this is blurred in itself

    def extract(self, pictures: Sequence[Image.Image]) -> Float32:
        """Return one vector a picture, shape (n, dimension), float32, each of length one.

        The pictures are RGB, of any size. A vector does not depend on the other pictures.
        """
        return self._made_by.describe(pictures)
