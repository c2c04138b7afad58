"""`preprocessor_config.json`, in which a hub's models say how they want their pictures, as a network's description.

Its fields are those of the image processors of Hugging Face's `transformers`. What they would do and Lookalike does
not, such as padding, is refused and not passed over. One deviation: where a processor squashes the picture to a square
and then takes its middle (DeiT's), the middle is taken in the picture's own proportions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from lookalike.errors import ModelError

FILE = "preprocessor_config.json"


def read_preprocessor_config(file: Path) -> dict[str, Any]:
    """Return the options of `lookalike.features.preprocess.Description` that a file stands for.

    Raises:
        ModelError: it cannot be read, or describes what is not handled.
    """
    try:
        config = json.loads(file.read_bytes())
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{file}: is not JSON ({' '.join(str(error).split())})") from None
    if not isinstance(config, Mapping):
        raise ModelError(f"{file}: is not a table of fields; bring the model's own file, or remove it")
    try:
        return _framing(config) | _values(config)
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise ModelError(
            f"{file}: is not understood ({' '.join(str(error).split())}); remove it, and describe the network in TOML"
        ) from None


def _values(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a pixel becomes a value. Raises ValueError for what is not handled."""
    if config.get("rescale_offset") or config.get("include_top"):  # EfficientNet's
        raise ValueError("values are moved, or normalised twice")
    flips = bool(config.get("do_flip_channel_order"))  # MobileViT's, which normalises nothing
    values: dict[str, Any] = {"channels": "bgr"} if flips else {}
    values["scale"] = config.get("rescale_factor", 1 / 255) if config.get("do_rescale", True) else 1.0
    if not config.get("do_normalize", not flips or "image_mean" in config):
        return values | {"mean": 0.0, "std": 1.0}
    for ours, theirs in (("mean", "image_mean"), ("std", "image_std")):
        if config.get(theirs) is not None:
            values[ours] = config[theirs]
    return values


def _framing(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return which part of a picture is taken, and how it is resized."""
    if config.get("do_pad") or config.get("do_image_splitting"):
        raise ValueError("pictures are padded or split")
    options: dict[str, Any] = {}
    resample = config.get("resample")
    if resample is not None:
        options["resample"] = Image.Resampling(resample).name.lower()
    given, crop = config.get("size"), config.get("crop_size")
    short = _shorter(given)
    if short is None and isinstance(given, int) and "crop_pct" in config:  # as ConvNeXT's was written once
        short = given
    if config.get("do_center_crop", crop is not None and short is not None) and crop is not None:
        size = _sides(crop)
        if short is None:
            short = min(_sides(given)) if given is not None else min(size)
        if min(size) > short:
            raise ValueError(f"crop_size {min(size)} is more than size {short}")
        return options | {"size": list(size), "resize": "crop", "keep": min(size) / short}
    if short is None:
        return options | ({} if given is None else {"size": list(_sides(given)), "resize": "squash"})
    share = config.get("crop_pct")  # of ConvNeXT's processor, which crops below 384 pixels only
    if share is not None and short >= 384:
        return options | {"size": [short, short], "resize": "squash"}
    return options | {"size": [short, short], "resize": "crop", "keep": 1.0 if share is None else share}


def _shorter(size: Any) -> int | None:
    """Return the length that the shorter side is brought to, if that is what a size says."""
    if isinstance(size, Mapping) and "shortest_edge" in size:
        if "longest_edge" in size:
            raise ValueError("size has a longest_edge")
        return int(size["shortest_edge"])
    return None


def _sides(size: Any) -> tuple[int, int]:
    if isinstance(size, Mapping):
        return int(size["width"]), int(size["height"])
    return int(size), int(size)
