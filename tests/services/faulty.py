"""A proxy on loopback before a real server, which loses answers."""

from __future__ import annotations

import contextlib
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HEADERS = ("Content-Type", "X-Elastic-Product")


class FaultyProxy(ThreadingHTTPServer):
    """Passes requests on to `port`; throws as many answers away as `lose` says, and cuts the connection.

    With `lose_firsts`, the first answer to each method and path is lost. While it is `down`, nothing gets through.
    """

    daemon_threads = True

    def __init__(self, port: int) -> None:
        """Listen on a free port."""
        super().__init__(("127.0.0.1", 0), _Passing)
        self.target = port
        self.lose, self.lose_firsts, self.down = 0, False, False
        self._known: set[tuple[str, str]] = set()
        self.lost: list[str] = []
        """Paths whose answers were lost."""

    def loses(self, method: str, path: str) -> bool:
        """Whether this answer is to be lost."""
        first = self.lose_firsts and (method, path) not in self._known
        self._known.add((method, path))
        if not first and not self.lose:
            return False
        self.lose = max(0, self.lose - 1)
        self.lost.append(path)
        return True

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class _Passing(BaseHTTPRequestHandler):
    server: FaultyProxy
    protocol_version = "HTTP/1.1"

    def _pass(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.down:
            self.close_connection = True
            return
        kept = {
            name: value for name, value in self.headers.items() if name.lower() in ("content-type", "accept")
        }
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.server.target}{self.path}", data or None, kept, method=self.command
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, headers, body = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, headers, body = error.code, error.headers, error.read()
        if self.server.loses(self.command, self.path):
            self.close_connection = True
            return
        self.send_response(status)
        for name in HEADERS:
            if headers.get(name):
                self.send_header(name, headers[name])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _pass  # noqa: N815

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


@contextlib.contextmanager
def faulty_proxy(port: int) -> Iterator[FaultyProxy]:
    """Run a proxy before a server's port."""
    with FaultyProxy(port) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()
