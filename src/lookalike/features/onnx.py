"""Any image network in ONNX, through ONNX Runtime (extra `onnx`)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from lookalike.arrays import Float32, Metric
from lookalike.errors import MissingDependencyError, ModelError
from lookalike.features.base import DECODED_SIDE
from lookalike.features.onnx_files import weight_files
from lookalike.features.preprocess import Description, read_description

if TYPE_CHECKING:
    import onnxruntime

_INPUT_TYPES: dict[str, type[np.floating[Any]]] = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
_DEFAULT_SIDE = 224


class OnnxNetwork:
    """A network's vectors of pictures, scaled to length one.

    Pictures go through the network one by one: on a processor a batch is no faster, and a vector then never depends
    on the pictures beside it. ONNX Runtime is given one thread, since extraction runs in parallel over processes.

    Args:
        model: path of the ONNX file, whose description is then in the TOML of the same name beside it
            (`net.toml` for `net.onnx`), if there is one; or path of a TOML that names the file as `model`, relative
            to itself or absolute.
        options: fields of `lookalike.features.preprocess.Description`, which go before those of the TOML.

    Raises:
        MissingDependencyError: ONNX Runtime is not installed.
        ModelError: the model or its description is missing, damaged, of a kind that is not handled, or gives NaN.
    """

    version = "1"
    metric: Metric = "cosine"

    def __init__(self, model: str, **options: Any) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise MissingDependencyError(
                "networks in ONNX need ONNX Runtime; pip install 'lookalike[onnx]'"
            ) from None
        self._path, description = _model_and_description(Path(model), options)
        weights = weight_files(self._path)  # before ONNX Runtime opens what the model names
        self._session = _session(onnxruntime, self._path)
        self._input_type, self._description = self._fitted(description)
        self._output = self._chosen_output()
        self._description = replace(self._description, output=self._output)
        self.model_hash = self._description.digest(self._path, *weights)
        # What the model declares may be open or wrong; one run on a picture of every brightness tells.
        ramp = np.add.outer(np.arange(256), np.arange(256)) // 2
        probe = Image.fromarray(ramp.astype(np.uint8)).convert("RGB")
        vector = self._run(probe)
        if not np.isfinite(vector).all() or not vector.any():
            raise ModelError(
                f"{self._path}: output {self._output!r} is NaN or all zero; check scale, mean and std"
            )
        self.dimension = len(vector)

    @staticmethod
    def options_from_argument(argument: str) -> Mapping[str, Any]:
        """Return the options that `--feature onnx=ARGUMENT` stands for."""
        return {"model": os.path.abspath(Path(argument).expanduser())}

    @property
    def decoded_side(self) -> int:
        """The common side, or the side that the network's input needs if that is more."""
        assert self._description.size is not None
        return max(DECODED_SIDE, *self._description.size)

    def extract(self, pictures: Sequence[Image.Image]) -> Float32:
        """Return one row a picture, shape (n, dimension), float32, of length one.

        A row for which the network gives NaN, infinity or zeros throughout is returned as it is.

        Raises:
            ModelError: the network failed.
        """
        vectors = np.empty((len(pictures), self.dimension), np.float32)
        for row, picture in enumerate(pictures):
            vector = self._run(picture)
            length = np.linalg.norm(vector)
            vectors[row] = vector / length if 0 < length < np.inf else vector
        return vectors

    def _run(self, picture: Image.Image) -> Float32:
        values = self._description.prepare(picture).astype(self._input_type, copy=False)
        try:
            (output,) = self._session.run([self._output], {self._description.input: values})
        except Exception as error:  # ONNX Runtime has a dozen kinds of its own
            raise ModelError(f"{self._path}: the network failed ({_one_line(error)})") from error
        return self._pooled(np.asarray(output))

    def _pooled(self, output: np.ndarray[Any, Any]) -> Float32:
        if (
            output.dtype.kind != "f"
            or output.ndim not in (2, 3, 4)
            or output.shape[0] != 1
            or output.size == 0
        ):
            raise ModelError(
                f"{self._path}: output {self._output!r} has shape {output.shape} and type {output.dtype} for one "
                "picture; a vector is (1, c), (1, tokens, c) or a map of 4 axes in floating point"
            )
        places: Float32 = output[0].astype(np.float32)
        if places.ndim == 3:
            places = places.reshape(len(places), -1).T if self._description.layout == "nchw" else places
            places = places.reshape(-1, places.shape[-1])
        if places.ndim == 2:
            places = places[0] if self._description.pooling == "first" else places.mean(axis=0)
        return places

    def _fitted(self, wanted: Description) -> tuple[type[np.floating[Any]], Description]:
        """Fill in what the description leaves open from what the model declares."""
        inputs = {one.name: one for one in self._session.get_inputs()}
        if len(inputs) != 1:
            raise ModelError(
                f"{self._path}: has inputs {', '.join(inputs)}; only networks of one are handled"
            )
        name = wanted.input or next(iter(inputs))
        if name not in inputs:
            raise ModelError(f"{self._path}: has no input {name!r}; it has {', '.join(inputs)}")
        declared, kind = inputs[name].shape, inputs[name].type
        if kind not in _INPUT_TYPES or len(declared) != 4:
            raise ModelError(
                f"{self._path}: input {name!r} is {kind} {declared}; it must be float with 4 axes"
            )
        if declared[0] != 1 and isinstance(declared[0], int) and declared[0] > 0:
            raise ModelError(
                f"{self._path}: takes {declared[0]} pictures at once; export it for 1 or any number"
            )
        layout = wanted.layout or ("nhwc" if declared[3] == 3 and declared[1] != 3 else "nchw")
        channel, height, width = declared[1:] if layout == "nchw" else (declared[3], *declared[1:3])
        if isinstance(channel, int) and channel != 3:
            raise ModelError(
                f"{self._path}: input {name!r} is {declared}; {layout} with 3 channels is needed"
            )
        fixed = tuple(side if isinstance(side, int) and side > 0 else None for side in (width, height))
        size = wanted.size or (fixed[0] or _DEFAULT_SIDE, fixed[1] or _DEFAULT_SIDE)
        if any(side not in (None, given) for side, given in zip(fixed, size, strict=True)):
            raise ModelError(
                f"{self._path}: size is {list(size)}, but the model takes only [{width}, {height}]"
            )
        return _INPUT_TYPES[kind], replace(wanted, input=name, layout=layout, size=size)

    def _chosen_output(self) -> str:
        outputs = [one.name for one in self._session.get_outputs()]
        name = self._description.output or outputs[0]
        if name not in outputs:
            raise ModelError(f"{self._path}: has no output {name!r}; it has {', '.join(outputs)}")
        return str(name)


def _model_and_description(path: Path, options: Mapping[str, Any]) -> tuple[Path, Description]:
    described: dict[str, Any] = {}
    if path.suffix == ".toml":
        described = read_description(path)
        model = described.pop("model", None)
        if not isinstance(model, str):
            raise ModelError(f'{path}: names no model; add a line such as model = "{path.stem}.onnx"')
        Description.from_options(described, str(path))
        path = path.parent / model
    elif path.with_suffix(".toml").is_file():
        described = read_description(path.with_suffix(".toml"))
        described.pop("model", None)
        Description.from_options(described, str(path.with_suffix(".toml")))
    if not path.is_file():
        raise ModelError(f"{path}: there is no such model file")
    return path, Description.from_options({**described, **options}, f"options of {path.name}")


def _session(onnxruntime: Any, path: Path) -> onnxruntime.InferenceSession:
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.log_severity_level = 4  # what matters is raised; the rest would go to stderr
    try:
        return onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a dozen kinds of its own
        raise ModelError(f"{path}: is not a model that ONNX Runtime loads ({_one_line(error)})") from error


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 160 else text[:157] + "..."
