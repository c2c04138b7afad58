"""The search engines that the tests start."""

from __future__ import annotations

import time
import urllib.error

import pytest

from tests.services.engines import EngineServer, running, tested_releases
from tests.services.fetch_engines import RELEASES


def test_a_node_is_of_its_release(engine_server: EngineServer) -> None:
    (node,) = engine_server.request("GET", "/_nodes")["nodes"].values()
    assert node["version"] == engine_server.release.version


def test_every_engine_is_tested() -> None:
    assert {release.engine for release in tested_releases()} == {release.engine for release in RELEASES}


def test_a_cluster_serves_every_document_after_a_kill(engine_cluster: EngineServer) -> None:
    engine_cluster.request("PUT", "/kept", {"settings": {"number_of_shards": 2, "number_of_replicas": 1}})
    engine_cluster.request("GET", "/_cluster/health/kept?wait_for_status=green&timeout=60s")
    for i in range(20):
        engine_cluster.request("PUT", f"/kept/_doc/{i}?refresh=true", {"n": i})
    engine_cluster.nodes[2].kill()
    until = time.monotonic() + 60
    while True:
        try:
            assert engine_cluster.request("GET", "/kept/_count?q=*:*")["count"] == 20
            break
        except (urllib.error.HTTPError, AssertionError):
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
    engine_cluster.restart(engine_cluster.nodes[2])
    assert engine_cluster.request("GET", "/_cluster/health")["number_of_nodes"] == 3


def test_a_stopped_node_leaves_nothing() -> None:
    release = tested_releases()[0]
    with running(release) as server:
        (node,) = server.nodes
        assert node.folder.is_dir()
    assert not node.folder.exists()
    with pytest.raises(OSError, match="refused"):
        node.get("/")
