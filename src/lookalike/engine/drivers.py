"""The engines' own clients, behind one face: opensearch-py, and elasticsearch-py of 8 and 9."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from lookalike.engine.urls import EngineUrl, Name
from lookalike.errors import MissingDependencyError, OptionError
from lookalike.urls import shown_url

COMPATIBLE = "application/vnd.elasticsearch+{}; compatible-with=8"
"""What Elasticsearch 8 and 9 both take and give, whichever of these elasticsearch-py is for."""
CONNECTIONS = 16
"""Kept open to each node, for so many threads."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the server: HTTP's status, and its body as JSON types (or text)."""

    status: int
    body: Any


class Unreachable(Exception):  # noqa: N818 - becomes an error of the project at once
    """The server gave no answer; the message says why."""

    def __init__(self, message: str, *, timed_out: bool = False, wrong_client: bool = False) -> None:
        """Take what is known."""
        super().__init__(message)
        self.timed_out, self.wrong_client = timed_out, wrong_client


class Driver(ABC):
    """A client of one of the packages."""

    name: ClassVar[Name]
    """Whose client it is."""
    ours: bool
    """Whether it was made here, and not by the caller."""
    hosts: int
    """Nodes that it knows."""
    shown: str

    @abstractmethod
    def send(
        self,
        method: str,
        path: str,
        data: bytes | None,
        params: dict[str, str],
        timeout: float,
        lines: bool,
    ) -> Answer:
        """Send one request, once where the client is ours. Raises Unreachable.

        Args:
            lines: whether `data` are lines of JSON.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the connections, where the client is ours."""


def make_driver(url: EngineUrl) -> Driver:
    """Return a client for `url`. Raises MissingDependencyError."""
    return (_OpenSearch if url.name == "opensearch" else _Elasticsearch).make(url)


def driver_of(client: Any) -> Driver:
    """Return the face of a client of the caller's. Raises OptionError for what is none."""
    kind = type(client)
    package = kind.__module__.partition(".")[0]
    if kind.__name__.startswith("Async"):
        raise OptionError(f"{kind.__name__} answers later; give the client {kind.__name__[5:]}")
    if package == "opensearchpy" and hasattr(client, "transport"):
        return _OpenSearch(client, ours=False)
    if package in ("elasticsearch", "elasticsearch8", "elasticsearch9") and hasattr(
        client, "perform_request"
    ):
        return _Elasticsearch(client, ours=False)
    raise OptionError(
        f"{kind.__name__} is no search engine; give a URL such as opensearch://host:9200, "
        "or a client OpenSearch or Elasticsearch"
    )


class _OpenSearch(Driver):
    name = "opensearch"

    def __init__(self, client: Any, *, ours: bool) -> None:
        self._client, self.ours = client, ours
        nodes = client.transport.connection_pool.connections
        self.hosts = len(nodes)
        self.shown = ",".join(shown_url(node.host) for node in nodes)

    @classmethod
    def make(cls, url: EngineUrl) -> _OpenSearch:
        try:
            import opensearchpy
        except ModuleNotFoundError as error:
            raise MissingDependencyError(
                "opensearch:// needs opensearch-py; install lookalike[opensearch]"
            ) from error
        client = opensearchpy.OpenSearch(
            list(url.hosts),
            http_auth=url.login,
            serializer=_quick(opensearchpy.serializer.JSONSerializer)(),
            max_retries=0,
            pool_maxsize=CONNECTIONS,
        )
        return cls(client, ours=True)

    def send(
        self,
        method: str,
        path: str,
        data: bytes | None,
        params: dict[str, str],
        timeout: float,
        lines: bool,
    ) -> Answer:
        from opensearchpy import exceptions

        try:
            body = self._client.transport.perform_request(
                method,
                path,
                params=params,
                body=data,
                timeout=timeout,
                headers={"content-type": "application/x-ndjson" if lines else "application/json"},
            )
        except exceptions.ConnectionTimeout as error:
            raise Unreachable(f"no answer within {timeout:g} seconds", timed_out=True) from error
        except exceptions.ConnectionError as error:
            raise Unreachable(f"no connection ({_line(error.info)})") from error
        except exceptions.TransportError as error:
            if not isinstance(error.status_code, int):
                raise Unreachable(_line(error)) from error
            return Answer(error.status_code, error.info or error.error)
        except exceptions.SerializationError as error:
            raise Unreachable(f"answered what is no JSON ({_line(error)})") from error
        return Answer(200, body)

    def close(self) -> None:
        if self.ours:
            self._client.close()


class _Elasticsearch(Driver):
    name = "elasticsearch"

    def __init__(self, client: Any, *, ours: bool) -> None:
        self._client, self.ours = client, ours
        nodes = client.transport.node_pool.all()
        self.hosts = len(nodes)
        self.shown = ",".join(shown_url(node.base_url) for node in nodes)

    @classmethod
    def make(cls, url: EngineUrl) -> _Elasticsearch:
        try:
            import elasticsearch
            from elasticsearch.serializer import CompatibilityModeJsonSerializer
        except ModuleNotFoundError as error:
            raise MissingDependencyError(
                "elasticsearch:// needs elasticsearch-py; install lookalike[elasticsearch]"
            ) from error
        client = elasticsearch.Elasticsearch(
            list(url.hosts),
            basic_auth=url.login,
            serializers={CompatibilityModeJsonSerializer.mimetype: _quick(CompatibilityModeJsonSerializer)()},
            max_retries=0,
            connections_per_node=CONNECTIONS,
        )
        return cls(client, ours=True)

    def send(
        self,
        method: str,
        path: str,
        data: bytes | None,
        params: dict[str, str],
        timeout: float,
        lines: bool,
    ) -> Answer:
        import elastic_transport

        headers = {"accept": COMPATIBLE.format("json")}
        if data is not None:
            headers["content-type"] = COMPATIBLE.format("x-ndjson" if lines else "json")
        try:
            answer = self._client.options(request_timeout=timeout).perform_request(
                method, path, params=params or None, headers=headers, body=data
            )
        except elastic_transport.ConnectionTimeout as error:
            raise Unreachable(f"no answer within {timeout:g} seconds", timed_out=True) from error
        except elastic_transport.TransportError as error:
            raise Unreachable(f"no connection ({_line(error)})") from error
        except elastic_transport.ApiError as error:
            status = error.meta.status
            if type(error).__name__ == "UnsupportedProductError" or status == 406:
                raise Unreachable(
                    "is no Elasticsearch, and its client refuses others; where it is OpenSearch, write opensearch:// "
                    "in its URL, or give a client of opensearch-py",
                    wrong_client=True,
                ) from error
            return Answer(status, error.body)
        return Answer(answer.meta.status, answer.body)

    def close(self) -> None:
        if self.ours:
            self._client.close()


def _quick(serializer: Any) -> Any:
    """Return the class of a serializer that reads JSON by orjson: vectors in answers, above all."""
    import orjson

    class Quick(serializer):  # type: ignore[misc]
        def loads(self, data: Any) -> Any:
            try:
                return orjson.loads(data) if data else None
            except json.JSONDecodeError:
                return super().loads(data)  # which raises the package's own error

    return Quick


def _line(error: object) -> str:
    return " ".join(str(error).split())[:200]
