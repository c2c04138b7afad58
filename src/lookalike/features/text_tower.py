"""The second tower of a network, which brings words into the space of its pictures (CLIP, SigLIP).

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (ICML 2021); Zhai et al.,
"Sigmoid Loss for Language Image Pre-Training" (ICCV 2023).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32
from lookalike.errors import MissingDependencyError, ModelError
from lookalike.features.model_folder import hub_file
from lookalike.features.onnx_session import OnnxSession, one_line

TOKENS = "input_ids"
TOKENIZER = "tokenizer.json"
_MASK = "attention_mask"
_OUTPUTS = ("text_embeds", "pooler_output")
_LONGEST = 4096
"""A tokenizer's own limit above this stands for none."""


@dataclass(frozen=True, slots=True)
class TextDescription:
    """The table `text` of a network's description; what is left out is found beside the model.

    Attributes:
        model: file of the text model; by default the picture's own, where it has an input `input_ids`, or
            `text_model.onnx` beside `vision_model.onnx`.
        output: name of its output; by default `text_embeds`, `pooler_output`, or the only one.
        tokenizer: file of the tokenizer, in the format of the `tokenizers` package; by default `tokenizer.json` beside
            the model, or one folder up where the model's is called `onnx`.
        length: tokens that every text is cut and filled up to; by default what the model declares, the tokenizer's own
            filling, or, for a model without `attention_mask`, the limit in `tokenizer_config.json`.
    """

    model: str | None = None
    output: str | None = None
    tokenizer: str | None = None
    length: int | None = None

    @classmethod
    def from_options(cls, options: Mapping[str, Any], name: str) -> Self:
        """Check options that came from TOML or JSON. Raises ModelError, which calls their source `name`."""
        known = [field.name for field in fields(cls)]
        for key, value in options.items():
            if key not in known:
                raise ModelError(f"{name}: unknown key {key!r} in text; it has {', '.join(known)}")
            is_right = (
                type(value) is int and 1 <= value <= _LONGEST if key == "length" else isinstance(value, str)
            )
            if not is_right or not value:
                wanted = f"a whole number from 1 to {_LONGEST}" if key == "length" else "a name"
                raise ModelError(f"{name}: {key} of text is {value!r}; it must be {wanted}")
        return cls(**options)


class TextTower:
    """Vectors of texts, of length one; safe for threads.

    Args:
        pictures: the network of the pictures, which may be of both towers.
        described: what the user says of the tower.
        open_model: opens another ONNX file.

    Raises:
        MissingDependencyError: the package `tokenizers` is not installed.
        ModelError: the model or its tokenizer is missing, or takes or gives something else.
    """

    def __init__(
        self, pictures: OnnxSession, described: TextDescription, open_model: Callable[[Path], OnnxSession]
    ) -> None:
        path = text_model(pictures, described)
        if path is None:
            raise ModelError(
                f"{pictures.path}: has no text tower; bring the text model that belongs to it, and name it in the "
                "network's TOML, under [text], as model"
            )
        if not path.is_file():
            raise ModelError(f"{path}: there is no such text model; bring it, or name another under [text]")
        self._session = pictures if path == pictures.path else open_model(path)
        if TOKENS not in self._session.inputs:
            raise ModelError(
                f"{path}: has no input {TOKENS!r}, so it takes no text; it has {', '.join(self._session.inputs)}"
            )
        self._output = self._chosen_output(described.output)
        place = Path(described.tokenizer) if described.tokenizer else hub_file(path, TOKENIZER)
        if place is None or not place.is_file():
            raise ModelError(
                f"{place or path.parent / TOKENIZER}: there is no tokenizer for the text model; bring the model's "
                f"{TOKENIZER} and put it there"
            )
        self._tokenizer = _tokenizer(place, self._length(described, place))

    def extract(self, texts: Sequence[str]) -> Float32:
        """Return one row a text, shape (n, dimension), float32. Raises ModelError."""
        return np.concatenate([self._extract(text) for text in texts])

    def _extract(self, text: str) -> Float32:
        try:
            encoded = self._tokenizer.encode(text)
        except Exception as error:  # it raises no kind of its own
            raise ModelError(
                f"{self._session.path}: the tokenizer does not take {text!r} ({one_line(error)}); give other words"
            ) from None
        values = {
            TOKENS: encoded.ids,
            _MASK: encoded.attention_mask,
            "token_type_ids": encoded.type_ids,
            "position_ids": range(len(encoded.ids)),
        }
        if not encoded.ids:
            raise ModelError(
                f"{self._session.path}: the tokenizer makes no token of {text!r}; give other words"
            )
        inputs = self._session.inputs
        rows: dict[str, npt.NDArray[Any]] = {
            name: np.array([row], dtype=inputs[name].dtype) for name, row in values.items() if name in inputs
        }
        output = self._session.run(self._output, rows)
        if output.ndim != 2 or output.dtype.kind != "f":
            raise ModelError(
                f"{self._session.path}: output {self._output!r} gives shape {output.shape[1:]} and type {output.dtype} "
                "for a text; a vector is (c,) in floating point; name another output under [text]"
            )
        return output.astype(np.float32)

    def _chosen_output(self, wanted: str | None) -> str:
        there = self._session.outputs
        found = [wanted] if wanted else [name for name in _OUTPUTS if name in there] or there[:1]
        if found[0] not in there:
            raise ModelError(f"{self._session.path}: has no output {wanted!r}; it has {', '.join(there)}")
        return found[0]

    def _length(self, described: TextDescription, tokenizer: Path) -> tuple[int | None, bool]:
        """Return the most tokens, and whether shorter texts are filled up to it."""
        declared = self._session.inputs[TOKENS].length(-1)
        if described.length and declared and described.length != declared:
            raise ModelError(
                f"{self._session.path}: length of text is {described.length}, but the model takes only {declared}"
            )
        if length := declared or described.length:
            return length, True
        limit = _config_beside(tokenizer).get("model_max_length")
        usable = isinstance(limit, int) and not isinstance(limit, bool) and 1 <= limit <= _LONGEST
        return (limit if usable else None), usable and _MASK not in self._session.inputs


def text_model(pictures: OnnxSession, described: TextDescription) -> Path | None:
    """Return the file of the tower that belongs to a network; None where there is none."""
    if described.model is not None:
        return Path(described.model)
    if TOKENS in pictures.inputs:
        return pictures.path
    beside = pictures.path.with_name(pictures.path.name.replace("vision_model", "text_model"))
    return beside if beside != pictures.path and beside.is_file() else None


def _tokenizer(file: Path, length: tuple[int | None, bool]) -> Any:
    try:
        import tokenizers
    except ImportError:
        raise MissingDependencyError(
            "words for a network need the package tokenizers; pip install 'lookalike[text]'"
        ) from None
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(file))
    except Exception as error:  # it raises no kind of its own
        raise ModelError(f"{file}: is not a tokenizer ({one_line(error)}); bring the model's own") from None
    most, fills = length
    if most is not None:
        tokenizer.enable_truncation(most)
    if fills:
        own = dict(tokenizer.padding or {})
        token = str(own.get("pad_token") or _pad_token(file))
        number = own.get("pad_id", tokenizer.token_to_id(token))
        tokenizer.enable_padding(length=most, pad_id=number or 0, pad_token=token)
    return tokenizer


def _pad_token(tokenizer: Path) -> str:
    token = _config_beside(tokenizer).get("pad_token")
    return str(token.get("content") if isinstance(token, Mapping) else token or "<pad>")


def _config_beside(tokenizer: Path) -> Mapping[str, Any]:
    """Return what `tokenizer_config.json` says; nothing where there is none, since it says no more than defaults."""
    file = tokenizer.with_name("tokenizer_config.json")
    try:
        config = json.loads(file.read_bytes()) if file.is_file() else {}
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{file}: cannot be read ({one_line(error)}); bring it anew, or remove it") from None
    return config if isinstance(config, Mapping) else {}
