"""The stream over worker processes: parity with one process, bounded reading, crashes, and no process left over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.errors import FeatureError, ModelError, OptionError, PictureError
from lookalike.features import parallel, worker_pool
from lookalike.features.parallel import Extracted, extract_stream
from lookalike.features.registry import FeatureSpec, create_extractor

Png = Callable[..., bytes]
pytestmark = pytest.mark.usefixtures("plug_ins")


def spec(kind: str) -> dict[str, FeatureSpec]:
    return {"f": FeatureSpec("f", kind)}


def no_workers(*arguments: object, **options: object) -> None:
    raise AssertionError("workers were started")


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The worker processes that the test starts."""
    started: list[subprocess.Popen[bytes]] = []

    class Recorded(subprocess.Popen[bytes]):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)  # type: ignore[call-overload]
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    return started


def test_workers_give_what_one_process_gives(png: Png, processes: list[subprocess.Popen[bytes]]) -> None:
    pictures = [b"" if i % 17 == 0 else png((i, 2 * i, 255 - i), (16 + i % 3, 16)) for i in range(100)]
    tokens = [object() for _ in pictures]

    def items() -> Iterator[tuple[object, str, bytes]]:
        for i, (token, data) in enumerate(zip(tokens, pictures, strict=True)):
            yield token, f"picture {i}", data

    features = {
        "look": FeatureSpec("look", "look"),
        "colour": FeatureSpec("colour", "mean", {"gain": 0.5}),
        "code": FeatureSpec("code", "codes"),
    }
    alone = list(extract_stream(items(), features, jobs=1, batch_size=7))
    assert not processes
    apart = list(extract_stream(items(), features, jobs=2, batch_size=7))
    assert len(processes) == 2
    assert all(process.poll() is not None for process in processes)
    assert [token for token, _ in alone] == [token for token, _ in apart] == tokens
    for (_, one), (_, other) in zip(alone, apart, strict=True):
        if isinstance(one, PictureError):
            assert isinstance(other, PictureError)
            assert (type(one), str(one)) == (type(other), str(other))
        else:
            assert isinstance(other, Extracted)
            assert (one.width, one.height, one.format) == (other.width, other.height, other.format)
            for name, vector in one.vectors.items():
                assert (
                    other.vectors[name].dtype == vector.dtype == (np.uint8 if name == "code" else np.float32)
                )
                np.testing.assert_array_equal(vector, other.vectors[name])


@pytest.mark.parametrize("count", [0, parallel.FEW - 1])
def test_few_pictures_start_no_workers(count: int, png: Png, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "LocalPool", no_workers)
    items = [(i, str(i), png()) for i in range(count)]
    assert len(list(extract_stream(items, spec("mean"), jobs=4))) == count


@pytest.mark.parametrize("jobs", [1, 4])
def test_a_single_isolated_picture_is_extracted_in_another_process(
    jobs: int, png: Png, processes: list[subprocess.Popen[bytes]]
) -> None:
    ((token, found),) = extract_stream([("a", "a", png())], spec("mean"), jobs=jobs, isolated=True)
    assert token == "a"
    assert isinstance(found, Extracted)
    assert len(processes) == 1


def test_a_frozen_application_starts_no_workers(png: Png, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "LocalPool", no_workers)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert len(list(extract_stream([(i, str(i), png()) for i in range(40)], spec("mean"), jobs=4))) == 40


def test_reading_goes_no_further_than_the_bounds(png: Png, monkeypatch: pytest.MonkeyPatch) -> None:
    pulled = 0

    def items() -> Iterator[tuple[int, str, bytes]]:
        nonlocal pulled
        for i in range(300):
            pulled += 1
            yield i, str(i), png()

    ahead = []
    for done, _ in enumerate(extract_stream(items(), spec("mean"), jobs=2, batch_size=4)):
        ahead.append(pulled - done)
    assert max(ahead) <= 4 * 2 * 4 + 4
    monkeypatch.setattr(parallel, "BYTES_IN_FLIGHT", 3 * len(png()))
    pulled, ahead = 0, []
    for done, _ in enumerate(extract_stream(items(), spec("mean"), jobs=2, batch_size=1)):
        ahead.append(pulled - done)
    assert max(ahead[parallel.FEW :]) <= 4 + 1


def test_one_large_picture_is_read_at_a_time(png: Png, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither looking whether pictures are few nor filling a batch goes beyond the bounds."""
    monkeypatch.setattr(parallel, "BATCH_BYTES", 1)
    monkeypatch.setattr(parallel, "FEW_BYTES", 1)
    monkeypatch.setattr(parallel, "BYTES_IN_FLIGHT", 1)
    for jobs in (1, 2):
        Watched.most = 0
        pictures = ((i, str(i), Watched(png())) for i in range(5))
        assert len(list(extract_stream(pictures, spec("mean"), jobs=jobs))) == 5
        assert Watched.most == 1
        assert Watched.held == 0


class Watched(bytes):
    """Bytes that are counted as long as somebody holds them."""

    held = 0
    most = 0

    def __init__(self, _: bytes) -> None:
        Watched.held += 1
        Watched.most = max(Watched.most, Watched.held)

    def __del__(self) -> None:
        Watched.held -= 1


@pytest.mark.parametrize("jobs", [1, 2])
def test_each_picture_gets_the_features_that_are_wanted(jobs: int, png: Png) -> None:
    features = {"a": FeatureSpec("a", "mean"), "b": FeatureSpec("b", "mean", {"gain": 0.5})}
    choices = [("a",), ("a", "b"), ("b",), ()]
    items = [(i, str(i), png((i, 0, 0))) for i in range(40)]
    results = extract_stream(
        items, features, jobs=jobs, batch_size=7, wanted=lambda token: choices[token % len(choices)]
    )
    for i, result in results:
        assert isinstance(result, Extracted)
        vectors = {name: vector[0] for name, vector in result.vectors.items()}
        assert vectors == {name: i * (0.5 if name == "b" else 1) for name in choices[i % len(choices)]}


def test_extractors_that_are_there_are_not_made_again(png: Png, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {"f": create_extractor(FeatureSpec("f", "mean"))}
    monkeypatch.delattr(parallel, "create_extractor")
    assert len(list(extract_stream([(0, "0", png())], spec("mean"), jobs=1, made=made))) == 1


def test_a_picture_that_kills_its_worker_costs_only_itself(png: Png) -> None:
    bad = {6, 40}
    items = [(i, f"p{i}", png((i, 0, 0), (13 if i in bad else 16, 16))) for i in range(60)]
    results = dict(extract_stream(items, spec("crashing"), jobs=2, batch_size=8))
    assert len(results) == 60
    for i, result in results.items():
        if i in bad:
            assert isinstance(result, PictureError)
            assert str(result) == f"p{i}: the decoder crashed on it (ended by SIGKILL)"
        else:
            assert isinstance(result, Extracted)
            assert result.vectors["f"][0] == i


def test_a_worker_killed_from_outside_loses_nothing(
    png: Png, processes: list[subprocess.Popen[bytes]]
) -> None:
    results = []
    for i, result in extract_stream(
        [(i, str(i), png((i, 0, 0))) for i in range(200)], spec("mean"), jobs=2, batch_size=4
    ):
        results.append((i, result))
        if i == 20:
            for process in list(processes):
                process.kill()
    assert [i for i, _ in results] == list(range(200))
    assert all(isinstance(result, Extracted) and result.vectors["f"][0] == i for i, result in results)
    assert len(processes) > 2


def test_workers_that_always_die_end_the_run(png: Png, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_pool, "_DEATHS_IN_A_ROW", 2)
    items = [(i, str(i), png(size=(13, 16))) for i in range(40)]
    with pytest.raises(FeatureError, match=r"die one after another \(the last ended by SIGKILL\)"):
        list(extract_stream(items, spec("crashing"), jobs=2))


def test_workers_that_do_not_start_end_the_run(png: Png, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_pool, "_START", "import sys; sys.exit(5)")
    with pytest.raises(FeatureError, match=r"do not start \(exit status 5\); use one job"):
        list(extract_stream([(i, str(i), png()) for i in range(40)], spec("mean"), jobs=2))


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_extractor_that_fails_ends_the_run(jobs: int, png: Png) -> None:
    items = [(i, str(i), png()) for i in range(40)]
    with pytest.raises(FeatureError, match=r"^feature 'f': its extractor failed \(KeyError\('weights'\)\)$"):
        list(extract_stream(items, spec("failing"), jobs=jobs))


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_model_that_is_missing_ends_the_run(jobs: int, png: Png) -> None:
    pytest.importorskip("onnxruntime")
    features = {"n": FeatureSpec("n", "onnx", {"model": "/nowhere/net.onnx"})}
    with pytest.raises(ModelError, match=r"^/nowhere/net\.onnx: there is no such model file$"):
        list(extract_stream([(i, str(i), png()) for i in range(40)], features, jobs=jobs))


def test_what_an_extractor_prints_does_not_matter(png: Png) -> None:
    results = list(extract_stream([(i, str(i), png()) for i in range(40)], spec("chatty"), jobs=2))
    assert all(isinstance(result, Extracted) for _, result in results)


@pytest.mark.parametrize("options", [{"jobs": 0}, {"jobs": 2, "batch_size": 0}])
def test_options_are_checked_at_once(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        extract_stream([], spec("mean"), **options)


def test_an_error_of_the_reader_ends_the_workers(png: Png, processes: list[subprocess.Popen[bytes]]) -> None:
    def items() -> Iterator[tuple[int, str, bytes]]:
        for i in range(64):
            yield i, str(i), png()
        raise OSError("the disk is gone")

    started = time.monotonic()
    with pytest.raises(OSError, match="the disk is gone"):
        list(extract_stream(items(), spec("slow"), jobs=2))
    assert processes
    assert all(process.poll() is not None for process in processes)
    assert time.monotonic() - started < 30  # the extractor sleeps for 60 s


def test_closing_the_stream_ends_the_workers(png: Png, processes: list[subprocess.Popen[bytes]]) -> None:
    stream = extract_stream([(i, str(i), png()) for i in range(500)], spec("mean"), jobs=2, batch_size=4)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert processes
    assert all(process.poll() is not None for process in processes)


SCRIPT = """
import io, sys
from PIL import Image
from lookalike.features.parallel import extract_stream
from lookalike.features.registry import FeatureSpec

print("main", flush=True)
stream = io.BytesIO()
Image.new("RGB", (16, 16), "red").save(stream, "PNG")
items = ((i, str(i), stream.getvalue()) for i in range(100))
results = extract_stream(items, {"f": FeatureSpec("f", KIND)}, jobs=2)
print(len([result.vectors["f"] for _, result in results]))
"""


def environment(plug_ins: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(plug_ins), **more}


@pytest.mark.parametrize("way", ["file", "stdin", "command"])
def test_a_script_without_a_main_guard_works(way: str, plug_ins: Path, tmp_path: Path) -> None:
    script = SCRIPT.replace("KIND", "'mean'")
    (tmp_path / "script.py").write_text(script)
    arguments = {"file": [str(tmp_path / "script.py")], "stdin": ["-"], "command": ["-c", script]}[way]
    done = subprocess.run(
        [sys.executable, *arguments],
        input=script if way == "stdin" else "",
        env=environment(plug_ins),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("main\n100\n", "")


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_worker_outlives_the_parent(number: signal.Signals, plug_ins: Path, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    pids.mkdir()
    script = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.replace("KIND", "'slow'")],
        env=environment(plug_ins, LOOKALIKE_TEST_PIDS=str(pids)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(lambda: len(list(pids.iterdir())) == 2)
        workers = [int(path.name) for path in pids.iterdir()]
        assert all(alive(pid) for pid in workers)
        if number == signal.SIGINT:  # as the terminal does it: to the whole group
            os.killpg(script.pid, number)
        else:
            script.send_signal(number)
        assert script.wait(20) != 0
        wait_for(lambda: not any(alive(pid) for pid in workers))
    finally:
        script.kill()
        script.wait()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    if not status.exists():
        return sys.platform != "linux"
    return status.read_text().rpartition(")")[2].split()[0] != "Z"  # nobody may be there to reap an orphan
