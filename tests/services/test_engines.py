"""The search engines that the tests start."""

from __future__ import annotations

import pytest

from tests.services.engines import EngineServer, chosen_releases
from tests.services.fetch_engines import RELEASES


def test_a_node_is_of_its_release(engine_server: EngineServer) -> None:
    (node,) = engine_server.request("GET", "/_nodes")["nodes"].values()
    assert node["version"] == engine_server.release.version


def test_every_engine_is_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOOKALIKE_ENGINES", raising=False)
    assert {release.engine for release in chosen_releases()} == {release.engine for release in RELEASES}


def test_a_stopped_node_leaves_nothing() -> None:
    server = EngineServer(chosen_releases()[0])
    (node,) = server.nodes
    node.launch([node])
    assert node.folder.is_dir()
    server.stop()
    assert not node.folder.exists()
    with pytest.raises(OSError, match="refused"):
        node.get("/")
