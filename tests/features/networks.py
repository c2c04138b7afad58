"""Tiny networks, made as exporters make the large ones; their towers know colours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from PIL import Image

Node = tuple[str, list[str], list[str], dict[str, Any]]
Declared = tuple[str, str, tuple[Any, ...]]
"""The name, type and shape of an input or output."""

HELPER = onnx.helper
WIDTH = 4
"""Numbers of a vector in the space that pictures and words share."""
COLOURS = {
    "red": (1, 0, 0),
    "green": (0, 1, 0),
    "blue": (0, 0, 1),
    "yellow": (1, 1, 0),
    "pink": (1, 0, 1),
    "white": (1, 1, 1),
}
OTHERS = ("<pad>", "<unk>", "a", "shoe", "on", "grass")
SHARED = np.linalg.qr(np.random.default_rng(7).normal(size=(WIDTH, WIDTH)))[0][:3].astype(np.float32)
"""From colours to the shared space, (3, WIDTH), whose rows are orthonormal."""
PIXELS = ("pixel_values", "FLOAT", ("image_batch", 3, 8, 8))
HALF = {"do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "do_rescale": True}


def save(
    path: Path,
    nodes: list[Node],
    inputs: list[Declared],
    outputs: list[Declared],
    constants: dict[str, npt.NDArray[Any]] | None = None,
) -> Path:
    """Save a network."""

    def declared(all_of_them: list[Declared]) -> list[Any]:
        return [
            HELPER.make_tensor_value_info(name, getattr(onnx.TensorProto, kind), shape)
            for name, kind, shape in all_of_them
        ]

    graph = HELPER.make_graph(
        [HELPER.make_node(kind, into, out, **attributes) for kind, into, out, attributes in nodes],
        "network",
        declared(inputs),
        declared(outputs),
        [onnx.numpy_helper.from_array(array, name) for name, array in (constants or {}).items()],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(HELPER.make_model(graph, opset_imports=[HELPER.make_opsetid("", 13)], ir_version=8), str(path))
    return path


def picture_tower(output: str) -> list[Node]:
    """Nodes from `pixel_values`, 0 to 1, to the mean colour in the shared space."""
    return [
        ("ReduceMean", ["pixel_values"], ["colour"], {"axes": [2, 3], "keepdims": 0}),
        ("MatMul", ["colour", "shared"], [output], {}),
    ]


def text_tower(output: str, *, masked: bool) -> list[Node]:
    """Nodes from `input_ids`, and `attention_mask` if `masked`, to the sum of the words' colours in that space."""
    nodes: list[Node] = [("Gather", ["words", "input_ids"], ["every"], {})]
    if masked:
        nodes += [
            ("Cast", ["attention_mask"], ["mask"], {"to": onnx.TensorProto.FLOAT}),
            ("Unsqueeze", ["mask", "last"], ["mask3"], {}),
            ("Mul", ["every", "mask3"], ["told"], {}),
        ]
    else:  # a place of its own for each, as a tower without a mask is trained with one length
        nodes.append(("Add", ["every", "positions"], ["told"], {}))
    return [
        *nodes,
        ("ReduceSum", ["told", "axis1"], ["sum"], {"keepdims": 0}),
        ("MatMul", ["sum", "shared"], [output], {}),
    ]


def constants(length: int = 16) -> dict[str, npt.NDArray[Any]]:
    """The weights of both towers; a text of the second kind has `length` tokens."""
    words = [(0, 0, 0)] * len(OTHERS) + list(COLOURS.values())
    return {
        "shared": SHARED,
        "words": np.array(words, dtype=np.float32),
        "positions": np.zeros((length, 3), dtype=np.float32),
        "last": np.array([2]),
        "axis1": np.array([1]),
    }


def used(nodes: list[Node], length: int = 16) -> dict[str, npt.NDArray[Any]]:
    """Those of the weights that nodes take."""
    taken = {name for _, into, _, _ in nodes for name in into}
    return {name: array for name, array in constants(length).items() if name in taken}


def clip_like(folder: Path) -> Path:
    """Both towers in one file: three inputs, four outputs, logits first; with tokenizer and processor beside it."""
    nodes = [
        *picture_tower("image_embeds"),
        *text_tower("text_embeds", masked=True),
        ("Transpose", ["text_embeds"], ["columns"], {}),
        ("MatMul", ["image_embeds", "columns"], ["logits_per_image"], {}),
        ("Transpose", ["logits_per_image"], ["logits_per_text"], {}),
    ]
    words = ("text_batch", "sequence")
    path = save(
        folder / "model.onnx",
        nodes,
        [("input_ids", "INT64", words), PIXELS, ("attention_mask", "INT64", words)],
        [
            ("logits_per_image", "FLOAT", ("image_batch", "text_batch")),
            ("logits_per_text", "FLOAT", ("text_batch", "image_batch")),
            ("text_embeds", "FLOAT", ("text_batch", WIDTH)),
            ("image_embeds", "FLOAT", ("image_batch", WIDTH)),
        ],
        used(nodes),
    )
    clip_size = {"size": {"shortest_edge": 8}, "crop_size": {"height": 8, "width": 8}, "resample": 3}
    write_config(folder, **clip_size, do_center_crop=True, do_normalize=False)
    save_tokenizer(folder)
    return path


def siglip_like(folder: Path) -> Path:
    """A folder as on a hub: networks in `onnx/`, the rest above; words without a mask, padded to 16."""
    pictures = picture_tower("pooler_output")
    tokens: list[Node] = [("Unsqueeze", ["pooler_output", "axis1"], ["last_hidden_state"], {})]
    hidden = ("last_hidden_state", "FLOAT", ("image_batch", 1, WIDTH))
    path = save(
        folder / "onnx" / "vision_model.onnx",
        [*pictures, *tokens],
        [PIXELS],
        [hidden, ("pooler_output", "FLOAT", ("image_batch", WIDTH))],
        used([*pictures, *tokens]),
    )
    words = text_tower("pooler_output", masked=False)
    save(
        folder / "onnx" / "text_model.onnx",
        words,
        [("input_ids", "INT64", ("text_batch", "sequence"))],
        [("pooler_output", "FLOAT", ("text_batch", WIDTH))],
        used(words),
    )
    write_config(folder, size={"height": 8, "width": 8}, resample=3, do_normalize=False)
    save_tokenizer(folder)
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 16, "pad_token": "<pad>"}))
    return path


def dinov2_like(folder: Path, *, batch: int | str = "n", kind: str = "FLOAT") -> Path:
    """Tokens of patches behind a class token, which is the middle of the picture's colours; (n, 1 + 4, 3)."""
    path = save(
        folder / "dinov2.onnx",
        [
            ("AveragePool", ["pixel_values"], ["patches"], {"kernel_shape": [4, 4], "strides": [4, 4]}),
            ("Reshape", ["patches", "flat"], ["columns"], {}),
            ("Transpose", ["columns"], ["rows"], {"perm": [0, 2, 1]}),
            ("ReduceMean", ["rows"], ["class"], {"axes": [1], "keepdims": 1}),
            ("Concat", ["class", "rows"], ["last_hidden_state"], {"axis": 1}),
        ],
        [("pixel_values", kind, (batch, 3, 8, 8))],
        [("last_hidden_state", kind, (batch, 5, 3))],
        {"flat": np.array([0, 3, -1])},
    )
    sizes = {"size": {"shortest_edge": 10}, "crop_size": {"height": 8, "width": 8}, "resample": 3}
    write_config(folder, **sizes, do_center_crop=True, **HALF)
    return path


def swin_like(folder: Path) -> Path:
    """Channels first go in, and a map with channels last comes out."""
    weights = np.random.default_rng(0).normal(size=(6, 3, 4, 4)).astype(np.float32)
    return save(
        folder / "swin.onnx",
        [
            ("Conv", ["pixel_values", "patches"], ["map"], {"strides": [4, 4]}),
            ("Transpose", ["map"], ["last"], {"perm": [0, 2, 3, 1]}),
        ],
        [PIXELS],
        [("last", "FLOAT", ("image_batch", 2, 2, 6))],
        {"patches": weights},
    )


def write_config(folder: Path, **fields: Any) -> None:
    """Write `preprocessor_config.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "preprocessor_config.json").write_text(json.dumps(fields))


def save_tokenizer(folder: Path) -> None:
    """Write a `tokenizer.json` of whole words, in lower case."""
    import tokenizers

    vocabulary = {word: number for number, word in enumerate((*OTHERS, *COLOURS))}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = tokenizers.normalizers.Lowercase()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))


def picture(colour: str, side: int = 32) -> Image.Image:
    """A picture of one colour, in which noise is no more than a tenth."""
    middle = np.array(COLOURS[colour]) * 230 + 12
    noise = np.random.default_rng(len(colour)).integers(-12, 13, (side, side, 3))
    return Image.fromarray(np.clip(middle + noise, 0, 255).astype(np.uint8))


def unit(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The values as one vector of length one."""
    array = np.asarray(values, dtype=np.float64).ravel()
    return array / np.linalg.norm(array)
