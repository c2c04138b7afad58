"""The example of a museum runs as it is written, on every engine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.services.engines import EngineServer

MUSEUM = Path(__file__).parents[2] / "examples" / "museum.py"

GUIDE = Path(__file__).parents[2] / "docs" / "engine.md"


def told_request() -> dict[str, Any]:
    """The first request that the guide shows: the example's, on OpenSearch."""
    request: dict[str, Any] = json.loads(GUIDE.read_text().split("```json\n")[1].split("```")[0])
    return request


def _without_vector(body: dict[str, Any]) -> dict[str, Any]:
    """Leave out the numbers of the query's vector, which are cut short."""
    assert body["query"]["script_score"]["script"]["params"].pop("query_value")
    return body


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
    if engine_server.release.engine == "opensearch":
        assert _without_vector(body) == _without_vector(told_request())
    assert not [
        index
        for index in engine_server.request("GET", "/_cat/indices?format=json")
        if index["index"].startswith("lookalike-museum")
    ]
