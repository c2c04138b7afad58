"""Faces are found by tiny networks, and told apart; pictures without one keep their other features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from lookalike import Collection
from lookalike.errors import FeatureError, ModelError, PictureError
from lookalike.features.registry import FeatureSpec, create_extractor

SIDE = 64
PEOPLE = {"anna": (255, 0, 120), "bela": (255, 110, 0), "cleo": (255, 60, 60)}
"""Faces are red throughout, and a person's by what else is in them."""


def save(path: Path, nodes: list[Any], outputs: dict[str, tuple[Any, ...]], **constants: Any) -> Path:
    """Save a network of pictures."""
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, (1, 3, SIDE, SIDE))],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
    return path


def detector(path: Path) -> Path:
    """Save a detector whose box is about all that is red; scores are how red the reddest is."""
    node = helper.make_node
    edges = np.arange(SIDE, dtype=np.float32) / SIDE
    nodes = [
        node("Gather", ["pictures", "zero"], ["red"], axis=1),
        node("Greater", ["red", "half"], ["is_red"]),
        node("Cast", ["is_red"], ["mask"], to=TensorProto.FLOAT),
        node("ReduceMax", ["mask"], ["columns"], axes=[2], keepdims=0),  # (1, 1, width)
        node("ReduceMax", ["mask"], ["rows"], axes=[3], keepdims=0),
    ]
    for side, axis in (("left", "columns"), ("top", "rows"), ("right", "columns"), ("bottom", "rows")):
        first = side in ("left", "top")
        nodes.append(node("Mul", [axis, "from_end" if first else "to_end"], [f"{side}s"]))
        nodes.append(node("ReduceMax", [f"{side}s"], [f"{side}_most"], axes=[2], keepdims=1))
        if first:
            nodes.append(node("Sub", ["one", f"{side}_most"], [side]))
        else:
            nodes.append(node("Identity", [f"{side}_most"], [side]))
    nodes += [
        node("Concat", ["left", "top", "right", "bottom"], ["boxes"], axis=2),
        node("ReduceMax", ["mask"], ["scores"], axes=[2, 3], keepdims=0),
    ]
    constants = {"zero": [0], "half": np.float32(0.5), "one": np.float32(1)}
    ends = {"from_end": 1 - edges, "to_end": edges + np.float32(1 / SIDE)}
    return save(path, nodes, {"boxes": (1, 1, 4), "scores": (1, 1)}, **constants, **ends)


def embedder(path: Path) -> Path:
    """Save an embedder that gives the mean colour."""
    node = helper.make_node("ReduceMean", ["pictures"], ["vector"], axes=[2, 3], keepdims=0)
    return save(path, [node], {"vector": (1, 3)})


@pytest.fixture
def description(tmp_path: Path) -> Path:
    """Return a description of both networks."""
    detector(tmp_path / "detector.onnx")
    embedder(tmp_path / "embedder.onnx")
    path = tmp_path / "faces.toml"
    path.write_text('detector = "detector.onnx"\nembedder = "embedder.onnx"\nmargin = 0.0\n')
    return path


def photograph(person: str | None, seed: int) -> Image.Image:
    """Return a picture of blue and green noise, with a person's face somewhere in it."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (300, 400, 3))
    pixels[..., 0] //= 8
    if person is not None:
        size = int(random.integers(60, 120))
        top, left = int(random.integers(0, 300 - size)), int(random.integers(0, 400 - size))
        pixels[top : top + size, left : left + size] = PEOPLE[person]
    return Image.fromarray(pixels.astype(np.uint8))


def test_the_same_face_is_found(description: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photographs"
    folder.mkdir()
    for number, person in enumerate([*PEOPLE] * 3 + [None]):
        photograph(person, number).save(folder / f"{person}-{number}.png")
    query = tmp_path / "query.png"
    with Collection.create(tmp_path / "collection") as collection:
        report = collection.add(folder, features=["look", f"faces={description}"])
        assert (report.added, report.skipped) == (10, [])
        for number, person in enumerate(PEOPLE):
            photograph(person, 50 + number).save(query)
            hits = collection.search(query, k=3, features={"faces": 1})
            assert [Path(hit.path or "").name.split("-")[0] for hit in hits] == [person] * 3
        assert len(collection.search(query, k=20, features={"faces": 1})) == 9  # of ten, one has no face
        again = collection.add(folder)
        assert (again.unchanged, again.refreshed, again.skipped) == (10, 0, [])
        photograph(None, 99).save(query)
        assert len(collection.search(query, k=20)) == 10  # by its look
        with pytest.raises((PictureError, FeatureError), match="faces"):
            collection.search(query, features={"faces": 1})


def test_a_picture_without_a_face_and_without_another_feature_is_skipped(
    description: Path, tmp_path: Path
) -> None:
    for number, person in enumerate(["anna", None]):
        photograph(person, number).save(tmp_path / f"{number}.png")
    with Collection.create(tmp_path / "collection") as collection:
        report = collection.add([tmp_path / "0.png", tmp_path / "1.png"], features=f"faces={description}")
        assert report.added == 1
        assert [(Path(event.path).name, event.reason) for event in report.skipped] == [
            ("1.png", "faces found nothing in it")
        ]


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ("detector = 3", "detector is 3; give a value of type str"),
        ('detector = "detector.onnx"', "embedder"),
        (
            'detector = "detector.onnx"\nembedder = "embedder.onnx"\nfaces = 1',
            "unexpected keyword argument 'faces'",
        ),
        ('detector = "missing.onnx"\nembedder = "embedder.onnx"', "missing.onnx cannot be loaded"),
        ('detector = "faces.toml"\nembedder = "embedder.onnx"', "cannot be loaded as a detector"),
        ('detector = "embedder.onnx"\nembedder = "embedder.onnx"', "gives vector; a detector takes"),
        ('detector = "detector.onnx"\nembedder = "missing.onnx"', "missing.onnx"),
        ("detector =", "cannot be read as a description"),
    ],
)
def test_what_cannot_be_used_is_named(description: Path, told: str, problem: str) -> None:
    description.write_text(told)
    with pytest.raises(ModelError, match=problem):
        create_extractor(FeatureSpec.parse(f"faces={description}"))


def test_other_networks_are_other_features(description: Path) -> None:
    first = create_extractor(FeatureSpec.parse(f"faces={description}"))
    description.write_text(description.read_text() + "threshold = 0.9\n")
    second = create_extractor(FeatureSpec.parse(f"faces={description}"))
    assert len({first.model_hash, second.model_hash}) == 2
