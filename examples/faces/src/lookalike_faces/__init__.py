"""Faces as vectors for Lookalike: the largest face that a detector finds, by an embedder; both in ONNX."""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import onnxruntime
from PIL import Image

from lookalike.errors import ModelError
from lookalike.features.onnx import OnnxNetwork

__all__ = ["Faces"]

Floats = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]

HEIGHT, WIDTH = 240, 320
"""What a detector is given that takes any size."""


@dataclass(frozen=True)
class Description:
    """What `faces.toml` tells; see the README."""

    detector: str
    embedder: str
    mean: float = 127.0
    std: float = 128.0
    boxes: str = "boxes"
    scores: str = "scores"
    pixels: bool = False
    threshold: float = 0.7
    margin: float = 0.2

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a description. Raises ModelError."""
        try:
            told = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(f"{path} cannot be read as a description of faces: {error}") from error
        for one in fields(cls):
            if one.name in told and type(told[one.name]).__name__ != one.type:
                raise ModelError(f"{path}: {one.name} is {told[one.name]!r}; give a value of type {one.type}")
        try:
            return cls(**told)
        except TypeError as error:  # a name that is missing, or unknown
            raise ModelError(f"{path}: {str(error).partition(' ')[2]}") from error


class Faces:
    """The largest face of a picture as a vector of length one.

    Args:
        description: the path of a TOML that names a detector and an embedder.

    Raises:
        ModelError: the description or one of the networks cannot be used.
    """

    version = "1"
    metric = "cosine"
    may_find_nothing = True

    def __init__(self, description: str) -> None:
        path = Path(description)
        self._description = Description.read(path)
        self._embedder = OnnxNetwork(str(path.parent / self._description.embedder))
        self._detector = _Detector(path.parent / self._description.detector, self._description)
        told = f"{self._description}{self._detector.hash}{self._embedder.model_hash}"
        self.model_hash = hashlib.sha256(told.encode()).hexdigest()
        self.dimension = self._embedder.dimension
        self.decoded_side = max(640, self._embedder.decoded_side)  # a face is a small part of a picture

    @staticmethod
    def options_from_argument(argument: str) -> Mapping[str, Any]:
        """Return the options that `--feature faces=ARGUMENT` stands for."""
        return {"description": os.path.abspath(Path(argument).expanduser())}

    def extract(self, pictures: Sequence[Image.Image]) -> Floats:
        """Return one row a picture, shape (n, dimension); NaN for one without a face."""
        rows = np.full((len(pictures), self.dimension), np.nan, np.float32)
        faces = {
            place: picture.crop(_around(box, picture.size, self._description.margin))
            for place, picture in enumerate(pictures)
            if (box := self._detector.largest(picture)) is not None
        }
        if faces:
            rows[list(faces)] = self._embedder.extract(list(faces.values()))
        return rows


class _Detector:
    """A network that tells boxes and their scores."""

    def __init__(self, path: Path, description: Description) -> None:
        self._path, self._description = path, description
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # each worker has one of its own
        options.log_severity_level = 4
        try:
            model = path.read_bytes()
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has errors of its own
            raise ModelError(
                f"{path} cannot be loaded as a detector: {' '.join(str(error).split())}"
            ) from error
        self.hash = hashlib.sha256(model).hexdigest()
        (taken, *others), given = (
            self._session.get_inputs(),
            [one.name for one in self._session.get_outputs()],
        )
        missing = {description.boxes, description.scores} - set(given)
        if others or len(taken.shape) != 4 or missing:
            shapes = [one.shape for one in self._session.get_inputs()]
            raise ModelError(
                f"{path} takes {shapes} and gives {', '.join(given)}; a detector takes one array "
                f"(1, 3, height, width) and gives {description.boxes} and {description.scores}"
            )
        self._input = taken.name
        height, width = (
            side if isinstance(side, int) else usual
            for side, usual in zip(taken.shape[2:], (HEIGHT, WIDTH), strict=True)
        )
        self._size = width, height

    def largest(self, picture: Image.Image) -> Box | None:
        """Return the largest face as (left, top, right, bottom) in pixels of the picture, or None if there is none.

        Raises:
            ModelError: the network fails, or gives something else.
        """
        told = self._description
        pixels = np.asarray(picture.resize(self._size, Image.Resampling.BILINEAR), np.float32)
        frame = ((pixels - told.mean) / told.std).transpose(2, 0, 1)[None]
        try:
            boxes, scores = self._session.run([told.boxes, told.scores], {self._input: frame})
            boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
            scores = np.asarray(scores, np.float64).reshape(len(boxes), -1)[:, -1]
        except Exception as error:
            raise ModelError(f"{self._path} fails: {' '.join(str(error).split())}") from error
        boxes = boxes[scores >= told.threshold] / (np.tile(self._size, 2) if told.pixels else 1)
        boxes = np.clip(boxes, 0, 1) * np.tile(picture.size, 2)
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        if not len(boxes) or not areas.max() >= 1:
            return None
        left, top, right, bottom = boxes[areas.argmax()].tolist()
        return left, top, right, bottom


def _around(box: Box, size: tuple[int, int], margin: float) -> tuple[int, int, int, int]:
    """Return a square about a face with a margin, as much of it as lies in a picture of `size`."""
    left, top, right, bottom = box
    half = max(right - left, bottom - top) * (0.5 + margin)
    x, y = (left + right) / 2, (top + bottom) / 2
    return (
        max(0, round(x - half)),
        max(0, round(y - half)),
        min(size[0], max(1, round(x + half))),
        min(size[1], max(1, round(y + half))),
    )
