"""The files that a model keeps its weights in: all belong to its hash, and none may lie outside of its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.errors import ModelError
from lookalike.features.onnx import OnnxNetwork
from lookalike.features.onnx_files import weight_files

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def tensor(name: str, values: Any = 1.0, location: str | None = None) -> Any:
    """A tensor, whose data lie in the file `location` if one is given."""
    made = onnx.numpy_helper.from_array(np.asarray(values, dtype=np.float32), name)
    if location is not None:
        onnx.external_data_helper.set_external_data(made, location=location)
    return made


def graph(*nodes: Any, initializers: tuple[Any, ...] = (), sparse: tuple[Any, ...] = ()) -> Any:
    made = onnx.helper.make_graph(nodes, "g", [], [], initializer=initializers)
    made.sparse_initializer.extend(sparse)
    return made


def model(path: Path, of: Any, functions: tuple[Any, ...] = ()) -> Path:
    made = onnx.helper.make_model(of, opset_imports=[onnx.helper.make_opsetid("", 13)], functions=functions)
    path.write_bytes(made.SerializeToString())
    return path


def constant(location: str) -> Any:
    return onnx.helper.make_node("Constant", [], ["c"], value=tensor("c", location=location))


def test_every_tensor_of_a_model_is_looked_at(tmp_path: Path) -> None:
    sparse = onnx.SparseTensorProto(
        values=tensor("s", [1.0], "values"), indices=tensor("i", [1.0], "indices")
    )
    attributes = {
        "branch": graph(constant("within"), initializers=(tensor("a", location="branch"),)),
        "several": [graph(initializers=(tensor("a", location="several"),))],
    }
    function = onnx.FunctionProto(name="f", domain="d", node=[constant("function")])
    path = model(
        tmp_path / "net.onnx",
        graph(
            constant("constant"),
            onnx.helper.make_node("If", ["x"], ["y"], **attributes),
            onnx.helper.make_node("Other", [], ["z"], all=[tensor("t", location="list")], one=sparse),
            initializers=(tensor("w", location="./weights.bin"), tensor("inside", np.ones(1000))),
            sparse=(sparse,),
        ),
        functions=(function,),
    )
    names = [
        "branch",
        "constant",
        "function",
        "indices",
        "list",
        "several",
        "values",
        "weights.bin",
        "within",
    ]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "unrelated").touch()
    assert sorted(file.name for file in weight_files(path)) == names


def test_a_model_that_holds_its_weights_has_no_files(tmp_path: Path) -> None:
    assert weight_files(model(tmp_path / "net.onnx", graph(initializers=(tensor("w", np.ones(9)),)))) == []


def test_the_names_that_exporters_give_come_first(tmp_path: Path) -> None:
    names = ["net.onnx.data", "net.onnx_data", "a.bin", "net.onnx_data_1"]
    weights = tuple(tensor(name, location=name) for name in names)
    for name in names:
        (tmp_path / name).touch()
    path = model(tmp_path / "net.onnx", graph(initializers=weights))
    assert [file.name for file in weight_files(path)] == names


@pytest.mark.parametrize(
    "location", ["../w.bin", "/etc/passwd", "a/../../w.bin", "C:\\w.bin", "..\\w.bin", "\\\\host\\w", ""]
)
def test_files_outside_of_the_models_folder_are_refused(location: str, tmp_path: Path) -> None:
    (tmp_path / "w.bin").touch()
    (tmp_path / "sub").mkdir()
    path = model(tmp_path / "sub" / "net.onnx", graph(initializers=(tensor("w", location=location),)))
    with pytest.raises(ModelError, match=r"net\.onnx: names weights outside of its folder"):
        weight_files(path)


def test_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    path = model(tmp_path / "net.onnx", graph(initializers=(tensor("w", location="w.bin"),)))
    with pytest.raises(ModelError, match=r"net\.onnx: its weights 'w\.bin' are not there"):
        OnnxNetwork(str(path))


@pytest.mark.parametrize("location", ["net.onnx.data", "weights.bin", "net.onnx_data_1", "deep/w"])
def test_two_networks_differ_by_their_weights_wherever_they_lie(location: str, tmp_path: Path) -> None:
    hashes = set()
    for seed in (1, 2, 1):
        weights = np.random.default_rng(seed).normal(size=(192, 4)).astype(np.float32)
        made = onnx.helper.make_model(
            onnx.helper.make_graph(
                [
                    onnx.helper.make_node("Flatten", ["x"], ["flat"]),
                    onnx.helper.make_node("MatMul", ["flat", "w"], ["y"]),
                ],
                "network",
                [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 3, 8, 8])],
                [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
                [tensor("w", weights, location)],
            ),
            opset_imports=[onnx.helper.make_opsetid("", 13)],
            ir_version=8,
        )
        (tmp_path / location).parent.mkdir(exist_ok=True)
        (tmp_path / location).write_bytes(weights.tobytes())
        made.graph.initializer[0].ClearField("raw_data")
        (tmp_path / "net.onnx").write_bytes(made.SerializeToString())
        hashes.add(OnnxNetwork(str(tmp_path / "net.onnx")).model_hash)
    assert len(hashes) == 2


def test_damage_is_an_error_of_one_line_wherever_it_is(tmp_path: Path) -> None:
    whole = model(
        tmp_path / "net.onnx", graph(constant("w"), initializers=(tensor("w", location="w"),))
    ).read_bytes()
    (tmp_path / "w").touch()
    draw = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[draw.integers(len(whole))] ^= 1 << draw.integers(8)
        (tmp_path / "net.onnx").write_bytes(damaged[: draw.integers(len(whole) + 1)])
        try:
            weight_files(tmp_path / "net.onnx")
        except ModelError as error:
            assert "\n" not in str(error)
