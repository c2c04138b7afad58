"""What lies in a model's folder, as people download it: the network, its description, and the hub's own files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lookalike.errors import ModelError
from lookalike.features.preprocess import Description, read_description
from lookalike.features.preprocessor_config import FILE, read_preprocessor_config

_SUBFOLDER = "onnx"
"""Where hubs keep the networks, beside which they keep everything else."""
_NAMES = ("vision_model.onnx", "model.onnx")


class DescribedModel(NamedTuple):
    """An ONNX file, what the user says of it, in TOML or options, and what that leaves to the hub's own file."""

    path: Path
    given: dict[str, Any]
    hub: dict[str, Any]

    def description(self) -> Description:
        """Return both as one."""
        return Description.from_options({**self.hub, **self.given}, str(self.path))


def described_model(path: Path, options: Mapping[str, Any]) -> DescribedModel:
    """Return the ONNX file that a path names, and how it is described.

    `options` go before the TOML, and that before `preprocessor_config.json`.

    Raises:
        ModelError: there is no model, or one of these does not describe it.
    """
    toml = path if path.suffix == ".toml" else None
    if path.is_dir():
        path = _model_in(path)
    described: dict[str, Any] = {}
    if toml is not None:
        described = read_description(toml)
        model = described.pop("model", None)
        if not isinstance(model, str):
            raise ModelError(f'{path}: names no model; add a line such as model = "{path.stem}.onnx"')
        path = path.parent / model
    elif path.with_suffix(".toml").is_file():
        toml = path.with_suffix(".toml")
        described = read_description(toml)
        described.pop("model", None)
    if toml is not None:
        Description.from_options(described, str(toml))
        described |= {"text": _placed(described["text"], toml.parent)} if "text" in described else {}
    Description.from_options(options, f"options of {path.name}")
    if not path.is_file():
        raise ModelError(f"{path}: there is no such model file")
    hub = hub_file(path, FILE)
    found = {} if hub is None else read_preprocessor_config(hub)
    Description.from_options(found, str(hub))
    text = options.get("text")
    placed = {"text": _placed(text, path.parent)} if isinstance(text, Mapping) else {}
    return DescribedModel(path, {**described, **options, **placed}, found)


def hub_file(model: Path, name: str) -> Path | None:
    """Return a file of that name beside a model, or one folder up where the model's is `onnx`; None without."""
    folders = [model.parent]
    if model.parent.name == _SUBFOLDER:
        folders.append(model.parent.parent)
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _placed(text: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the table `text` with its files where they are, which may be told from the folder of the TOML."""
    files = {key: str(folder / text[key]) for key in ("model", "tokenizer") if isinstance(text.get(key), str)}
    return {**text, **files}


def _model_in(folder: Path) -> Path:
    places = [folder, folder / _SUBFOLDER]
    named = (place / name for name in _NAMES for place in places)
    if (found := next((path for path in named if path.is_file()), None)) is not None:
        return found
    there = sorted(path for place in places for path in place.glob("*.onnx"))
    if len(there) != 1:
        has = ", ".join(path.name for path in there) or "no .onnx file"
        raise ModelError(f"{folder}: has {has}; name the model itself")
    return there[0]
