"""Networks in ONNX, made here: what goes in, what comes out, how it is described, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from lookalike.errors import MissingDependencyError, ModelError
from lookalike.features.base import DECODED_SIDE
from lookalike.features.onnx import OnnxNetwork

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

RAW = {"scale": 1.0, "mean": 0, "std": 1, "resize": "squash"}  # the pixels as they are


def save_network(
    path: Path,
    *nodes: tuple[str, list[str], list[str], dict[str, Any]],
    shape: tuple[Any, ...] = ("n", 3, 8, 8),
    outputs: tuple[str, ...] = ("y",),
    inputs: tuple[str, ...] = ("x",),
    constants: dict[str, npt.NDArray[Any]] | None = None,
    kind: str = "FLOAT",
) -> Path:
    """Save a network of (operator, inputs, outputs, attributes)."""
    helper, types = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        [helper.make_node(operator, ins, outs, **attributes) for operator, ins, outs, attributes in nodes],
        "network",
        [helper.make_tensor_value_info(name, getattr(types, kind), shape) for name in inputs],
        [helper.make_tensor_value_info(name, getattr(types, kind), None) for name in outputs],
        [onnx.numpy_helper.from_array(array, name) for name, array in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path


def flat(path: Path, **options: Any) -> Path:
    """A network whose vector is its input, flattened."""
    return save_network(path, ("Flatten", ["x"], ["y"], {}), **options)


def noise(width: int = 8, height: int = 8, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def unit(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64).ravel()
    return array / np.linalg.norm(array)


def only(network: OnnxNetwork, picture: Image.Image) -> npt.NDArray[np.float32]:
    return network.extract([picture])[0, :]


def test_the_formula_and_defaults_are_those_of_torchvision(tmp_path: Path) -> None:
    network = OnnxNetwork(str(flat(tmp_path / "net.onnx")), keep=1.0)
    picture = noise()
    expected = (np.asarray(picture) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(only(network, picture), unit(expected.transpose(2, 0, 1)), atol=1e-6)
    assert (network.dimension, network.metric, network.decoded_side) == (192, "cosine", DECODED_SIDE)


def test_scale_mean_std_and_channel_order(tmp_path: Path) -> None:
    path = flat(tmp_path / "net.onnx")
    picture = noise()
    network = OnnxNetwork(str(path), scale=0.5, mean=[1, 2, 3], std=4, channels="bgr", keep=1.0)
    expected = (np.asarray(picture)[..., ::-1] * 0.5 - [1, 2, 3]) / 4
    np.testing.assert_allclose(only(network, picture), unit(expected.transpose(2, 0, 1)), atol=1e-6)


@pytest.mark.parametrize("shape", [("n", 8, 8, 3), (1, "h", "w", 3), (1, 8, 8, 3)])
def test_layout_is_told_by_where_the_channels_are(shape: tuple[Any, ...], tmp_path: Path) -> None:
    network = OnnxNetwork(str(flat(tmp_path / "net.onnx", shape=shape)), size=8, **RAW)
    np.testing.assert_allclose(only(network, noise()), unit(np.asarray(noise())), atol=1e-6)


def test_open_sizes_default_to_224_and_may_be_set(tmp_path: Path) -> None:
    path = str(flat(tmp_path / "net.onnx", shape=("n", 3, "h", "w")))
    assert OnnxNetwork(path).dimension == 3 * 224 * 224
    assert OnnxNetwork(path, size=[10, 20]).dimension == 3 * 200
    assert OnnxNetwork(path, size=600).decoded_side == 600


def test_resizing(tmp_path: Path) -> None:
    path = str(flat(tmp_path / "net.onnx", shape=(1, 8, 8, 3)))
    halves = Image.new("RGB", (32, 16), "black")
    halves.paste((255, 255, 255), (16, 0, 32, 16))

    def row(**options: Any) -> npt.NDArray[np.float32]:
        vector = only(OnnxNetwork(path, **{**RAW, **options}), halves).reshape(8, 8, 3)
        whole: npt.NDArray[np.float32] = np.rint(vector / vector.max() * 255)
        return whole

    # squash: all of the picture; crop: its middle; pad: grey above and below.
    np.testing.assert_array_equal(row(resize="squash")[4, [0, 1, 6, 7], 0], [0, 0, 255, 255])
    np.testing.assert_array_equal(row(resize="squash")[0], row(resize="squash")[7])
    np.testing.assert_array_equal(row(resize="crop", keep=1.0)[0, [0, 2, 5, 7], 0], [0, 0, 255, 255])
    padded = row(resize="pad")
    np.testing.assert_array_equal(padded[[0, 1, 6, 7]], np.full((4, 8, 3), 128))
    np.testing.assert_array_equal(padded[3, [0, 7], 0], [0, 255])
    edge = Image.new("RGB", (16, 16), "white")
    edge.paste((0, 0, 0), (2, 2, 14, 14))
    edge.putpixel((8, 8), (255, 255, 255))
    assert (
        only(OnnxNetwork(path, **{**RAW, "resize": "crop", "keep": 0.5}), edge).reshape(8, 8, 3)[0].max() == 0
    )
    assert (
        only(OnnxNetwork(path, **{**RAW, "resize": "crop", "keep": 1.0}), edge).reshape(8, 8, 3)[0].max() > 0
    )


def test_maps_and_tokens_are_pooled(tmp_path: Path) -> None:
    picture = noise()
    means = np.asarray(picture).mean(axis=(0, 1))
    same = save_network(tmp_path / "map.onnx", ("Identity", ["x"], ["y"], {}))
    np.testing.assert_allclose(only(OnnxNetwork(str(same), **RAW), picture), unit(means), atol=1e-6)
    nhwc = save_network(tmp_path / "nhwc.onnx", ("Identity", ["x"], ["y"], {}), shape=(1, 8, 8, 3))
    np.testing.assert_allclose(only(OnnxNetwork(str(nhwc), **RAW), picture), unit(means), atol=1e-6)
    tokens = save_network(
        tmp_path / "tokens.onnx",
        ("Reshape", ["x", "shape"], ["y"], {}),
        shape=(1, 8, 8, 3),
        constants={"shape": np.array([1, 64, 3])},
    )
    np.testing.assert_allclose(only(OnnxNetwork(str(tokens), **RAW), picture), unit(means), atol=1e-6)
    first = OnnxNetwork(str(tokens), **RAW, pooling="first")
    np.testing.assert_allclose(only(first, picture), unit(np.asarray(picture)[0, 0]), atol=1e-6)


def test_the_output_is_the_first_or_the_named_one(tmp_path: Path) -> None:
    path = save_network(
        tmp_path / "net.onnx",
        ("GlobalAveragePool", ["x"], ["pooled"], {}),
        ("Flatten", ["pooled"], ["features"], {}),
        ("Flatten", ["x"], ["all"], {}),
        outputs=("features", "all"),
    )
    assert OnnxNetwork(str(path)).dimension == 3
    assert OnnxNetwork(str(path), output="all").dimension == 192
    with pytest.raises(ModelError, match=r"has no output 'logits'; it has features, all$"):
        OnnxNetwork(str(path), output="logits")


def test_half_precision_networks(tmp_path: Path) -> None:
    path = flat(tmp_path / "half.onnx", kind="FLOAT16")
    vector = only(OnnxNetwork(str(path), **RAW), noise())
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, unit(np.asarray(noise()).transpose(2, 0, 1)), atol=1e-3)


def test_a_vector_does_not_depend_on_its_batch(tmp_path: Path) -> None:
    network = OnnxNetwork(str(flat(tmp_path / "net.onnx", shape=(1, 3, 8, 8))))
    pictures = [noise(30, 20, seed) for seed in range(5)]
    together = network.extract(pictures)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    for row, picture in zip(together, pictures, strict=True):
        np.testing.assert_array_equal(row, only(network, picture))
    assert network.extract([]).shape == (0, 192)


def test_the_description_beside_the_model_and_the_one_that_names_it(tmp_path: Path) -> None:
    flat(tmp_path / "net.onnx")
    plain = OnnxNetwork(str(tmp_path / "net.onnx"))
    (tmp_path / "net.toml").write_text("scale = 1\nmean = 0\nstd = [1, 1, 1]\nkeep = 1\n")
    beside = OnnxNetwork(str(tmp_path / "net.onnx"))
    np.testing.assert_allclose(only(beside, noise()), unit(np.asarray(noise()).transpose(2, 0, 1)), atol=1e-6)
    (tmp_path / "other").mkdir()
    for model in ("../net.onnx", str(tmp_path / "net.onnx")):
        naming = tmp_path / "other" / "raw.toml"
        naming.write_text(f"model = {model!r}\nscale = 1\nmean = 0\nstd = [1, 1, 1]\nkeep = 1\n")
        named = OnnxNetwork(str(naming))
        assert named.model_hash == beside.model_hash != plain.model_hash
        np.testing.assert_array_equal(only(named, noise()), only(beside, noise()))
    assert OnnxNetwork(str(tmp_path / "net.onnx"), scale=2.0).model_hash != beside.model_hash


def test_the_hash_covers_model_weights_beside_it_and_what_is_resolved(tmp_path: Path) -> None:
    path = flat(tmp_path / "a.onnx")
    one = OnnxNetwork(str(path)).model_hash
    assert len(one) == 64
    assert OnnxNetwork(str(path), size=8, layout="nchw", output="y", input="x").model_hash == one
    path.rename(tmp_path / "b.onnx")
    assert OnnxNetwork(str(tmp_path / "b.onnx")).model_hash == one
    (tmp_path / "b.onnx.data").write_bytes(b"weights")
    assert OnnxNetwork(str(tmp_path / "b.onnx")).model_hash != one


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sise = 3", r"net\.toml: unknown key 'sise'; a network is described by input, output, size"),
        ("size = 0", r"net\.toml: size is 0; it must be a whole number from 1 to 8192, or \[width, height\]"),
        ("size = true", r"size is True; it must be"),
        ("size = [1, 2, 3]", r"size is \[1, 2, 3\]; it must be"),
        ("layout = 'chwn'", r"layout is 'chwn'; it must be one of nchw, nhwc"),
        ("mean = [1, 2]", r"mean is \[1, 2\]; it must be a number, or one for each of 3 channels"),
        ("mean = 'x'", r"mean is 'x'; it must be"),
        ("std = [1, 0, 1]", r"std is \[1, 0, 1\]; it must be greater than 0"),
        ("scale = nan", r"scale is nan; it must be a number greater than 0"),
        ("resize = 'stretch'", r"resize is 'stretch'; it must be one of crop, squash, pad"),
        ("keep = 1.5", r"keep is 1\.5; it must be a number greater than 0, up to 1"),
        ("output = 3", r"output is 3; it must be a name"),
        ("size 3", r"net\.toml: is not TOML"),
    ],
)
def test_a_description_that_makes_no_sense(text: str, message: str, tmp_path: Path) -> None:
    flat(tmp_path / "net.onnx")
    (tmp_path / "net.toml").write_text(text)
    with pytest.raises(ModelError, match=message) as caught:
        OnnxNetwork(str(tmp_path / "net.onnx"))
    assert "\n" not in str(caught.value)


def test_options_that_make_no_sense(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"options of net\.onnx: unknown key 'colour'"):
        OnnxNetwork(str(flat(tmp_path / "net.onnx")), colour="rgb")


def test_files_that_are_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.onnx: there is no such model file"):
        OnnxNetwork(str(tmp_path / "none.onnx"))
    with pytest.raises(ModelError, match=r"none\.toml: cannot be read"):
        OnnxNetwork(str(tmp_path / "none.toml"))
    (tmp_path / "no_model.toml").write_text("size = 8")
    with pytest.raises(ModelError, match=r'names no model; add a line such as model = "no_model\.onnx"'):
        OnnxNetwork(str(tmp_path / "no_model.toml"))
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(ModelError, match=r"text\.onnx: is not a model that ONNX Runtime loads") as caught:
        OnnxNetwork(str(tmp_path / "text.onnx"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": ("n", 1, 8, 8)}, r"3 channels is needed"),
        ({"shape": ("n", 192)}, r"it must be floating point or uint8, with 4 axes"),
        ({"kind": "INT64"}, r"it must be floating point or uint8, with 4 axes"),
        (
            {"inputs": ("x", "z")},
            r"has inputs x, z, each of which could be the picture; say which, as in input = \"x\"",
        ),
    ],
)
def test_networks_that_are_not_handled(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=message):
        OnnxNetwork(str(flat(tmp_path / "net.onnx", **options)))


def test_what_the_model_declares_is_binding(tmp_path: Path) -> None:
    path = str(flat(tmp_path / "net.onnx"))
    with pytest.raises(ModelError, match=r"size is \[9, 8\], but the model takes only \[8, 8\]"):
        OnnxNetwork(path, size=[9, 8])
    with pytest.raises(ModelError, match=r"nhwc with 3 channels is needed"):
        OnnxNetwork(path, layout="nhwc")
    with pytest.raises(ModelError, match=r"has no input 'image'; it has x"):
        OnnxNetwork(path, input="image")


def test_outputs_that_are_no_vector(tmp_path: Path) -> None:
    integers = save_network(tmp_path / "i.onnx", ("Shape", ["x"], ["y"], {}))
    with pytest.raises(ModelError):
        OnnxNetwork(str(integers))
    scalar = save_network(tmp_path / "s.onnx", ("ReduceSum", ["x"], ["y"], {"keepdims": 0}))
    with pytest.raises(ModelError, match=r"gives shape \(\) and type float32 for a picture"):
        OnnxNetwork(str(scalar))


def test_nan_for_every_picture_is_an_error_and_for_one_is_left_to_the_caller(tmp_path: Path) -> None:
    root = save_network(tmp_path / "net.onnx", ("Sqrt", ["x"], ["r"], {}), ("Flatten", ["r"], ["y"], {}))
    with pytest.raises(ModelError, match=r"output 'y' is NaN or all zero; check scale, mean and std"):
        OnnxNetwork(str(root), scale=1.0, mean=300, std=1)
    logarithm = save_network(tmp_path / "log.onnx", ("Log", ["x"], ["r"], {}), ("Flatten", ["r"], ["y"], {}))
    rows = OnnxNetwork(str(logarithm), scale=1.0, mean=-1, std=1).extract([noise()])
    assert np.isfinite(rows).all()
    picky = OnnxNetwork(str(root), scale=1.0, mean=0, std=1)
    white, black = picky.extract([Image.new("RGB", (8, 8), "white"), Image.new("RGB", (8, 8), "black")])
    assert np.isfinite(white).all()
    assert not black.any()


def test_without_onnx_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'lookalike\[onnx\]'"):
        OnnxNetwork(str(tmp_path / "net.onnx"))
