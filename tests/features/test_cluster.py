"""Extraction on a Dask cluster: what local workers give, whatever dies on the way, and clear errors."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.services import dask

import lookalike
from lookalike.errors import (
    ClusterError,
    ClusterUnavailableError,
    FeatureError,
    FeatureMismatchError,
    MissingDependencyError,
    OptionError,
    PictureError,
)
from lookalike.features import cluster, dask_pool, dask_worker
from lookalike.features.parallel import Extracted, extract_stream
from lookalike.features.registry import FeatureSpec, create_extractor

Png = Callable[..., bytes]
Results = dict[int, Extracted | PictureError]
pytestmark = [dask.needed, pytest.mark.usefixtures("plug_ins")]


def spec(kind: str) -> dict[str, FeatureSpec]:
    return {"f": FeatureSpec("f", kind)}


@pytest.fixture
def started(tmp_path: Path, plug_ins: Path) -> Iterator[dask.DaskCluster]:
    """A cluster whose workers have the plug-ins, as the test has."""
    with dask.cluster(tmp_path / "dask") as cluster:
        yield cluster


def test_a_cluster_gives_what_this_machine_gives(started: dask.DaskCluster, png: Png) -> None:
    """Damaged pictures and deadly ones are told of in the same words, and slow ones too; workers stay alive."""
    pictures = [b"" if i % 17 == 0 else png((i, 2 * i, 255 - i), (16 + i % 3, 16)) for i in range(100)]
    features = {
        "look": FeatureSpec("look", "look"),
        "colour": FeatureSpec("colour", "mean", {"gain": 0.5}),
        "code": FeatureSpec("code", "codes"),
    }
    options: dict[str, Any] = {"jobs": 1, "batch_size": 7}
    options["wanted"] = lambda token: list(features)[: 1 + token % 3]
    here = list(extract_stream(((i, f"p{i}", one) for i, one in enumerate(pictures)), features, **options))
    items = ((i, f"p{i}", one) for i, one in enumerate(pictures))
    there = list(extract_stream(items, features, cluster=started.url, **options))
    assert [token for token, _ in there] == [token for token, _ in here]
    for (_, one), (_, other) in zip(here, there, strict=True):
        assert type(one) is type(other)
        if isinstance(one, Extracted) and isinstance(other, Extracted):
            assert (one.width, one.height, one.format) == (other.width, other.height, other.format)
            assert list(one.vectors) == list(other.vectors)
            for name, vector in one.vectors.items():
                assert other.vectors[name].dtype == vector.dtype
                np.testing.assert_array_equal(vector, other.vectors[name])
        else:
            assert str(one) == str(other)

    bad = {6, 40}
    deadly = [(i, f"p{i}", png((i, 0, 0), (13 if i in bad else 16, 16))) for i in range(60)]
    for kind, reason in (
        ("crashing", "the decoder crashed on it (ended by SIGKILL)"),
        ("sleepy", "takes too long to decode (more than 0.5 s)"),
    ):
        results = dict(
            extract_stream(deadly, spec(kind), jobs=1, batch_size=4, time_limit=0.5, cluster=started.url)
        )
        for i, result in results.items():
            if i in bad:
                assert str(result) == f"p{i}: {reason}"
            else:
                assert isinstance(result, Extracted)
                assert result.vectors["f"][0] == i
    assert all(worker.poll() is None for worker in started.workers)

    with pytest.raises(FeatureError, match=r"^worker tcp://.*: feature 'f': its extractor failed"):
        list(extract_stream(deadly, spec("failing"), jobs=1, cluster=started.url))


def test_a_worker_that_is_killed_loses_nothing(started: dask.DaskCluster, png: Png) -> None:
    results = []
    items = ((i, str(i), png((i, 0, 0))) for i in range(200))
    for i, result in extract_stream(items, spec("mean"), jobs=1, batch_size=4, cluster=started.url):
        results.append((i, result))
        if i == 20:
            started.workers[0].kill()
    assert [i for i, _ in results] == list(range(200))
    assert all(isinstance(result, Extracted) and result.vectors["f"][0] == i for i, result in results)


@pytest.mark.parametrize("what", ["scheduler", "workers"])
def test_a_cluster_that_dies_ends_the_run(
    what: str, started: dask.DaskCluster, png: Png, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_pool, "_POLL_SECONDS", 0.2)
    message = (
        "connection .* was lost|does not answer" if what == "scheduler" else "has had no workers for 1 s"
    )
    items = ((i, str(i), png((i, 0, 0))) for i in range(5000))
    done = 0
    begun = time.monotonic()
    with pytest.raises(ClusterUnavailableError, match=f"({message}).*; run the command again to go on"):
        for i, _ in extract_stream(items, spec("mean"), jobs=1, batch_size=4, cluster=started.url):
            done += 1
            if i == 20:
                monkeypatch.setattr(dask_pool, "ALONE_SECONDS", 1.0)
                begun = time.monotonic()
                if what == "scheduler":
                    started.scheduler.kill()
                else:
                    started.kill_workers()
    assert 20 < done < 5000
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    ("status", "told"),
    [("finished", ClusterUnavailableError), ("error", ClusterError), ("closed", ClusterUnavailableError)],
)
def test_a_result_that_is_lost_on_its_way_is_a_lost_cluster(
    status: str, told: type[Exception], started: dask.DaskCluster, png: Png, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        """A future of Dask whose result does not come: by the connection, or as the task raised an OSError."""

        def __init__(self) -> None:
            if status == "closed":
                raise RuntimeError("the client takes no tasks any more")
            self.status = status

        def __await__(self) -> Iterator[None]:
            raise ConnectionResetError(104, "Connection reset by peer")
            yield

    monkeypatch.setattr("distributed.Client.submit", lambda *_, **__: Broken())
    message = "a task fails .*Connection reset" if status == "error" else "connection .* was lost"
    with pytest.raises(ClusterError, match=f"{message}.*; run the command again to go on") as error:
        list(extract_stream([(0, "0", png())], spec("mean"), jobs=1, cluster=started.url))
    assert type(error.value) is told


def test_workers_with_another_version_or_plug_in_are_refused(
    started: dask.DaskCluster, png: Png, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(made: Any = None) -> None:
        list(extract_stream([(0, "0", png())], spec("mean"), jobs=1, made=made, cluster=started.url))

    other = SimpleNamespace(version="2", model_hash="", dimension=3, metric="euclidean")
    with pytest.raises(
        FeatureMismatchError, match=r"worker tcp://.*: feature 'f' .*version 1, .*version 2, "
    ):
        run({"f": other})
    ours = lookalike.__version__
    monkeypatch.setattr(dask_pool, "__version__", "99.0")
    with pytest.raises(ClusterError, match=f"the Dask scheduler .* has Lookalike {ours}, and this is 99.0; "):
        run()

    async def unchecked(*_: object) -> None: ...

    monkeypatch.setattr(dask_pool.DaskPool, "_check_version", unchecked)
    with pytest.raises(ClusterError, match=f"worker tcp://.*: has Lookalike {ours} and not 99.0; install"):
        run()


def test_a_cluster_without_lookalike_is_refused(
    tmp_path: Path, png: Png, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    (empty / "lookalike").mkdir(parents=True)
    (empty / "lookalike" / "__init__.py").write_text("raise ImportError('not here')")
    path = ":".join([str(empty), *sys.path])
    with (
        dask.cluster(tmp_path / "dask", 1, {"PYTHONPATH": path}) as started,
        pytest.raises(ClusterError, match=r"the Dask scheduler .* has no Lookalike \(not here\), and this"),
    ):
        list(extract_stream([(0, "0", png())], spec("mean"), jobs=1, cluster=started.url))


def silent_port() -> socket.socket:
    """Return a server that accepts and says nothing."""
    return socket.create_server(("127.0.0.1", 0))


@pytest.mark.parametrize("is_there", [False, True])
def test_a_scheduler_that_is_not_there_is_told_soon(
    is_there: bool, png: Png, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_pool, "CONNECT_SECONDS", 1.0)
    with silent_port() as server:
        port = server.getsockname()[1]
        if not is_there:
            server.close()
        begun = time.monotonic()
        with pytest.raises(
            ClusterUnavailableError, match=f"there is no Dask scheduler .* tcp://127.0.0.1:{port}"
        ):
            list(extract_stream([(0, "0", png())], spec("mean"), jobs=1, cluster=f"dask://127.0.0.1:{port}"))
    assert time.monotonic() - begun < 15


@pytest.mark.parametrize(
    "url",
    ["ray://h:1", "tcp://h:1", "dask://h", "dask://:8786", "h:8786", "dask://h:x", "dask://h:99999999", "",
     "dask://h:1/path", "dask://user:word@h:1", "dask://[::1", 7],
)  # fmt: skip
def test_an_address_of_another_kind_is_refused(url: Any) -> None:
    with pytest.raises(OptionError, match="give the address of a Dask scheduler, as in dask://HOST:PORT"):
        cluster.scheduler_address(url)


def test_addresses_are_dask_s() -> None:
    assert cluster.scheduler_address("dask://node7:8786") == "tcp://node7:8786"
    assert cluster.scheduler_address("dask://[::1]:8786/") == "tcp://[::1]:8786"


def test_a_missing_extra_is_told(png: Png, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "lookalike.features.dask_pool", raising=False)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'lookalike\[dask\]'"):
        list(extract_stream([(0, "0", png())], spec("mean"), jobs=1, cluster="dask://127.0.0.1:1"))


def test_an_idle_pool_ends(png: Png, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_worker, "IDLE_SECONDS", 0.05)
    made = create_extractor(spec("mean")["f"])
    setup = {
        "extractors": [spec("mean")["f"].to_json()],
        "identities": {"f": dask_worker.identity(made)},
        "max_pixels": 10**6,
        "time_limit": None,
    }
    for _ in range(2):
        with dask_worker._borrowed(setup, 1) as pool:
            (result,) = pool.submit([("a", png())], [["f"]]).result(30)
            assert isinstance(result, Extracted)
        deadline = time.monotonic() + 30
        while dask_worker._pools:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with pytest.raises(FeatureError, match="closed"):
            for _ in range(1000):
                pool.submit([("a", png())], [["f"]])
                time.sleep(0.01)
