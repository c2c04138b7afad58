"""Reaching engines: URLs, clients of the caller's, and what is said where they cannot be reached or refuse."""

from __future__ import annotations

from typing import Any

import elasticsearch
import elasticsearch9
import opensearchpy
import pytest
from tests.services.engines import EngineServer
from tests.services.faulty import faulty_proxy
from tests.services.redis import free_port

from lookalike.engine.client import Engine, path_of
from lookalike.engine.urls import EngineUrl
from lookalike.errors import EngineError, EngineUnavailableError, InputError, OptionError


def port_of(server: EngineServer) -> int:
    return server.nodes[0].port


@pytest.mark.parametrize(
    ("url", "hosts", "login"),
    [
        ("opensearch://db", ("http://db:9200",), None),
        ("OpenSearch+https://db:1", ("https://db:1",), None),
        ("elasticsearch://u:p%40%3A@a:1,b:2/", ("http://a:1", "http://b:2"), ("u", "p@:")),
        ("elasticsearch+https://[::1]:9200", ("https://[::1]:9200",), None),
        ("opensearch://u@db", ("http://db:9200",), ("u", "")),
    ],
)
def test_what_a_url_says(url: str, hosts: tuple[str, ...], login: tuple[str, str] | None) -> None:
    parsed = EngineUrl.parse(url)
    assert (parsed.hosts, parsed.login) == (hosts, login)


@pytest.mark.parametrize(
    "url",
    [
        "db:9200", "http://u:s3cret@db", "opensearch+http2://db", "opensearch://", "opensearch://u:s3cret@db:port",
        "opensearch://u:s3cret@db/index", "elasticsearch://a,,b", "opensearch://a:1?x=1",
    ],
)  # fmt: skip
def test_other_urls_are_refused_without_their_passwords(url: str) -> None:
    with pytest.raises(OptionError, match=r"^[^\n]+$") as refused:
        Engine.open(url)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("target", [None, 5, object(), elasticsearch.AsyncElasticsearch])
def test_what_is_no_client_is_refused(target: Any) -> None:
    with pytest.raises(OptionError, match="give"):
        Engine.open(target)


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), "long"])
def test_a_timeout_is_a_number_of_seconds(timeout: Any) -> None:
    with pytest.raises(OptionError, match="timeout is"):
        Engine.open("opensearch://127.0.0.1", timeout=timeout)


def test_an_engine_says_what_it_is(engine_server: EngineServer) -> None:
    with_password = engine_server.url.replace("://", "://shop:s3cret@")
    engine = Engine.open(with_password)
    assert (engine.name, engine.version) == (
        engine_server.release.engine,
        tuple(map(int, engine_server.release.version.split("."))),
    )
    assert engine.shown == engine_server.url.replace("://", "://shop@")
    engine.close()


def test_every_client_of_the_engine_may_be_handed_in(engine_server: EngineServer) -> None:
    url = f"http://127.0.0.1:{port_of(engine_server)}"
    clients: list[Any] = [opensearchpy.OpenSearch(url)]
    if engine_server.release.engine == "elasticsearch":
        clients += [elasticsearch.Elasticsearch(url), elasticsearch9.Elasticsearch(url)]
    for client in clients:
        engine = Engine.open(client)
        assert engine.name == engine_server.release.engine
        with pytest.raises(EngineError, match="no such index"):
            engine.call("POST", path_of("nothing", "_search"), {})
        engine.close()
        client.close()


def test_the_wrong_client_is_told_in_words(engine_server: EngineServer) -> None:
    port = port_of(engine_server)
    if engine_server.release.engine == "opensearch":
        with pytest.raises(EngineError, match=r"is no Elasticsearch.*write opensearch://"):
            Engine.open(f"elasticsearch://127.0.0.1:{port}")
        client = elasticsearch9.Elasticsearch(f"http://127.0.0.1:{port}")
        with pytest.raises(EngineError, match="give a client of opensearch-py"), client:
            Engine.open(client)
    else:
        with pytest.raises(OptionError, match=r"is elasticsearch .*write its URL with elasticsearch://"):
            Engine.open(f"opensearch://127.0.0.1:{port}")


@pytest.mark.parametrize("scheme", ["opensearch", "elasticsearch"])
def test_an_engine_that_is_down_is_named_without_its_password(scheme: str) -> None:
    port = free_port()
    with pytest.raises(
        EngineUnavailableError, match=rf"^{scheme}://shop@127.0.0.1:{port}: no connection.*try again$"
    ):
        Engine.open(f"{scheme}://shop:s3cret@127.0.0.1:{port}")


def test_one_dead_host_of_several_does_not_matter(engine_server: EngineServer) -> None:
    hosts = f"127.0.0.1:{free_port()},127.0.0.1:{port_of(engine_server)}"
    engine = Engine.open(f"{engine_server.release.engine}://{hosts}")
    for _ in range(6):
        assert engine.call("GET", "/_cluster/health")["number_of_nodes"] == 1
    engine.close()


def test_a_lost_answer_is_asked_for_again(engine_server: EngineServer) -> None:
    with faulty_proxy(port_of(engine_server)) as proxy:
        engine = Engine.open(f"{engine_server.release.engine}://127.0.0.1:{proxy.port}")
        proxy.lose = 2
        assert engine.call("GET", "/_cluster/health")["number_of_nodes"] == 1
        assert len(proxy.lost) == 2
        proxy.lose = 100
        with pytest.raises(EngineUnavailableError, match="index 'some': no connection"):
            engine.call("POST", "/some/_search", {})
        engine.close()


def test_a_request_that_takes_too_long_is_told(engine: Engine) -> None:
    with pytest.raises(EngineUnavailableError, match=r"no answer within 0\.0\d+ seconds"):
        engine.call("GET", "/_nodes/stats", timeout=0.001)


def test_what_no_json_holds_is_refused(engine: Engine) -> None:
    with pytest.raises(InputError, match="cannot be written as JSON"):
        engine.call("POST", "/_search", {"a": object()})


def test_refusals_say_what_to_do(engine: Engine, index_name: str) -> None:
    with pytest.raises(
        EngineError, match=f"index '{index_name}': no such index.*create it, or see"
    ) as missing:
        engine.call("POST", path_of(index_name, "_search"), {})
    assert (missing.value.status, missing.value.kind) == (404, "index_not_found_exception")
    with pytest.raises(EngineError, match=r"\(400\)"):
        engine.call("POST", "/_search", {"query": {"nonsense": {}}})
