"""How an image network wants its pictures, and which of its outputs is the vector: a description in TOML or options."""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lookalike.arrays import Float32
from lookalike.errors import ModelError

LAYOUTS = ("nchw", "nhwc")
CHANNELS = ("rgb", "bgr")
RESIZES = ("crop", "squash", "pad")
POOLINGS = ("mean", "first")


@dataclass(frozen=True)
class Description:
    """A network's description. Every field may stand in the TOML, and every one has a default.

    A pixel p (0..255) of a channel enters the network as `(p * scale - mean) / std`. The defaults are those of
    torchvision's ImageNet networks. `mean` and `std` are one number, or one a channel in the order of `channels`.

    Attributes:
        input: name of the input; by default the only one.
        output: name of the output; by default the first.
        size: [width, height] of the input in pixels, or one number; by default what the model's input declares,
            or 224 where that is open.
        layout: "nchw" or "nhwc"; by default where the model's input declares 3 channels, or nchw.
        channels: "rgb" or "bgr".
        resize: "crop" takes the middle of the picture; "squash" takes all of it and changes its proportions;
            "pad" takes all of it and fills up with mid-grey.
        keep: under "crop", the share of the shorter side that is kept (torchvision keeps 224 of 256).
        pooling: of an output that has places beside channels, (n, c, h, w) in the input's layout or tokens
            (n, t, c): their "mean", or the "first" token (the class token of a vision transformer).
    """

    input: str | None = None
    output: str | None = None
    size: tuple[int, int] | None = None
    layout: str | None = None
    channels: str = "rgb"
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    resize: str = "crop"
    keep: float = 0.875
    pooling: str = "mean"

    @classmethod
    def from_options(cls, options: Mapping[str, Any], name: str) -> Description:
        """Check options that came from TOML or JSON; `name` is what errors call their source.

        Raises:
            ModelError: unknown keys, or values of a wrong type or range.
        """
        unknown = sorted(set(options) - {field.name for field in fields(cls)})
        if unknown:
            known = ", ".join(field.name for field in fields(cls))
            raise ModelError(f"{name}: unknown key {unknown[0]!r}; a network is described by {known}")
        checked = {}
        for key, value in options.items():
            try:
                checked[key] = _CHECKS[key](value)
            except (TypeError, ValueError) as error:
                raise ModelError(f"{name}: {key} is {value!r}; it must be {error}") from None
        return cls(**checked)

    def digest(self, *files: Path) -> str:
        """Return the SHA-256, in hex, of the contents of `files` and of this description."""
        digest = hashlib.sha256()
        for path in files:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        digest.update(json.dumps(asdict(self), sort_keys=True).encode())
        return digest.hexdigest()

    def prepare(self, picture: Image.Image) -> Float32:
        """Return an RGB picture as the network's input, a batch of one, float32; size and layout must be set."""
        assert self.size is not None
        pixels = np.asarray(self._resized(picture, self.size), dtype=np.float32)
        if self.channels == "bgr":
            pixels = pixels[:, :, ::-1]
        values = (pixels * np.float32(self.scale) - np.array(self.mean, np.float32)) / np.array(
            self.std, np.float32
        )
        if self.layout == "nchw":
            values = values.transpose(2, 0, 1)
        return np.ascontiguousarray(values[np.newaxis], dtype=np.float32)

    def _resized(self, picture: Image.Image, size: tuple[int, int]) -> Image.Image:
        # Pillow's bilinear filter widens as it shrinks, so it does not alias.
        bilinear = Image.Resampling.BILINEAR
        if self.resize == "squash":
            return picture.resize(size, bilinear, reducing_gap=3.0)
        across, down = (
            picture.width / size[0],
            picture.height / size[1],
        )  # picture pixels to one of the network's
        if self.resize == "crop":
            step = min(across, down) * self.keep
            left, top = (picture.width - step * size[0]) / 2, (picture.height - step * size[1]) / 2
            box = (left, top, picture.width - left, picture.height - top)
            return picture.resize(size, bilinear, box=box, reducing_gap=3.0)
        step = max(across, down)
        inner = (max(1, round(picture.width / step)), max(1, round(picture.height / step)))
        padded = Image.new("RGB", size, (128, 128, 128))
        corner = ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2)
        padded.paste(picture.resize(inner, bilinear, reducing_gap=3.0), corner)
        return padded


def read_description(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file.

    Raises:
        ModelError: it cannot be read, or is not TOML.
    """
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: is not TOML ({' '.join(str(error).split())})") from None


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a name")
    return value


def _one_of(choices: tuple[str, ...]) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return str(value)

    return check


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _size(value: Any) -> tuple[int, int]:
    pair = value if isinstance(value, list | tuple) else (value, value)
    if len(pair) != 2 or not all(type(side) is int and 1 <= side <= 8192 for side in pair):
        raise ValueError("a whole number from 1 to 8192, or [width, height]")
    return pair[0], pair[1]


def _per_channel(value: Any) -> tuple[float, ...]:
    values = value if isinstance(value, list | tuple) else (value,)
    if len(values) not in (1, 3) or not all(_is_number(one) for one in values):
        raise ValueError("a number, or one for each of 3 channels")
    return tuple(float(one) for one in values)


def _divisor(value: Any) -> tuple[float, ...]:
    values = _per_channel(value)
    if not all(one > 0 for one in values):
        raise ValueError("greater than 0")
    return values


def _scale(value: Any) -> float:
    if not _is_number(value) or value <= 0:
        raise ValueError("a number greater than 0")
    return float(value)


def _share(value: Any) -> float:
    if not _is_number(value) or not 0 < value <= 1:
        raise ValueError("a number greater than 0, up to 1")
    return float(value)


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "input": _text,
    "output": _text,
    "size": _size,
    "layout": _one_of(LAYOUTS),
    "channels": _one_of(CHANNELS),
    "scale": _scale,
    "mean": _per_channel,
    "std": _divisor,
    "resize": _one_of(RESIZES),
    "keep": _share,
    "pooling": _one_of(POOLINGS),
}
