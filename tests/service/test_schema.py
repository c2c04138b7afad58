"""Requests of all kinds, made from the OpenAPI document: none is the server's fault, and answers are as they say."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance
from starlette.testclient import TestClient
from tests.service.conftest import make_shop

from lookalike.service.app import make_app
from lookalike.service.fetch import Fetcher
from lookalike.service.settings import Limits, Settings

CASES = int(os.environ.get("LOOKALIKE_CASES", "6"))
"""Of each route and of each mode, at most; `--junitxml=FILE -o junit_family=xunit1` tells how many there were."""
ABOUT_MEANING = (positive_data_acceptance, negative_data_rejection)
"""What a document allows may still make no sense together, such as a field that no source has."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("api")
    make_shop(folder / "shop", folder / "files", count=12)
    limits = Limits(requests_a_second=1e5, burst=10**6)  # no request is turned away before it is looked at
    app = make_app(
        Settings(collection=str(folder / "shop"), cache=folder / "cache", fetch_urls=True, limits=limits)
    )
    app.state.fetcher = Fetcher(ports=(80, 443), most_bytes=1000, seconds=5, resolve=nowhere)
    loaded = schemathesis.openapi.from_asgi("/openapi.json", app, headers={"host": "localhost"})
    yield loaded


@pytest.fixture(scope="module")
def ids(api: Any) -> list[str]:
    """Return the ids of the sources that there are at the beginning."""
    with TestClient(api.app, base_url="http://localhost") as client:
        return [source["id"] for source in client.get("/api/v1/sources").json()["sources"]]


def name_a_source(case: Any, id_: str) -> None:
    """Have a request name a source that there is, or was, where it names any: most drawn ones name none."""
    if "id_" in (case.path_parameters or {}):
        case.path_parameters["id_"] = id_
    if isinstance(case.body, dict):
        for name in case.body.keys() & {"query", "id", "ids", "queries"}:
            case.body[name] = {"query": {"id": id_}, "id": id_, "ids": [id_], "queries": [{"id": id_}]}[name]
            if name == "ids" and "vectors" in case.body:
                case.body["vectors"] = case.body["vectors"][:1]


async def nowhere(host: str, port: int) -> list[str]:
    """Return the addresses of a host, of which there is none: nothing is asked of the internet."""
    return []


def operations() -> list[str]:
    """Return the routes of the document, as "POST /api/v1/search"."""
    paths = make_app(Settings()).openapi()["paths"]
    return [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("operation", operations())
def test_a_request_is_answered_as_the_document_says(
    api: Any,
    ids: list[str],
    operation: str,
    mode: GenerationMode,
    record_property: Callable[[str, object], None],
) -> None:
    method, path = operation.split(" ")
    described = api[path][method]
    if mode is GenerationMode.NEGATIVE and not (
        described.body or described.query or described.path_parameters
    ):
        pytest.skip("nothing can be wrong with it")

    @given(described.as_strategy(generation_mode=mode))
    @settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
    def answered(case: Any) -> None:
        if mode is GenerationMode.POSITIVE and statuses.total() % 2:
            name_a_source(case, ids[statuses.total() // 2 % len(ids)])
        answer = case.call(headers={"host": "localhost"})
        statuses[answer.status_code] += 1
        case.validate_response(answer, excluded_checks=[ignored_auth, *ABOUT_MEANING])

    statuses: Counter[int] = Counter()
    try:
        answered()
    finally:
        record_property("cases", statuses.total())
        record_property("statuses", json.dumps(statuses))
