"""An engine that was opened from a URL is closed whatever fails, and one of the caller's never."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.engine.museum import scheme
from tests.services.engines import EngineServer

from lookalike.engine import EngineIndex, drivers
from lookalike.engine.client import Engine, path_of
from lookalike.engine.urls import EngineUrl
from lookalike.errors import EngineError, EngineUnavailableError, OptionError


@pytest.fixture
def handles(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many clients of ours are open, as the one member of a list."""
    count = [0]
    made, closed = (
        drivers.make_driver,
        {one: one.close for one in (drivers._OpenSearch, drivers._Elasticsearch)},
    )

    def make(url: EngineUrl) -> Any:
        count[0] += 1
        return made(url)

    def close(self: Any) -> None:
        count[0] -= self.ours
        closed[type(self)](self)

    monkeypatch.setattr("lookalike.engine.client.make_driver", make)
    for one in closed:
        monkeypatch.setattr(one, "close", close)
    return count


def test_a_url_that_fails_leaves_no_engine_open(
    engine_server: EngineServer, engine: Engine, index_name: str, handles: list[int]
) -> None:
    url = engine_server.url
    with EngineIndex.create(url, index_name, scheme=scheme()):
        assert handles == [1]
    engine.call("PUT", path_of(f"{index_name}-other"), {"mappings": {"_source": {"enabled": False}}})
    failing: list[Callable[[], EngineIndex]] = [
        lambda: EngineIndex.create(url, index_name, scheme=scheme()),
        lambda: EngineIndex.attach(url, index_name, scheme=scheme()),
        lambda: EngineIndex.attach(url, f"{index_name}-other", scheme=scheme()),
        lambda: EngineIndex.attach(url, f"{index_name}-none", scheme=scheme()),
        lambda: EngineIndex.open(url, f"{index_name}-none"),
        lambda: EngineIndex.open(url, index_name, feature="none"),
    ]
    for fails in failing:
        with pytest.raises(EngineError):
            fails()
        assert handles == [0]


def test_an_engine_of_the_other_kind_or_out_of_reach_is_not_left_open(
    engine_server: EngineServer, handles: list[int]
) -> None:
    other = {"opensearch": "elasticsearch", "elasticsearch": "opensearch"}[engine_server.release.engine]
    with pytest.raises((OptionError, EngineError)):
        Engine.open(f"{other}://127.0.0.1:{engine_server.nodes[0].port}")
    with pytest.raises(EngineUnavailableError):
        Engine.open(f"{other}://127.0.0.1:1", timeout=1)
    assert handles == [0]


def test_an_engine_of_the_caller_s_stays_open(engine: Engine, index_name: str, handles: list[int]) -> None:
    with pytest.raises(EngineError):
        EngineIndex.open(engine, index_name)
    assert engine.call("GET", "/_cluster/health")
    assert handles == [0]


def test_no_password_is_in_what_a_url_is_shown_as() -> None:
    url = EngineUrl.parse("opensearch://shop:s3cret@127.0.0.1:9200")
    assert url.login == ("shop", "s3cret")
    assert "s3cret" not in repr(url) + str(url) + url.shown
