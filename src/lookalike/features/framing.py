"""How a picture is cut and scaled to what a network takes: what workers do where the network itself runs elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from lookalike.arrays import Metric

UInt8 = npt.NDArray[np.uint8]

RESIZES = ("crop", "squash", "pad")
RESAMPLES = tuple(one.name.lower() for one in Image.Resampling)
"""Pillow's filters."""


@dataclass(frozen=True, slots=True)
class Framing:
    """What of a picture becomes the pixels of a network, which are its frame.

    Attributes:
        size: (width, height) of the frame in pixels.
        resize: "crop" takes the middle of the picture; "squash" takes all of it and changes its proportions;
            "pad" takes all of it and fills up with mid-grey.
        keep: under "crop", the share of the shorter side that is kept.
        resample: Pillow's name of the filter, in lower case.
    """

    size: tuple[int, int]
    resize: str = "crop"
    keep: float = 0.875
    resample: str = "bilinear"

    @classmethod
    def from_json(cls, json: Mapping[str, Any]) -> Self:
        """Return the framing that `to_json` gave."""
        return cls(**{**json, "size": tuple(json["size"])})

    def to_json(self) -> dict[str, Any]:
        """Return the framing as JSON types."""
        return asdict(self)

    def frame(self, picture: Image.Image) -> UInt8:
        """Return the pixels of an RGB picture of any size, uint8 (height, width, 3)."""
        return np.asarray(self._resized(picture))

    def _resized(self, picture: Image.Image) -> Image.Image:
        # Pillow's filters widen as they shrink, so they do not alias.
        resample, size = Image.Resampling[self.resample.upper()], self.size
        if self.resize == "squash":
            return picture.resize(size, resample, reducing_gap=3.0)
        across, down = (
            picture.width / size[0],
            picture.height / size[1],
        )  # picture pixels to one of the frame's
        if self.resize == "crop":
            step = min(across, down) * self.keep
            left, top = (picture.width - step * size[0]) / 2, (picture.height - step * size[1]) / 2
            box = (left, top, picture.width - left, picture.height - top)
            return picture.resize(size, resample, box=box, reducing_gap=3.0)
        step = max(across, down)
        inner = (max(1, round(picture.width / step)), max(1, round(picture.height / step)))
        padded = Image.new("RGB", size, (128, 128, 128))
        corner = ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2)
        padded.paste(picture.resize(inner, resample, reducing_gap=3.0), corner)
        return padded


class Framer:
    """Stands in a worker for an extractor whose network runs elsewhere: its vectors are frames, flat and uint8."""

    version = model_hash = ""
    metric: Metric = "euclidean"

    def __init__(self, framing: Framing, decoded_side: int) -> None:
        self.framing = framing
        self.decoded_side = decoded_side
        self.dimension = 3 * framing.size[0] * framing.size[1]

    @classmethod
    def from_json(cls, json: Mapping[str, Any]) -> Self:
        """Return the framer that `to_json` gave."""
        return cls(Framing.from_json(json["framing"]), json["decoded_side"])

    def to_json(self) -> dict[str, Any]:
        """Return the framer as JSON types."""
        return {"framing": self.framing.to_json(), "decoded_side": self.decoded_side}

    def extract(self, pictures: Sequence[Image.Image]) -> Any:
        """Return one row a picture, shape (n, dimension), uint8."""
        return np.stack([self.framing.frame(picture).reshape(-1) for picture in pictures])
