"""Networks as people export them: two towers in a file, tokens, maps, other types, fixed batches, hubs' own files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from lookalike.errors import ModelError
from lookalike.features.onnx import OnnxNetwork

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tests.features import networks  # noqa: E402 - it needs onnx
from tests.features.networks import COLOURS, SHARED, picture, save, unit  # noqa: E402

RAW: dict[str, Any] = {"scale": 1.0, "mean": 0, "std": 1}
MEAN = ("ReduceMean", ["x"], ["y"], {"axes": [2, 3], "keepdims": 0})


def of(path: Path, *pictures: Image.Image, **options: Any) -> npt.NDArray[np.float32]:
    return OnnxNetwork(str(path), **options).extract(pictures)


def noise(seed: int = 0, side: int = 8) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8))


def means(image: Image.Image) -> npt.NDArray[np.float64]:
    return unit(np.asarray(image).mean(axis=(0, 1)))


def test_both_towers_in_one_file_give_the_picture_s_vector(tmp_path: Path) -> None:
    path = networks.clip_like(tmp_path)
    for colour, values in COLOURS.items():
        np.testing.assert_allclose(of(path, picture(colour))[0], unit(values @ SHARED), atol=0.1)


def test_a_folder_of_a_hub_is_a_model(tmp_path: Path) -> None:
    networks.siglip_like(tmp_path / "siglip")
    (vector,) = of(tmp_path / "siglip", picture("red"), output="pooler_output")
    np.testing.assert_allclose(vector, unit(COLOURS["red"] @ SHARED), atol=0.1)


def test_a_folder_of_several_models_is_none(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no \.onnx file; name the model itself"):
        OnnxNetwork(str(tmp_path))
    networks.swin_like(tmp_path)
    assert OnnxNetwork(str(tmp_path)).dimension == 6
    networks.dinov2_like(tmp_path)
    with pytest.raises(ModelError, match=r"has dinov2\.onnx, swin\.onnx; name the model itself"):
        OnnxNetwork(str(tmp_path))


def test_the_class_token_or_the_mean_of_tokens(tmp_path: Path) -> None:
    path = networks.dinov2_like(tmp_path)
    options = {"mean": 0, "std": 1, "keep": 1.0}
    image = noise()
    np.testing.assert_allclose(of(path, image, pooling="first", **options)[0], means(image), atol=1e-6)
    halves = Image.new("RGB", (8, 8), "red")
    halves.paste((0, 0, 255), (4, 0, 8, 8))
    np.testing.assert_allclose(of(path, halves, **options)[0], unit([1, 0, 1]), atol=1e-6)


def test_a_map_with_channels_last_of_a_network_with_channels_first(tmp_path: Path) -> None:
    path = networks.swin_like(tmp_path)
    assert OnnxNetwork(str(path)).dimension == 6
    last = OnnxNetwork(str(path), output_layout="nhwc")
    assert last.model_hash == OnnxNetwork(str(path)).model_hash
    first = OnnxNetwork(str(path), output_layout="nchw")
    assert first.dimension == 2
    assert first.model_hash != last.model_hash


@pytest.mark.parametrize(
    ("shape", "layout", "dimension"),
    [
        ((5, 2, 2), None, 5),
        ((2, 2, 5), None, 5),
        ((2, 2, 2), None, 2),
        ((5, 1, 1), None, 5),
        ((2, 3, 5), "nhwc", 5),
    ],
)
def test_where_the_channels_of_a_map_are(
    shape: tuple[int, ...], layout: str | None, dimension: int, tmp_path: Path
) -> None:
    path = save(
        tmp_path / "map.onnx",
        [
            ("ReduceMean", ["x"], ["m"], {"axes": [1, 2, 3], "keepdims": 1}),
            ("Expand", ["m", "to"], ["y"], {}),
        ],
        [("x", "FLOAT", (1, 3, 8, 8))],
        [("y", "FLOAT", (1, *shape))],
        {"to": np.array([1, *shape])},
    )
    options = {} if layout is None else {"output_layout": layout}
    assert OnnxNetwork(str(path), **options).dimension == dimension


def test_a_network_that_takes_bytes_gets_the_pixels_as_they_are(tmp_path: Path) -> None:
    path = save(
        tmp_path / "bytes.onnx",
        [
            ("Cast", ["x"], ["f"], {"to": onnx.TensorProto.FLOAT}),
            ("ReduceMean", ["f"], ["y"], {"axes": [1, 2], "keepdims": 0}),
        ],
        [("x", "UINT8", ("n", 8, 8, 3))],
        [("y", "FLOAT", ("n", 3))],
    )
    image = noise()
    np.testing.assert_allclose(of(path, image, keep=1.0)[0], means(image), atol=1e-6)
    np.testing.assert_allclose(of(path, image, keep=1.0, channels="bgr")[0], means(image)[::-1], atol=1e-6)
    networks.write_config(tmp_path, size={"height": 8, "width": 8}, **networks.HALF)
    np.testing.assert_allclose(of(path, image)[0], means(image), atol=1e-6)
    with pytest.raises(ModelError, match=r"takes pixels as they are, in bytes; leave out mean, std$"):
        OnnxNetwork(str(path), mean=0.5, std=0.5)


@pytest.mark.parametrize(("kind", "tolerance"), [("DOUBLE", 1e-6), ("FLOAT16", 2e-3)])
def test_other_precisions_go_in_and_come_out(kind: str, tolerance: float, tmp_path: Path) -> None:
    path = save(tmp_path / "net.onnx", [MEAN], [("x", kind, ("n", 3, 8, 8))], [("y", kind, ("n", 3))])
    vectors = of(path, noise(), keep=1.0, **RAW)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors[0], means(noise()), atol=tolerance)


def test_bytes_may_come_out(tmp_path: Path) -> None:
    path = save(
        tmp_path / "net.onnx",
        [(*MEAN[:2], ["m"], *MEAN[3:]), ("Cast", ["m"], ["y"], {"to": onnx.TensorProto.UINT8})],
        [("x", "FLOAT", ("n", 3, 8, 8))],
        [("y", "UINT8", ("n", 3))],
    )
    np.testing.assert_allclose(of(path, noise(), keep=1.0, **RAW)[0], means(noise()), atol=0.01)


@pytest.mark.parametrize("batch", [1, 2, 4, 7])
def test_a_fixed_batch_is_filled_up(batch: int, tmp_path: Path) -> None:
    path = save(
        tmp_path / "net.onnx", [MEAN], [("x", "FLOAT", (batch, 3, 8, 8))], [("y", "FLOAT", (batch, 3))]
    )
    images = [noise(seed) for seed in range(9)]
    vectors = of(path, *images, keep=1.0, **RAW)
    assert vectors.shape == (9, 3)
    for vector, image in zip(vectors, images, strict=True):
        np.testing.assert_allclose(vector, means(image), atol=1e-6)


@pytest.mark.parametrize("batch", ["n", 1])
def test_a_batch_of_one_that_is_squeezed_out_of_the_output(batch: int | str, tmp_path: Path) -> None:
    path = save(
        tmp_path / "net.onnx",
        [(*MEAN[:2], ["m"], MEAN[3]), ("Squeeze", ["m"], ["y"], {})],
        [("x", "FLOAT", (batch, 3, 8, 8))],
        [("y", "FLOAT", None)],  # type: ignore[list-item]
    )
    vectors = of(path, noise(0), noise(1), keep=1.0, **RAW)
    np.testing.assert_allclose(vectors, [means(noise(0)), means(noise(1))], atol=1e-6)


def test_other_inputs_are_filled_in(tmp_path: Path) -> None:
    path = save(
        tmp_path / "net.onnx",
        [
            (*MEAN[:2], ["m"], *MEAN[3:]),
            ("Cast", ["k"], ["f"], {"to": onnx.TensorProto.FLOAT}),
            ("ReduceSum", ["f"], ["s"], {"keepdims": 0}),
            ("Add", ["s", "z"], ["a"], {}),
            ("Mul", ["m", "a"], ["c"], {}),
            ("Max", ["c", "floor"], ["y"], {}),
        ],
        [("x", "FLOAT", ("n", 3, 8, 8)), ("k", "INT64", ("t", 2)), ("z", "FLOAT", (1,))],
        [("y", "FLOAT", ("n", 3))],
        {"floor": np.array([300.0, 0, 0], dtype=np.float32)},
    )

    def floored(gain: float) -> npt.NDArray[np.float64]:
        return unit(np.maximum(np.asarray(noise()).mean(axis=(0, 1)) * gain, [300, 0, 0]))

    np.testing.assert_allclose(of(path, noise(), keep=1.0, **RAW)[0], floored(2), atol=1e-6)
    filled = of(path, noise(), keep=1.0, fill={"z": 7, "k": 0}, **RAW)
    np.testing.assert_allclose(filled[0], floored(7), atol=1e-6)
    with pytest.raises(ModelError, match=r"fill names the input 'x'; beside the picture it has k, z"):
        OnnxNetwork(str(path), fill={"x": 1})
    with pytest.raises(ModelError, match=r"fill is 3; it must be a table of inputs and their numbers"):
        OnnxNetwork(str(path), fill=3)


def test_weights_in_files_beside_the_model(tmp_path: Path) -> None:
    path = networks.swin_like(tmp_path)
    whole = of(path, noise())
    model = onnx.load(str(path))
    onnx.save(
        model,
        str(path),
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location="w",
        size_threshold=0,
    )
    assert (tmp_path / "w").stat().st_size > 0
    np.testing.assert_array_equal(of(path, noise()), whole)


def flattened(folder: Path, side: int = 8) -> Path:
    return save(
        folder / "flat.onnx",
        [("Flatten", ["x"], ["y"], {})],
        [("x", "FLOAT", ("n", 3, side, side))],
        [("y", "FLOAT", ("n", 3 * side * side))],
    )


def test_a_preprocessor_config_gives_what_its_processor_would(tmp_path: Path) -> None:
    path = flattened(tmp_path)
    networks.write_config(
        tmp_path,
        size={"shortest_edge": 16},
        crop_size={"height": 8, "width": 8},
        do_center_crop=True,
        resample=3,
        **networks.HALF,
    )
    image = Image.effect_noise((40, 32), 60).convert("RGB")
    resized = np.asarray(image.resize((20, 16), Image.Resampling.BICUBIC), dtype=np.float64)
    expected = (resized[4:12, 6:14] / 255 - 0.5) / 0.5
    np.testing.assert_allclose(of(path, image)[0], unit(expected.transpose(2, 0, 1)), atol=0.01)


@pytest.mark.parametrize(("resample", "name"), [(2, "BILINEAR"), (3, "BICUBIC"), (1, "LANCZOS")])
def test_the_filter_of_a_preprocessor_config(resample: int, name: str, tmp_path: Path) -> None:
    path = flattened(tmp_path)
    networks.write_config(tmp_path, size={"height": 8, "width": 8}, resample=resample, do_normalize=False)
    image = noise(side=20)
    expected = image.resize((8, 8), Image.Resampling[name])
    np.testing.assert_allclose(of(path, image)[0], unit(np.asarray(expected).transpose(2, 0, 1)), atol=1e-6)


def test_what_goes_before_a_preprocessor_config(tmp_path: Path) -> None:
    """Options, then the TOML; and a size that the network declares, which may be of another export."""
    path = flattened(tmp_path)
    networks.write_config(tmp_path, size=99, rescale_factor=1.0, do_normalize=False, resample=0)
    image = noise(side=16)
    near = image.resize((8, 8), Image.Resampling.NEAREST)
    np.testing.assert_allclose(of(path, image)[0], unit(np.asarray(near).transpose(2, 0, 1)), atol=1e-6)
    path.with_suffix(".toml").write_text('resample = "bicubic"\n')
    cubic = image.resize((8, 8), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(of(path, image)[0], unit(np.asarray(cubic).transpose(2, 0, 1)), atol=1e-6)
    np.testing.assert_allclose(
        of(path, image, resample="nearest")[0], unit(np.asarray(near).transpose(2, 0, 1)), atol=1e-6
    )
    with pytest.raises(ModelError, match=r"resample is 'cubic'; it must be one of nearest, box, bilinear"):
        OnnxNetwork(str(path), resample="cubic")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a table of fields"),
        ("[" * 200_000, "is not JSON"),
        (json.dumps({"rescale_offset": True}), "values are moved"),
        (json.dumps({"do_pad": True}), "pictures are padded or split"),
        (json.dumps({"size": {"longest_edge": 9}}), "is not understood"),
        (json.dumps({"resample": 77}), "is not understood"),
        (json.dumps({"size": {"shortest_edge": 8}, "crop_size": 9}), "crop_size 9 is more than size 8"),
        (json.dumps({"image_mean": "x"}), r"preprocessor_config\.json: mean is 'x'; it must be"),
    ],
)
def test_a_preprocessor_config_that_is_not_handled(text: str, message: str, tmp_path: Path) -> None:
    path = flattened(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(text)
    with pytest.raises(ModelError, match=message) as caught:
        OnnxNetwork(str(path))
    assert "\n" not in str(caught.value)


def test_channels_that_a_processor_turns_round_and_does_not_normalise(tmp_path: Path) -> None:
    path = flattened(tmp_path)
    networks.write_config(tmp_path, size={"height": 8, "width": 8}, do_flip_channel_order=True)
    image = noise(side=8)
    expected = np.asarray(image)[..., ::-1].transpose(2, 0, 1)
    np.testing.assert_allclose(of(path, image)[0], unit(expected), atol=1e-6)


@pytest.mark.parametrize("size", [{"shortest_edge": 8}, 8])
def test_convnext_s_share_of_the_picture(size: Any, tmp_path: Path) -> None:
    path = flattened(tmp_path)
    networks.write_config(tmp_path, size=size, crop_pct=0.5, do_normalize=False, resample=2)
    image = Image.new("RGB", (32, 32), "white")
    image.paste((0, 0, 0), (8, 8, 24, 24))
    image.putpixel((16, 16), (255, 0, 0))
    inside = of(path, image)[0].reshape(3, 8, 8)
    assert inside[1, 1:-1, 1:-1].max() == 0  # the white around is met by the filter only, at the edges
    assert inside[0].max() > 0
