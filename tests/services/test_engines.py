"""The search engines that the tests start."""

from __future__ import annotations

import pytest

from tests.services.engines import EngineServer, chosen_releases, running
from tests.services.fetch_engines import RELEASES


def test_a_node_is_of_its_release(engine_server: EngineServer) -> None:
    (node,) = engine_server.request("GET", "/_nodes")["nodes"].values()
    assert node["version"] == engine_server.release.version


def test_every_engine_is_tested() -> None:
    assert {release.engine for release in chosen_releases()} == {release.engine for release in RELEASES}


def test_a_stopped_node_leaves_nothing() -> None:
    release = chosen_releases()[0]
    with running(release) as server:
        (node,) = server.nodes
        assert node.folder.is_dir()
    assert not node.folder.exists()
    with pytest.raises(OSError, match="refused"):
        node.get("/")
