"""Any image network in ONNX, through ONNX Runtime (extra `onnx`)."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lookalike.arguments import usable_cores
from lookalike.arrays import Float32, Metric
from lookalike.errors import ModelError
from lookalike.features.base import DECODED_SIDE
from lookalike.features.framing import Framing, UInt8
from lookalike.features.model_folder import DescribedModel, described_model
from lookalike.features.onnx_files import weight_files
from lookalike.features.onnx_session import CPU, Input, OnnxSession, known_providers, onnx_runtime
from lookalike.features.preprocess import Description
from lookalike.features.text_tower import TOKENS, TextDescription, TextTower, text_model

LARGE = 64 << 20
"""Bytes of weights from which on a network runs in one place, as every worker would hold them."""
_DEFAULT_SIDE = 224
_POOLED = "pooler_output"
"""What exporters call a picture's vector where its space needs no further projection, as in SigLIP."""
_PICTURES = "pixel_values"
_SHARED = "image_embeds"
"""What exporters call the picture's vector in the space that it shares with words."""


class OnnxNetwork:
    """A network's vectors of pictures, scaled to length one.

    In worker processes, each of which then has the network and one thread for it, pictures go through one by one, or as
    many at once as it declares: a vector then never depends on the pictures beside it. A network that runs "here", with
    all cores or an accelerator, takes batches, in which vectors may differ by rounding.

    Args:
        model: path of the ONNX file, whose description is then in the TOML of the same name beside it
            (`net.toml` for `net.onnx`), if there is one; or path of a TOML that names the file as `model`, relative
            to itself or absolute; or path of a folder with one model. What the TOML leaves open is taken from
            `preprocessor_config.json` beside the model, or one folder up where the model's is called `onnx`.
        options: fields of `lookalike.features.preprocess.Description`, which go before those of the TOML.

    Raises:
        MissingDependencyError: ONNX Runtime is not installed.
        ModelError: the model or its description is missing, damaged, of a kind that is not handled, or gives NaN.
    """

    version = "1"
    metric: Metric = "cosine"

    def __init__(self, model: str, **options: Any) -> None:
        onnx_runtime()
        described = described_model(Path(model), options)
        self._path = described.path
        weights = weight_files(self._path)  # before ONNX Runtime opens what the model names
        asked = described.description()
        size = sum(file.stat().st_size for file in (self._path, *weights))
        is_large = size >= LARGE or known_providers(asked.provider)[0] != CPU
        self.runs = asked.runs or ("here" if is_large else "workers")
        self._session = self._opened(self._path, asked)
        self._input, self._description = self._fitted(described)
        self._text = TextDescription.from_options(self._description.text, str(self._path))
        self._description = replace(self._description, output=self._chosen_output())
        # What the model declares may be open or wrong; one run on a picture of every brightness tells.
        ramp = np.add.outer(np.arange(256), np.arange(256)) // 2
        frame = self._description.framing.frame(Image.fromarray(ramp.astype(np.uint8)).convert("RGB"))
        output = self._output(frame[np.newaxis])
        self._description = replace(self._description, output_layout=self._channels_of(output))
        self.model_hash = self._description.digest(self._path, *weights)
        (vector,) = self._pooled(output)
        if not np.isfinite(vector).all() or not vector.any():
            raise ModelError(
                f"{self._path}: output {self._description.output!r} is NaN or all zero; check scale, mean and std"
            )
        self.dimension = len(vector)
        self.batch_size = self._usual_batch(frame)
        self._tower: TextTower | None = None
        self._opening = threading.Lock()

    def _opened(self, path: Path, asked: Description) -> OnnxSession:
        return OnnxSession(
            path,
            threads=usable_cores() if self.runs == "here" else 1,
            provider=asked.provider,
            options=asked.provider_options,
        )

    @staticmethod
    def options_from_argument(argument: str) -> Mapping[str, Any]:
        """Return the options that `--feature onnx=ARGUMENT` stands for."""
        return {"model": os.path.abspath(Path(argument).expanduser())}

    @property
    def decoded_side(self) -> int:
        """The common side, or the side that the network's input needs if that is more."""
        return max(DECODED_SIDE, *self._description.framing.size)

    def extract(self, pictures: Sequence[Image.Image]) -> Float32:
        """Return one row a picture, shape (n, dimension), float32, of length one.

        A row for which the network gives NaN, infinity or zeros throughout is returned as it is.

        Raises:
            ModelError: the network failed.
        """
        vectors = np.empty((len(pictures), self.dimension), np.float32)
        for start in range(0, len(pictures), self.batch_size):
            frames = [self.framing.frame(one) for one in pictures[start : start + self.batch_size]]
            vectors[start : start + self.batch_size] = self.extract_frames(np.stack(frames))
        return vectors

    def extract_frames(self, frames: UInt8) -> Float32:
        """Return one row a frame, shape (n, dimension), float32, as `extract` does.

        Args:
            frames: what `framing` makes of pictures, uint8 (n, height, width, 3) in RGB.

        Raises:
            ModelError: the network failed.
        """
        return unit(self._pooled(self._output(frames)))

    @property
    def framing(self) -> Framing:
        """How a picture becomes the network's pixels."""
        return self._description.framing

    def _usual_batch(self, frame: UInt8) -> int:
        """Return how many pictures go in at once: what the network declares, or takes of what was asked for."""
        if self._input.batch or self.runs != "here":
            return self._input.batch or 1
        try:
            two = self._pooled(self._output(np.stack([frame, frame])))
        except ModelError:  # it says any number, and means one
            return 1
        return self._description.batch_size if two.shape == (2, self.dimension) else 1

    @property
    def takes_text(self) -> bool:
        """Whether the network has a second tower, for words; whether its tokenizer is there is not looked at."""
        return text_model(self._session, self._text) is not None

    def extract_texts(self, texts: Sequence[str]) -> Float32:
        """Return one row a text, shape (n, dimension), float32, of length one, in the space of the pictures.

        The tower is opened when it is first needed.

        Raises:
            MissingDependencyError: the package `tokenizers` is not installed.
            ModelError: there is no tower, its tokenizer is missing, or it fails or gives another kind of vector.
        """
        with self._opening:
            if self._tower is None:
                self._tower = TextTower(
                    self._session, self._text, partial(self._opened, asked=self._description)
                )
        vectors = self._tower.extract(texts)
        if (
            vectors.shape[1] != self.dimension
            or not np.isfinite(vectors).all()
            or not vectors.any(axis=1).all()
        ):
            raise ModelError(
                f"{self._path}: the text tower gives {vectors.shape[1]} numbers for a text, and the network "
                f"{self.dimension} for a picture, or NaN or zeros; check which outputs belong together"
            )
        return unit(vectors)

    def _output(self, frames: UInt8) -> npt.NDArray[Any]:
        assert self._description.output is not None and self._input.dtype is not None
        if self._input.dtype is np.uint8:
            values: npt.NDArray[Any] = self._description.pixels(frames)
        else:
            values = self._description.normalized(frames).astype(self._input.dtype, copy=False)
        return self._session.run(self._description.output, {self._input.name: values}, self._description.fill)

    def _channels_of(self, output: npt.NDArray[Any]) -> str | None:
        """Return where the channels of a map are; None for the input's own layout, and for what is no map."""
        described = self._description
        if output.ndim != 4 or described.output_layout is not None:
            return described.output_layout if described.output_layout != described.layout else None
        width, height = described.framing.size
        fits = {
            layout: rows * width == columns * height
            for layout, rows, columns in (("nchw", *output.shape[2:]), ("nhwc", *output.shape[1:3]))
        }
        other = "nhwc" if described.layout == "nchw" else "nchw"
        return other if fits[other] and not fits[str(described.layout)] else None

    def _pooled(self, output: npt.NDArray[Any]) -> Float32:
        """Return vectors (n, c) of an output: themselves, of tokens (n, t, c), or of maps."""
        is_number = output.dtype.kind == "f" or (output.dtype.itemsize == 1 and output.dtype.kind in "iu")
        if not is_number or output.ndim not in (2, 3, 4) or 0 in output.shape:
            raise ModelError(
                f"{self._path}: output {self._description.output!r} gives shape {output.shape[1:]} and type "
                f"{output.dtype} for a picture; a vector is (c,), (tokens, c) or a map of 3 axes, in floating point or "
                f"bytes; name another output of {', '.join(self._session.outputs)}"
            )
        places: Float32 = output.astype(np.float32)
        if places.ndim == 4:
            if (self._description.output_layout or self._description.layout) == "nchw":
                places = places.transpose(0, 2, 3, 1)
            places = places.reshape(len(places), -1, places.shape[-1])
        if places.ndim == 3:
            places = places[:, 0] if self._description.pooling == "first" else places.mean(axis=1)
        return places

    def _fitted(self, described: DescribedModel) -> tuple[Input, Description]:
        """Fill in what the description leaves open from what the model declares."""
        wanted = described.description()
        one = self._chosen_input(wanted.input)
        for name in wanted.fill:
            if name not in self._session.inputs or name == one.name:
                others = ", ".join(other for other in self._session.inputs if other != one.name) or "no other"
                raise ModelError(
                    f"{self._path}: fill names the input {name!r}; beside the picture it has {others}"
                )
        if one.dtype is np.uint8 and (given := {"scale", "mean", "std"} & described.given.keys()):
            raise ModelError(
                f"{self._path}: input {one.name!r} takes pixels as they are, in bytes; leave out "
                + ", ".join(sorted(given))
            )
        declared = one.shape
        layout = wanted.layout or ("nhwc" if declared[3] == 3 and declared[1] != 3 else "nchw")
        channel, height, width = declared[1:] if layout == "nchw" else (declared[3], *declared[1:3])
        if isinstance(channel, int) and channel != 3:
            raise ModelError(
                f"{self._path}: input {one.name!r} is {list(declared)}; {layout} with 3 channels is needed"
            )
        fixed = tuple(side if isinstance(side, int) and side > 0 else None for side in (width, height))
        open_size = (
            "size" not in described.given and None not in fixed
        )  # the hub's may be that of another export
        size = None if open_size else wanted.size
        size = size or (fixed[0] or _DEFAULT_SIDE, fixed[1] or _DEFAULT_SIDE)
        if any(side not in (None, given) for side, given in zip(fixed, size, strict=True)):
            raise ModelError(
                f"{self._path}: size is {list(size)}, but the model takes only [{width}, {height}]"
            )
        return one, replace(wanted, input=one.name, layout=layout, size=size)

    def _chosen_input(self, name: str | None) -> Input:
        inputs = self._session.inputs
        usable = [one for one in inputs.values() if len(one.shape) == 4 and _takes_pictures(one)]
        if name is None:
            if len(usable) > 1:
                usable = [one for one in usable if one.name == _PICTURES] or usable
            if len(usable) > 1:
                raise ModelError(
                    f"{self._path}: has inputs {', '.join(one.name for one in usable)}, each of which could be the "
                    'picture; say which, as in input = "' + usable[0].name + '"'
                )
            name = usable[0].name if usable else next(iter(inputs), "")
        if name not in inputs:
            raise ModelError(f"{self._path}: has no input {name!r}; it has {', '.join(inputs) or 'none'}")
        if inputs[name] not in usable and not any(one.name == name for one in usable):
            raise ModelError(
                f"{self._path}: input {name!r} is {inputs[name]}; it must be floating point or uint8, with 4 axes"
            )
        return inputs[name]

    def _chosen_output(self) -> str:
        outputs = self._session.outputs
        name = self._description.output
        if name is None:
            beside = self.takes_text and TOKENS not in self._session.inputs
            likely = [_SHARED, _POOLED] if beside else [_SHARED]
            name = next((one for one in likely if one in outputs), outputs[0])
        if name not in outputs:
            raise ModelError(f"{self._path}: has no output {name!r}; it has {', '.join(outputs)}")
        return name


def unit(vectors: Float32) -> Float32:
    """Return rows scaled to length one; those of no length, or an infinite one, as they are."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scalable = (lengths > 0) & (lengths < np.inf)
    scaled: Float32 = np.divide(vectors, lengths, out=vectors.copy(), where=scalable)
    return scaled


def _takes_pictures(one: Input) -> bool:
    return one.dtype is np.uint8 or (one.dtype is not None and issubclass(one.dtype, np.floating))
