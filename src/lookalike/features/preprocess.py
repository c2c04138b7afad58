"""How an image network wants its pictures, and which of its outputs is the vector: a description in TOML or options."""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.arrays import Float32
from lookalike.errors import ModelError
from lookalike.features.framing import RESAMPLES, RESIZES, Framing, UInt8

LAYOUTS = ("nchw", "nhwc")
CHANNELS = ("rgb", "bgr")
POOLINGS = ("mean", "first")
RUNS = ("workers", "here")
_NO_PART = ("text", "runs", "batch_size", "provider", "provider_options")
"""Fields that have no part in a picture's vector."""
_LATER = ("resample", "output_layout", "fill")
"""Fields that networks were described without before; where they are left out, a network's hash is what it was."""


@dataclass(frozen=True)
class Description:
    """A network's description. Every field may stand in the TOML, and every one has a default.

    A pixel p (0..255) of a channel enters the network as `(p * scale - mean) / std`. The defaults are those of
    torchvision's ImageNet networks. `mean` and `std` are one number, or one a channel in the order of `channels`.

    Attributes:
        input: name of the input that takes the picture; by default `pixel_values`, or the only one that could.
        output: name of the output; by default `image_embeds` where there is one; `pooler_output` of a
            network whose text tower lies beside it; else the first.
        size: [width, height] of the input in pixels, or one number; by default what the model's input declares,
            or 224 where that is open.
        layout: "nchw" or "nhwc"; by default where the model's input declares 3 channels, or nchw.
        channels: "rgb" or "bgr".
        resize: "crop" takes the middle of the picture; "squash" takes all of it and changes its proportions;
            "pad" takes all of it and fills up with mid-grey.
        keep: under "crop", the share of the shorter side that is kept (torchvision keeps 224 of 256).
        resample: the filter: "nearest", "bilinear", "bicubic", "lanczos", "box" or "hamming".
        pooling: of an output that has places beside channels, a map of 4 axes or tokens (n, t, c): their "mean", or the
            "first" token (the class token of a vision transformer).
        output_layout: where the channels of a map are, "nchw" or "nhwc"; by default where the other two axes have the
            proportions of the input, or as in the input.
        fill: values of other inputs that have no meaning for a picture, by name; by default 1 for whole numbers, such
            as the words of a second tower, and 0 for others.
        text: the tower that brings words into the same space; see `lookalike.features.text_tower.TextDescription`.
        runs: "workers", each of which loads the network, or "here", in one process, for which workers only decode; by
            default here with a provider other than the processor, and from 64 MiB of weights on.
        batch_size: pictures that go through a network at once that runs here.
        provider: ONNX Runtime's execution provider, such as "cuda", or several in the order in which they are tried.
        provider_options: options of the first of them, such as {"device_id": 1}.
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
    resample: str = "bilinear"
    pooling: str = "mean"
    output_layout: str | None = None
    fill: Mapping[str, float] = field(default_factory=dict)
    text: Mapping[str, Any] = field(default_factory=dict)
    runs: str | None = None
    batch_size: int = 16
    provider: tuple[str, ...] = ()
    provider_options: Mapping[str, Any] = field(default_factory=dict)

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

    @property
    def framing(self) -> Framing:
        """How a picture becomes the network's pixels; size must be set."""
        assert self.size is not None
        return Framing(self.size, self.resize, self.keep, self.resample)

    def digest(self, *files: Path) -> str:
        """Return the SHA-256, in hex, of the contents of `files` and of what shapes vectors here."""
        digest = hashlib.sha256()
        for path in files:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        unset = asdict(Description())
        told = {
            key: value
            for key, value in asdict(self).items()
            if key not in _NO_PART and (key not in _LATER or value != unset[key])
        }
        digest.update(json.dumps(told, sort_keys=True).encode())
        return digest.hexdigest()

    def pixels(self, frames: UInt8) -> UInt8:
        """Return frames, uint8 (n, h, w, 3) in RGB, in the order of axes and channels of the input."""
        values = frames[..., ::-1] if self.channels == "bgr" else frames
        return np.ascontiguousarray(values.transpose(0, 3, 1, 2) if self.layout == "nchw" else values)

    def normalized(self, frames: UInt8) -> Float32:
        """Return frames, uint8 (n, h, w, 3) in RGB, as the input's values, float32; layout must be set."""
        values = frames[..., ::-1].astype(np.float32) if self.channels == "bgr" else frames.astype(np.float32)
        values *= np.float32(self.scale)
        values -= np.array(self.mean, np.float32)
        values /= np.array(self.std, np.float32)
        return np.ascontiguousarray(values.transpose(0, 3, 1, 2) if self.layout == "nchw" else values)


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


def _fill(value: Any) -> Mapping[str, float]:
    if not isinstance(value, Mapping) or not all(_is_number(one) for one in value.values()):
        raise ValueError("a table of inputs and their numbers")
    return dict(value)


def _table(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("a table")
    return dict(value)


def _batch_size(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= 4096:
        raise ValueError("a whole number from 1 to 4096")
    return value


def _names(value: Any) -> tuple[str, ...]:
    names = value if isinstance(value, list | tuple) else (value,)
    return tuple(_text(name) for name in names)


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
    "resample": _one_of(RESAMPLES),
    "pooling": _one_of(POOLINGS),
    "output_layout": _one_of(LAYOUTS),
    "fill": _fill,
    "text": _table,
    "runs": _one_of(RUNS),
    "batch_size": _batch_size,
    "provider": _names,
    "provider_options": _table,
}
