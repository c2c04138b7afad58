"""One door to OpenSearch and Elasticsearch: requests, retries, and failures as errors that say what to do."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from lookalike.arguments import as_number, shown
from lookalike.engine.drivers import Driver, Unreachable, driver_of, make_driver
from lookalike.engine.urls import EngineUrl, Name
from lookalike.errors import EngineError, EngineUnavailableError, InputError, OptionError

TIMEOUT = 10.0
PAUSES = (0.1, 0.4, 1.6)
"""Seconds before each further try of a request that was not answered, or answered by `BUSY`."""
BUSY = frozenset({429, 502, 503, 504})
PASSING = (
    "node_disconnected_exception",
    "node_not_connected_exception",
    "node_closed_exception",
    "connect_transport_exception",
    "no_shard_available_action_exception",
    "unavailable_shards_exception",
    "search_context_missing_exception",
)
"""Errors of a request that a node went away under, whatever their status."""
LINES = ("/_bulk", "/_msearch")
"""Requests whose bodies are lines."""
REASON_ENDS = 250, 150
"""Signs of a long reason that are shown: at its start, and at its end."""

Body = Mapping[str, Any] | Sequence[Mapping[str, Any]] | bytes
"""JSON: an object, the lines of `_bulk` or `_msearch`, or the same as bytes."""


class Engine:
    """One OpenSearch or Elasticsearch: a node or a cluster. Safe for threads."""

    def __init__(self, driver: Driver, shown: str, timeout: float) -> None:
        """Take what `open` found."""
        self._driver, self._timeout = driver, timeout
        self.shown = shown
        """The URL without its password."""
        try:
            self.name, self.version = self._identify()
        except BaseException:
            driver.close()
            raise
        """`opensearch` or `elasticsearch`, and its version, as (3, 5, 0)."""

    @classmethod
    def open(cls, target: Any, *, timeout: float = TIMEOUT) -> Engine:
        """Reach an engine.

        Args:
            target: its URL (`lookalike.engine.urls`), or a client of `opensearchpy` or `elasticsearch`, set up as the
                caller likes.
            timeout: seconds that one request may take.

        Raises:
            OptionError: no such URL or client, or one of the other engine.
            MissingDependencyError: the engine's client is not installed.
            EngineUnavailableError: the engine cannot be reached.
            EngineError: it refuses.
        """
        seconds = as_number(timeout, "timeout")
        if not 0 < seconds < float("inf"):
            raise OptionError(f"timeout is {shown(timeout)}; give a number of seconds above 0")
        if isinstance(target, Engine):
            return target
        if isinstance(target, str):
            url = EngineUrl.parse(target)
            return cls(make_driver(url), url.shown, seconds)
        driver = driver_of(target)
        return cls(driver, driver.shown, seconds)

    def call(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        *,
        params: Mapping[str, str] | None = None,
        timeout: float | None = None,
        parts: str = "",
    ) -> Any:
        """Return what the engine answers, as JSON types; None for an empty answer.

        A request that is not answered, or that the engine is too busy for, or that lost a node, is sent again a few
        times: whatever is sent here does the same when it is done twice.

        Args:
            method: as "POST".
            path: of `path_of`.
            timeout: seconds, instead of the engine's own.
            parts: the member of the answer that lists answers which may have failed each by itself.

        Raises:
            EngineUnavailableError: it cannot be reached, or is too busy.
            EngineError: it refuses; `status` and `kind` say how.
            InputError: `body` holds what no JSON can.
        """
        data = None if body is None else as_bytes(body)
        for pause in (*PAUSES, None):
            try:
                answer = self._driver.send(
                    method, path, data, dict(params or {}), timeout or self._timeout, path.endswith(LINES)
                )
            except Unreachable as error:
                if pause is None or (error.timed_out and self._driver.hosts < 2):
                    raise self._unreachable(error, path) from error
            else:
                if answer.status < 400:
                    inner = answer.body.get(parts, []) if parts else []
                    lost = any(passes(one.get("status", 500), one) for one in inner if "error" in one)
                    if pause is None or not lost:
                        return answer.body
                elif pause is None or not passes(answer.status, answer.body):
                    raise self.refusal(answer.status, answer.body, _index_of(path))
            time.sleep(pause)
        raise AssertionError("unreachable")

    def refusal(self, status: int, answer: Any, index: str) -> EngineError:
        """Return the error for an answer of `status` to a request about `index`, or for one of its items."""
        kind, reason = _told(answer)
        about = f"{self.shown}, index {index!r}" if index else self.shown
        advice = _advice(passes(status, answer), status, kind, reason, index)
        kind_of_error = EngineUnavailableError if passes(status, answer) else EngineError
        error = kind_of_error(f"{about}: {reason} ({status}); {advice}")
        error.status, error.kind = status, kind
        return error

    def close(self) -> None:
        """Close the connections, unless the client is the caller's."""
        self._driver.close()

    def _identify(self) -> tuple[Name, tuple[int, ...]]:
        """Return what the server calls itself, which `GET /` tells, and where a user may not ask that, `_nodes`."""
        try:
            told = self.call("GET", "/")
            number = str(told["version"]["number"])
            name: Name = (
                "opensearch" if told["version"].get("distribution") == "opensearch" else "elasticsearch"
            )
        except EngineUnavailableError:
            raise
        except (EngineError, KeyError, TypeError) as error:
            if isinstance(error, EngineError) and error.status == 401:
                raise
            asked = {"filter_path": "nodes.*.version,nodes.*.build_flavor"}
            nodes = list(self.call("GET", "/_nodes", params=asked)["nodes"].values())
            number = min(str(node["version"]) for node in nodes)
            name = "elasticsearch" if "build_flavor" in nodes[0] else "opensearch"
        if name != self._driver.name and self._driver.ours:
            raise OptionError(
                f"{self.shown} is {name} {number}; write its URL with {name}:// instead of {self._driver.name}://"
            )
        return name, tuple(int(part) for part in number.partition("-")[0].split("."))

    def _unreachable(self, error: Unreachable, path: str) -> EngineError:
        if error.wrong_client:
            return EngineError(f"{self.shown} {error}")
        index = _index_of(path)
        about = f"{self.shown}, index {index!r}" if index else self.shown
        return EngineUnavailableError(
            f"{about}: {error}; see that it runs and can be reached, then try again"
        )


def passes(status: int, answer: Any) -> bool:
    """Whether what was answered may be otherwise in a moment."""
    return status in BUSY or (status >= 400 and any(kind in str(answer) for kind in PASSING))


def path_of(*parts: str) -> str:
    """Return the path of a request: names and ids between slashes, quoted where they hold what a path reserves."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


def as_bytes(body: Body) -> bytes:
    """Return JSON as it is sent. Raises InputError for what no JSON holds."""
    import orjson

    if isinstance(body, bytes):
        return body
    try:
        if isinstance(body, Mapping):
            return orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
        return b"".join(
            orjson.dumps(line, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE) for line in body
        )
    except TypeError as error:
        raise InputError(
            f"what is to be sent to the search engine cannot be written as JSON: {error}"
        ) from error


def _index_of(path: str) -> str:
    first = path.split("/")[1]
    return "" if first.startswith("_") else first


def _told(answer: Any) -> tuple[str, str]:
    """Return the engine's name of what was wrong, and its reason in one line."""
    error = answer.get("error", answer) if isinstance(answer, Mapping) else answer
    kind, reason = "", str(error)
    while isinstance(error, Mapping):
        kind = kind or str(error.get("type", ""))
        reason = str(error.get("reason") or reason)
        causes = [*(error.get("failed_shards") or [{}])[:1], error.get("caused_by")]
        error = next((cause.get("reason", cause) for cause in causes if cause), None)
        if isinstance(error, str):
            reason, error = f"{reason}: {error}", None
    line = " ".join(reason.split())
    start, end = REASON_ENDS
    return kind, line if len(line) <= start + end else f"{line[:start]} ... {line[-end:]}"


def _advice(passing: bool, status: int, kind: str, reason: str, index: str) -> str:
    """Return what to do."""
    if kind in ("index_not_found_exception", "alias_not_found_exception"):
        return "create it, or see that its name is right"
    if "clause" in f"{kind} {reason}".lower():
        return "ask with fewer words, conditions or probes"
    if kind == "cluster_block_exception":
        if "read-only-allow-delete" in reason or "flood" in reason:
            return (
                f"free room on the disks, then set index.blocks.read_only_allow_delete of {index!r} to null"
            )
        return "wait until whoever blocked it is done, or lift the block"
    if status in (401, 403):
        return "give a user and a password that may do this"
    if passing:
        return "see that all its nodes run and are not overloaded, then try again"
    if kind in ("mapper_parsing_exception", "document_parsing_exception", "illegal_argument_exception"):
        return "see that fields and values fit the index's mapping"
    return "see what the engine says"
