"""OpenSearch and Elasticsearch on loopback, each node a process with a folder of its own that goes when it stops.

`engine_server` is the fixture for most tests: one node of each release a session. All tests of a release are one group
of xdist, so that one worker starts it. Who kills nodes takes `engine_cluster`, which starts three for the test alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.fetch_engines import RELEASES, Release, jdks
from tests.services.redis import ending_with_us, free_port
from tests.services.required import missing

START_SECONDS = 400.0
HEAP = "600m"
COMPILER = ("-XX:TieredStopAtLevel=1",)
"""Java compiles quickly, and not well: a node starts in half the time. Who measures wants () instead."""
MAIN = {"opensearch": "OpenSearchNode", "elasticsearch": "org.elasticsearch.node.ElasticsearchNode"}
PLUGIN = "org.opensearch.knn.plugin.KNNPlugin"
_QUEUE = ("thread_pool.write.size=1", "thread_pool.write.queue_size=1")
LIMITS = {"opensearch": _QUEUE, "elasticsearch": (*_QUEUE, "script.allowed_types=none")}
"""Settings of a limited node; one of OpenSearch lacks the k-NN plug-in, too."""


class EngineNode:
    """One node; `start` it, and `stop` it surely."""

    def __init__(self, release: Release, name: str = "n1", *, limited: bool = False) -> None:
        """Make the folder."""
        self.name, self.release, self._limited = name, release, limited
        self.port, self.transport = free_port(), free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"lookalike-{release.name}-"))
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self, nodes: list[EngineNode]) -> None:
        """Start the node among `nodes`, itself one of them, and do not wait for it."""
        java = self.release.java()
        assert java is not None
        command = [
            *ending_with_us(), java, *([] if self._limited else [f"-Dplugin={PLUGIN}"]),
            f"-Xms{HEAP}", f"-Xmx{HEAP}", "-XX:+UseSerialGC", *COMPILER,
            "-cp", self.release.class_path(), MAIN[self.release.engine], self.name, str(self.port), str(self.transport),
            ",".join(f"127.0.0.1:{node.transport}" for node in nodes), ",".join(node.name for node in nodes),
            str(self.folder), *(LIMITS[self.release.engine] if self._limited else ()),
        ]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
            )

    def wait(self, path: str) -> None:
        """Wait until the node answers a GET of `path`."""
        assert self._process is not None
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                self.get(path)
                return
            except OSError as error:
                if self._process.poll() is not None or time.monotonic() > until:
                    log = (self.folder / "log").read_text(errors="replace")[-4000:]
                    raise RuntimeError(f"{self.release.name} did not start: {error}\n{log}") from error
                time.sleep(0.2)

    def get(self, path: str) -> Any:
        """Return what the node answers, behind the back of what is tested."""
        return self.request("GET", path)

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Return the answer to a request with JSON; raises `urllib.error.HTTPError`."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or "null")

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End the node, by default as a loss of power does; what it has written to its folder stays."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_SECONDS)
            self._process = None

    def pause(self) -> None:
        """Hold the node still, as a machine that swaps does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let the node go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End the node, and take its folder away."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class EngineServer:
    """One node, or a cluster of several."""

    def __init__(self, release: Release, count: int = 1, *, limited: bool = False) -> None:
        """Make the folders. Skips the test where the release or its JDK is not there.

        Args:
            limited: whether it computes no distances, and refuses what it cannot write at once: `LIMITS`.
        """
        if release.java() is None or (shutil.which("mvn") is None and not release.is_there()):
            missing(release.name, f"install Maven and a JDK of {release.jdk} or newer, then make servers")
        if not release.is_there():
            missing(release.name, "make servers")
        self.release = release
        self.nodes = [EngineNode(release, f"n{i + 1}", limited=limited) for i in range(count)]

    @property
    def url(self) -> str:
        """The URL of all nodes."""
        return f"{self.release.engine}://{','.join(f'127.0.0.1:{node.port}' for node in self.nodes)}"

    def start(self) -> None:
        """Start the nodes, and wait until they have found one another."""
        for node in self.nodes:
            node.launch(self.nodes)
        for node in self.nodes:
            node.wait(f"/_cluster/health?wait_for_nodes={len(self.nodes)}&wait_for_status=green&timeout=1s")
        settings = {"cluster.routing.allocation.disk.threshold_enabled": False}
        self.request("PUT", "/_cluster/settings", {"persistent": settings})

    def restart(self, node: EngineNode) -> None:
        """Start a node again that was killed, and wait until every shard is whole again."""
        node.launch(self.nodes)
        node.wait(f"/_cluster/health?wait_for_nodes={len(self.nodes)}&wait_for_status=green&timeout=1s")

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Return what the first node answers."""
        return self.nodes[0].request(method, path, body)

    def stop(self) -> None:
        """End the nodes."""
        for node in self.nodes:
            node.stop()


@contextlib.contextmanager
def running(release: Release, count: int = 1, *, limited: bool = False) -> Iterator[EngineServer]:
    """Start a server of `count` nodes, and stop it at the end."""
    server = EngineServer(release, count, limited=limited)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def chosen_releases() -> list[Release]:
    """Return the releases that tests run on.

    These are all if LOOKALIKE_ENGINES=all, or those that it names, as in `opensearch-3.5,elasticsearch-9.5`; else the
    newest of each engine that a JDK of this machine runs.
    """
    named = os.environ.get("LOOKALIKE_ENGINES", "")
    if named:
        return [release for release in RELEASES if named == "all" or release.name in named.split(",")]
    newest = max((version for version, _ in jdks()), default=0)
    of_engine: dict[str, Release] = {}
    for release in RELEASES:
        if release.jdk <= newest or release.engine not in of_engine:
            of_engine[release.engine] = release
    return list(of_engine.values())


GROUPED = [
    pytest.param(release, id=release.name, marks=pytest.mark.xdist_group(release.name))
    for release in chosen_releases()
]


@pytest.fixture(scope="session", params=GROUPED)
def engine_server(request: pytest.FixtureRequest) -> Iterator[EngineServer]:
    """Return one node of each release, for the whole session: leave it running, and others' indexes alone."""
    with running(request.param) as server:
        yield server


@pytest.fixture
def index_name(engine_server: EngineServer) -> Iterator[str]:
    """Return the name of an index that is not there, and remove it and all whose names begin with it."""
    name = f"test-{uuid.uuid4().hex}"
    yield name
    for index in engine_server.request("GET", f"/_cat/indices/{name}*?format=json&expand_wildcards=all"):
        with contextlib.suppress(urllib.error.HTTPError):
            engine_server.request("DELETE", f"/{index['index']}")


@pytest.fixture(params=GROUPED)
def engine_cluster(request: pytest.FixtureRequest) -> Iterator[EngineServer]:
    """Return three nodes of the test's own."""
    with running(request.param, 3) as server:
        yield server


@pytest.fixture(params=GROUPED)
def limited_server(request: pytest.FixtureRequest) -> Iterator[EngineServer]:
    """Return one node of the test's own, which is limited."""
    with running(request.param, limited=True) as server:
        yield server
