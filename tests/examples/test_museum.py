"""The example of a museum runs as it is written, on every engine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.services.engines import EngineServer

MUSEUM = Path(__file__).parents[2] / "examples" / "museum.py"


def test_the_museum_finds_old_chairs_that_look_alike(engine_server: EngineServer) -> None:
    run = subprocess.run([sys.executable, str(MUSEUM), engine_server.url], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert all(
        "chair from the" in line and int(line.split()[1].partition(".")[0]) < 1900 for line in lines[:5]
    )
    assert lines[5].startswith("counts: ")
    assert lines[6].startswith("POST /lookalike-museum-")
    body = json.loads("\n".join(lines[7:]))
    assert body["size"] > 5
    assert body["aggs"]
    assert not [
        index
        for index in engine_server.request("GET", "/_cat/indices?format=json")
        if index["index"].startswith("lookalike-museum")
    ]
