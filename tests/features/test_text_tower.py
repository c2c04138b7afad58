"""The tower for words: found, fed and compared with the pictures; and what it says where something is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.errors import MissingDependencyError, ModelError
from lookalike.features.base import TextExtractor
from lookalike.features.look import Look
from lookalike.features.onnx import OnnxNetwork

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("tokenizers")

from tests.features import networks
from tests.features.networks import COLOURS, SHARED, picture, unit

KINDS = [networks.clip_like, networks.siglip_like]


@pytest.mark.parametrize("make", KINDS)
def test_words_lie_where_their_pictures_do(make: Any, tmp_path: Path) -> None:
    network = OnnxNetwork(str(make(tmp_path)))
    assert isinstance(network, TextExtractor)
    assert network.takes_text
    texts = network.extract_texts([f"a {colour} SHOE" for colour in COLOURS])
    assert texts.dtype == np.float32
    pictures = network.extract([picture(colour) for colour in COLOURS])
    np.testing.assert_allclose(texts, [unit(values @ SHARED) for values in COLOURS.values()], atol=1e-6)
    assert (np.argmax(texts @ pictures.T, axis=1) == np.arange(len(COLOURS))).all()
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-6)


def test_a_text_does_not_depend_on_those_beside_it_and_may_be_long(tmp_path: Path) -> None:
    network = OnnxNetwork(str(networks.siglip_like(tmp_path)))
    both = network.extract_texts(["red", "a green shoe on grass " * 10 + "blue"])
    np.testing.assert_array_equal(both[:1], network.extract_texts(["red"]))
    np.testing.assert_allclose(
        both[1], unit(COLOURS["green"] @ SHARED), atol=1e-6
    )  # blue lies behind the limit


def test_a_tower_with_a_mask_is_filled_up_without_effect(tmp_path: Path) -> None:
    path = networks.clip_like(tmp_path)
    plain = OnnxNetwork(str(path))
    padded = OnnxNetwork(str(path), text={"length": 12})
    np.testing.assert_allclose(padded.extract_texts(["red on blue"]), plain.extract_texts(["red on blue"]))
    assert padded.model_hash == plain.model_hash


def test_a_toml_names_the_files_of_the_tower(tmp_path: Path) -> None:
    networks.siglip_like(tmp_path / "hub")
    toml = tmp_path / "net.toml"
    toml.write_text(
        'model = "hub/onnx/vision_model.onnx"\noutput = "pooler_output"\n[text]\nmodel = "hub/onnx/text_model.onnx"\n'
        'tokenizer = "words.json"\nlength = 16\n'
    )
    (tmp_path / "hub" / "tokenizer.json").rename(tmp_path / "words.json")
    network = OnnxNetwork(str(toml))
    np.testing.assert_allclose(network.extract_texts(["red"])[0], unit(COLOURS["red"] @ SHARED), atol=1e-6)


def test_networks_without_a_tower(tmp_path: Path) -> None:
    network = OnnxNetwork(str(networks.swin_like(tmp_path)))
    assert not network.takes_text
    with pytest.raises(ModelError, match=r"has no text tower; bring the text model that belongs to it"):
        network.extract_texts(["red"])
    assert not isinstance(Look(), TextExtractor)


@pytest.mark.parametrize("make", KINDS)
def test_a_tokenizer_that_is_missing_or_damaged(make: Any, tmp_path: Path) -> None:
    path = make(tmp_path)
    tokenizer = tmp_path / "tokenizer.json"
    tokenizer.write_text("{}")
    with pytest.raises(ModelError, match=r"tokenizer\.json: is not a tokenizer .*; bring the model's own$"):
        OnnxNetwork(str(path)).extract_texts(["red"])
    tokenizer.unlink()
    network = OnnxNetwork(str(path))  # pictures do without
    assert network.extract([picture("red")]).shape == (1, networks.WIDTH)
    with pytest.raises(ModelError, match=r"tokenizer\.json: there is no tokenizer for the text model; bring"):
        network.extract_texts(["red"])


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = OnnxNetwork(str(networks.clip_like(tmp_path)))
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'lookalike\[text\]'"):
        network.extract_texts(["red"])


def test_towers_that_do_not_belong_together(tmp_path: Path) -> None:
    networks.siglip_like(tmp_path)
    words = networks.text_tower("wide", masked=False)
    networks.save(
        tmp_path / "onnx" / "text_model.onnx",
        [*words, ("Concat", ["wide", "wide"], ["pooler_output"], {"axis": 1})],
        [("input_ids", "INT64", ("text_batch", 16))],
        [("pooler_output", "FLOAT", ("text_batch", 2 * networks.WIDTH)), ("every", "FLOAT", ("n", 16, 3))],
        networks.used(words),
    )
    with pytest.raises(ModelError, match=r"the text tower gives 8 numbers for a text, and the network 4"):
        OnnxNetwork(str(tmp_path)).extract_texts(["red"])
    with pytest.raises(ModelError, match=r"output 'every' gives shape \(16, 3\) and type float32 for a text"):
        OnnxNetwork(str(tmp_path), text={"output": "every"}).extract_texts(["red"])
    with pytest.raises(ModelError, match=r"length of text is 8, but the model takes only 16"):
        OnnxNetwork(str(tmp_path), text={"length": 8}).extract_texts(["red"])
    with pytest.raises(
        ModelError, match=r"vision_model\.onnx: has no input 'input_ids', so it takes no text"
    ):
        OnnxNetwork(str(tmp_path), text={"model": "vision_model.onnx"}).extract_texts(["red"])
    with pytest.raises(ModelError, match=r"none\.onnx: there is no such text model; bring it"):
        OnnxNetwork(str(tmp_path), text={"model": "none.onnx"}).extract_texts(["red"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("text = 3", r"text is 3; it must be a table"),
        ("[text]\nmodle = 'x'", r"unknown key 'modle' in text; it has model, output, tokenizer, length"),
        ("[text]\nlength = 0", r"length of text is 0; it must be a whole number from 1 to 4096"),
        ("[text]\nlength = true", r"length of text is True; it must be"),
        ("[text]\noutput = 3", r"output of text is 3; it must be a name"),
    ],
)
def test_a_table_that_makes_no_sense(text: str, message: str, tmp_path: Path) -> None:
    path = networks.clip_like(tmp_path)
    path.with_suffix(".toml").write_text(text)
    with pytest.raises(ModelError, match=message):
        OnnxNetwork(str(path))


def test_a_configuration_of_the_tokenizer_that_cannot_be_read(tmp_path: Path) -> None:
    path = networks.clip_like(tmp_path)
    config = tmp_path / "tokenizer_config.json"
    config.write_text("{")
    with pytest.raises(ModelError, match=r"tokenizer_config\.json: cannot be read"):
        OnnxNetwork(str(path)).extract_texts(["red"])
    config.write_text(json.dumps({"model_max_length": 10**30}))
    assert OnnxNetwork(str(path)).extract_texts(["red"]).shape == (1, networks.WIDTH)


def test_a_text_that_the_tokenizer_refuses(tmp_path: Path) -> None:
    network = OnnxNetwork(str(networks.clip_like(tmp_path)))
    with pytest.raises(ModelError, match=r"the tokenizer does not take .*; give other words$"):
        network.extract_texts(["red \udcff"])
