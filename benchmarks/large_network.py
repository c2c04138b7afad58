"""A network that is too large for each worker to have its own: how much of ONNX Runtime's own rate is left to it.

    python -m benchmarks.large_network --data DIR [--megabytes 90] [--pictures 600]

Makes a network of random weights, of blocks as in ConvNeXt (depthwise convolution, two pointwise ones), of about that
size. In turn, ONNX Runtime runs batches of frames that lie ready in memory, with the session that a feature has, and
pictures in DIR are extracted as `lookalike add` does: decoded and cut by workers, run in one place.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from statistics import median

import click
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks import cache
from benchmarks.corpus import pictures_of
from benchmarks.runner import machine
from lookalike.features.base import BatchExtractor
from lookalike.features.parallel import extract_stream
from lookalike.features.registry import FeatureSpec, create_extractor
from lookalike.images.decode import SUFFIXES, decode

SIDE, PATCH, WIDTH, WIDER = 224, 16, 512, 4
ROUNDS = 3


def made(megabytes: int) -> Path:
    """Return the file of the network, which is made if need be."""
    path = cache.FOLDER / f"blocks-{megabytes}.onnx"
    if path.exists():
        return path
    random = np.random.default_rng(0)
    nodes, weights = [], []

    def weight(name: str, *shape: int) -> str:
        values = random.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
        weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    nodes.append(
        helper.make_node(
            "Conv", ["pixels", weight("patch", WIDTH, 3, PATCH, PATCH)], ["x0"], strides=[PATCH] * 2
        )
    )
    blocks = round(megabytes * 1e6 / (4 * 2 * WIDER * WIDTH * WIDTH))
    for block in range(blocks):
        depthwise, wide, narrow = (
            weight(f"depthwise{block}", WIDTH, 1, 7, 7),
            weight(f"wide{block}", WIDER * WIDTH, WIDTH, 1, 1),
            weight(f"narrow{block}", WIDTH, WIDER * WIDTH, 1, 1),
        )
        x, a, b, c, d = (f"{letter}{block}" for letter in "xabcd")
        nodes += [
            helper.make_node("Conv", [x, depthwise], [a], group=WIDTH, pads=[3] * 4),
            helper.make_node("Conv", [a, wide], [b]),
            helper.make_node("Relu", [b], [c]),
            helper.make_node("Conv", [c, narrow], [d]),
            helper.make_node("Add", [x, d], [f"x{block + 1}"]),
        ]
    nodes += [
        helper.make_node("GlobalAveragePool", [f"x{blocks}"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
    ]
    graph = helper.make_graph(
        nodes,
        "blocks",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", WIDTH])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def own_rate(model: Path, extractor: BatchExtractor, pictures: list[Path]) -> float:
    """Return the frames a second that ONNX Runtime itself does, in batches of the same size, that lie ready."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1  # by default, where two processors are one core's, one
    session = InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    frames = np.stack(
        [extractor.framing.frame(decode(path, side=extractor.decoded_side).image) for path in pictures]
    )
    values = np.ascontiguousarray((frames.astype(np.float32) / 255).transpose(0, 3, 1, 2))
    session.run(None, {"pixels": values[: extractor.batch_size]})
    started = time.perf_counter()
    for start in range(0, len(values), extractor.batch_size):
        session.run(None, {"pixels": values[start : start + extractor.batch_size]})
    return len(values) / (time.perf_counter() - started)


def whole_rate(spec: FeatureSpec, pictures: list[Path]) -> tuple[float, float]:
    """Return the pictures a second of the whole of it, and of its second half, when all has been loaded."""
    started = time.perf_counter()
    answered = [
        time.perf_counter()
        for _ in extract_stream(pictures_of(pictures), {spec.name: spec}, jobs=os.cpu_count() or 1)
    ]
    middle = len(answered) // 2
    whole = len(answered) / (time.perf_counter() - started)
    return whole, (len(answered) - middle - 1) / (answered[-1] - answered[middle])


@click.command(help=__doc__)
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--megabytes", type=int, default=90, show_default=True)
@click.option("--pictures", "count", type=int, default=600, show_default=True)
def main(data: Path, megabytes: int, count: int) -> None:
    """Print a line of JSON."""
    paths = sorted(path for path in data.rglob("*") if path.suffix.lower() in SUFFIXES)[:count]
    model = made(megabytes)
    spec = FeatureSpec.parse(f"onnx={model}")
    extractor = create_extractor(spec)
    assert isinstance(extractor, BatchExtractor)
    found = [(own_rate(model, extractor, paths), *whole_rate(spec, paths)) for _ in range(ROUNDS)]
    own, whole, steady = (median(one) for one in zip(*found, strict=True))
    figures = {
        **machine(),
        "megabytes": round(model.stat().st_size / 1e6),
        "runs": extractor.runs,
        "batch": extractor.batch_size,
        "onnxruntime_per_second": round(own, 1),
        "lookalike_per_second": round(whole, 1),
        "its_second_half_per_second": round(steady, 1),
        "ratio_of_the_whole": round(median(two / one for one, two, _ in found), 3),
        "ratio_of_the_second_half": round(median(half / one for one, _, half in found), 3),
    }
    click.echo(json.dumps(figures))


if __name__ == "__main__":
    main()
