"""Clients that send a byte now and then are cut off, and keep nobody out."""

from __future__ import annotations

import socket
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.service.browser import served

SLOW = 150
HEADERS = (
    b"POST /api/v1/search HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
)


@pytest.fixture
def address(shop: Path, tmp_path: Path) -> Iterator[str]:
    with served(shop, tmp_path / "cache", LOOKALIKE_RECEIVE_SECONDS="4") as found:
        yield found


@pytest.mark.parametrize("sent", [HEADERS[:20], HEADERS, b""])
def test_slow_clients_are_cut_off_while_others_are_answered(address: str, sent: bytes) -> None:
    port = urlsplit(address).port
    assert port is not None
    clients = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(SLOW)]
    for client in clients:
        client.sendall(sent)
    left, deadline = list(clients), time.monotonic() + 30
    while left:
        assert time.monotonic() < deadline, f"{len(left)} are still there"
        with urllib.request.urlopen(f"{address}/api/v1/sources?limit=1", timeout=5) as answer:
            assert answer.status == 200
        left = [client for client in left if not is_cut_off(client, b"x" if sent else b"")]
        time.sleep(0.5)
    for client in clients:
        client.close()


def is_cut_off(client: socket.socket, more: bytes) -> bool:
    """Send a byte more, and tell whether the service has ended the connection."""
    try:
        if more:
            client.send(more)
        client.setblocking(False)
        while (data := client.recv(4096)) != b"":
            if b"HTTP/1.1 408" in data:
                return True
        return True
    except BlockingIOError:
        return False
    except (ConnectionError, BrokenPipeError):
        return True
    finally:
        client.setblocking(True)
