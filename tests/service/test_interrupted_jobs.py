"""A job whose process was killed is told of as what it is, and what is certain of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.service.conftest import Serve, as_http
from tests.service.shop import picture

from lookalike import Client, Collection
from lookalike.errors import ServiceError
from lookalike.service.jobs import Jobs

WRITER = """
import sys, time
from pathlib import Path
from lookalike import Collection
from lookalike.service.jobs import Jobs

folder, shop, file = map(Path, sys.argv[1:])

def run(progress):
    with Collection.open(shop) as collection:
        collection.add(file, listener=progress)
    print("stored", flush=True)
    time.sleep(600)

jobs = Jobs(folder)
for _ in range(2):
    print(jobs.submit("add", 2, run).id, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def writer(own_shop: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Return a process whose first job has stored a picture of two, and whose second waits; and the jobs' ids."""
    file = tmp_path / "new.png"
    file.write_bytes(picture(100))
    command = [sys.executable, "-c", WRITER, *map(str, (tmp_path / "cache" / "jobs", own_shop, file))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline().strip() for _ in range(3)]
        told.remove("stored")
        yield process, told
        process.kill()


def states(client: TestClient, ids: list[str]) -> list[str]:
    return [client.get(f"/api/v1/jobs/{id_}").json()["state"] for id_ in ids]


def test_jobs_of_another_process_that_lives_go_on(
    own_shop: Path, serve: Serve, writer: tuple[subprocess.Popen[str], list[str]]
) -> None:
    assert states(serve(own_shop), writer[1]) == ["running", "waiting"]


def test_jobs_of_a_killed_process_are_interrupted(
    own_shop: Path, serve: Serve, writer: tuple[subprocess.Popen[str], list[str]]
) -> None:
    process, ids = writer
    client = serve(own_shop)
    process.kill()
    process.wait()
    running, waiting = (client.get(f"/api/v1/jobs/{id_}").json() for id_ in ids)
    assert (running["state"], waiting["state"]) == ("interrupted", "interrupted")
    assert (running["done"], running["outcomes"]) == (1, {"added": 1})
    assert "are stored" in running["error"]
    assert "nothing of it is stored" in waiting["error"]
    with Collection.open(own_shop) as collection:
        assert collection.source(running["ids"][0]).id == running["ids"][0]
    events = client.get(f"/api/v1/jobs/{ids[0]}/events").text
    assert events.count("data: ") == 1
    assert "owner" not in events


def test_a_client_that_waits_for_an_interrupted_job_is_told(
    own_shop: Path, serve: Serve, writer: tuple[subprocess.Popen[str], list[str]]
) -> None:
    process, ids = writer
    http = serve(own_shop)
    process.kill()
    process.wait()
    with (
        Client("http://localhost", http=as_http(http)) as client,
        pytest.raises(ServiceError, match="send the others"),
    ):
        client._finished({"id": ids[0], "state": "running"})


def test_what_a_killed_process_left_is_tidied_by_the_next(
    own_shop: Path, tmp_path: Path, writer: tuple[subprocess.Popen[str], list[str]]
) -> None:
    process, ids = writer
    process.kill()
    process.wait()
    folder = tmp_path / "cache" / "jobs"
    jobs = Jobs(folder)
    assert jobs.submit("add", 0, lambda _: None) is not None
    jobs.close()
    assert list(folder.glob("*.lock")) == []
    assert [jobs.get(one).state for one in ids] == ["interrupted", "interrupted"]
