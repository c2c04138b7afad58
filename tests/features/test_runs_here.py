"""Networks that run in one place: the same vectors, in batches, whoever decodes; providers; and what goes wrong."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from lookalike.errors import FeatureError, MissingDependencyError, ModelError, PictureError
from lookalike.features import onnx, worker_pool
from lookalike.features.batch import Extracted
from lookalike.features.framing import Framing
from lookalike.features.here import NetworkThread
from lookalike.features.onnx import OnnxNetwork
from lookalike.features.onnx_session import PROVIDER
from lookalike.features.parallel import extract_stream
from lookalike.features.registry import FeatureSpec
from lookalike.features.time_limit import Results

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tests.features import networks


def png(seed: int, side: int = 24) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side + seed % 3, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def stream(items: Any, model: Path, jobs: int, **options: Any) -> list[tuple[Any, Any]]:
    features = {
        "net": FeatureSpec("net", "onnx", {"model": str(model), **options}),
        "look": FeatureSpec("look", "look"),
    }
    return list(extract_stream(iter(items), features, jobs=jobs, batch_size=7))


@pytest.mark.parametrize("batch", ["n", 3])
def test_frames_of_workers_give_what_one_process_gives(batch: int | str, tmp_path: Path) -> None:
    model = networks.dinov2_like(tmp_path, batch=batch)
    items = [(i, f"picture {i}", b"" if i % 11 == 0 else png(i)) for i in range(60)]
    alone = stream(items, model, jobs=1, runs="workers")
    here = stream(items, model, jobs=2, runs="here", batch_size=4)
    assert [token for token, _ in here] == [token for token, _ in alone] == list(range(60))
    for (_, one), (_, other) in zip(alone, here, strict=True):
        if isinstance(one, PictureError):
            assert (type(one), str(one)) == (type(other), str(other))
        else:
            assert other.vectors["net"].dtype == np.float32
            np.testing.assert_allclose(other.vectors["net"], one.vectors["net"], atol=1e-6)
            np.testing.assert_array_equal(other.vectors["look"], one.vectors["look"])


def test_workers_do_not_load_a_network_that_runs_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = networks.swin_like(tmp_path)
    setups: list[dict[str, Any]] = []
    start = worker_pool._Process.set_up

    def gone(process: Any, setup: dict[str, Any]) -> None:
        setups.append(setup)
        model.unlink(missing_ok=True)  # whoever opens it now fails
        start(process, setup)

    monkeypatch.setattr(worker_pool._Process, "set_up", gone)
    results = stream([(i, str(i), png(i)) for i in range(20)], model, jobs=1 + 1, runs="here")
    assert all(isinstance(result, Extracted) for _, result in results)
    assert all(list(setup["framers"]) == ["net"] for setup in setups)


def test_where_a_network_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = str(networks.swin_like(tmp_path))
    small = OnnxNetwork(model)
    assert (small.runs, small.batch_size) == ("workers", 1)
    asked = OnnxNetwork(model, runs="here", batch_size=5)
    assert (asked.runs, asked.batch_size) == ("here", 5)
    assert asked.model_hash == small.model_hash
    monkeypatch.setattr(onnx, "LARGE", 100)
    assert OnnxNetwork(model).runs == "here"
    assert OnnxNetwork(model, runs="workers").runs == "workers"


def test_a_network_that_takes_any_number_and_means_one_gets_one(tmp_path: Path) -> None:
    path = networks.save(
        tmp_path / "net.onnx",
        [("Reshape", ["x", "shape"], ["y"], {})],
        [("x", "FLOAT", ("n", 3, 8, 8))],
        [("y", "FLOAT", ("n", 192))],
        {"shape": np.array([1, 192])},
    )
    network = OnnxNetwork(str(path), runs="here")
    assert network.batch_size == 1
    assert network.extract([networks.picture("red")] * 3).shape == (3, 192)


def test_batches_are_as_large_as_asked(tmp_path: Path) -> None:
    network = OnnxNetwork(str(networks.swin_like(tmp_path)), runs="here", batch_size=4)
    sizes: list[int] = []
    extract = network.extract_frames

    def counted(frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        sizes.append(len(frames))
        return extract(frames)

    network.extract_frames = counted  # type: ignore[method-assign]
    network.extract([networks.picture("red")] * 10)
    assert sizes == [4, 4, 2]


class Means:
    """A plug-in that runs here; white pictures give NaN, and black ones stop it."""

    version, model_hash, dimension, metric, decoded_side = "1", "", 3, "euclidean", 8
    runs, batch_size, framing = "here", 4, Framing((2, 2), "squash")

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def extract(self, pictures: Any) -> Any:
        return self.extract_frames(np.stack([self.framing.frame(one) for one in pictures]))

    def extract_frames(self, frames: npt.NDArray[np.uint8]) -> Any:
        self.sizes.append(len(frames))
        if not frames.any(axis=(1, 2, 3)).all():
            raise RuntimeError("black")
        rows = frames.mean(axis=(1, 2)).astype(np.float32)
        rows[(rows == 255).all(axis=1)] = np.nan
        return rows


def frames(*greys: int) -> Future[Any]:
    done: Future[Any] = Future()
    done.set_result([Extracted(2, 2, "PNG", {"f": np.full(12, grey, dtype=np.uint8)}) for grey in greys])
    return done


def first_numbers(results: Results) -> list[float]:
    return [float(one.vectors["f"][0]) for one in results if isinstance(one, Extracted)]


@pytest.fixture
def means() -> Iterator[Means]:
    yield Means()


def test_what_is_decoded_meanwhile_goes_along(means: Means) -> None:
    held: Future[Any] = Future()
    with NetworkThread({"f": means}) as thread:  # type: ignore[dict-item]
        first = thread.submit(["a"], held)
        others = [thread.submit(["b", "c"], frames(10, 20)), thread.submit(["d", "e"], frames(30, 40))]
        held.set_result(frames(5).result())
        assert first_numbers(first.result(5)) == [5]
        assert [first_numbers(other.result(5)) for other in others] == [[10, 20], [30, 40]]
    assert means.sizes == [4, 1]


def test_a_frame_without_a_vector_is_refused_by_name(means: Means) -> None:
    with NetworkThread({"f": means}) as thread:  # type: ignore[dict-item]
        good, bad = thread.submit(["good", "bad"], frames(7, 255)).result(5)
    assert isinstance(good, Extracted)
    assert str(bad) == "bad: feature 'f' gives NaN or an all-zero vector for it"


def test_a_failure_here_ends_the_run_and_the_thread(means: Means) -> None:
    broken: Future[Any] = Future()
    broken.set_exception(ModelError("the worker's own"))
    with NetworkThread({"f": means}) as thread:  # type: ignore[dict-item]
        with pytest.raises(
            FeatureError, match=r"feature 'f': its extractor failed \(RuntimeError\('black'\)\)"
        ):
            thread.submit(["a"], frames(0)).result(5)
        with pytest.raises(ModelError, match="the worker's own"):
            thread.submit(["a"], broken).result(5)
    assert "lookalike-network" not in {one.name for one in threading.enumerate()}


def test_an_abandoned_stream_leaves_no_thread(tmp_path: Path) -> None:
    model = networks.swin_like(tmp_path)
    features = {"net": FeatureSpec("net", "onnx", {"model": str(model), "runs": "here"})}
    items = ((i, str(i), png(i)) for i in range(200))
    running = extract_stream(items, features, jobs=1, isolated=True)
    next(running)
    running.close()  # type: ignore[attr-defined]
    assert "lookalike-network" not in {one.name for one in threading.enumerate()}


def test_providers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = str(networks.swin_like(tmp_path))
    plain = OnnxNetwork(model)
    assert OnnxNetwork(model, provider="cpu").runs == "workers"
    assert OnnxNetwork(model, provider=["CPUExecutionProvider"]).model_hash == plain.model_hash
    message = r"has no provider 'quantum', only .*CPUExecutionProvider; install the build that has it"
    with pytest.raises(MissingDependencyError, match=message):
        OnnxNetwork(model, provider="quantum")
    monkeypatch.setenv(PROVIDER, "quantum, cpu")
    with pytest.raises(MissingDependencyError, match=message):
        OnnxNetwork(model, provider="cpu")
    monkeypatch.setenv(PROVIDER, "cpu")
    assert OnnxNetwork(model, provider="quantum").dimension == plain.dimension
    monkeypatch.delenv(PROVIDER)
    with pytest.raises(ModelError, match=r"provider is 3; it must be a name"):
        OnnxNetwork(model, provider=3)
    with pytest.raises(ModelError, match=r"runs is 'there'; it must be one of workers, here"):
        OnnxNetwork(model, runs="there")
    with pytest.raises(ModelError, match=r"batch_size is 0; it must be a whole number from 1 to 4096"):
        OnnxNetwork(model, batch_size=0)


def test_a_provider_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime then runs on the processor, and says so nowhere that a program would see."""
    import onnxruntime

    model = str(networks.swin_like(tmp_path))
    open_session = onnxruntime.InferenceSession

    def on_the_processor(path: str, settings: Any, **_: Any) -> Any:
        return open_session(path, settings, providers=["CPUExecutionProvider"])

    there = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: there)
    monkeypatch.setattr(onnxruntime, "InferenceSession", on_the_processor)
    with pytest.raises(
        ModelError, match="ONNX Runtime cannot start CUDAExecutionProvider, and would run on the proc"
    ):
        OnnxNetwork(model, provider="cuda")
