"""Requests of all kinds, made from the OpenAPI document: none is the server's fault, and answers are as they say."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance
from tests.service.conftest import make_shop

from lookalike.service.app import make_app
from lookalike.service.settings import Settings

CASES = int(os.environ.get("LOOKALIKE_CASES", "6"))
"""Of each route and of each mode, at most; `--junitxml=FILE -o junit_family=xunit1` tells how many there were."""
ABOUT_MEANING = (positive_data_acceptance, negative_data_rejection)
"""What a document allows may still make no sense together, such as a field that no source has."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("api")
    make_shop(folder / "shop", folder / "files", count=12)
    app = make_app(Settings(collection=str(folder / "shop"), cache=folder / "cache"))
    loaded = schemathesis.openapi.from_asgi("/openapi.json", app, headers={"host": "localhost"})
    yield loaded


def operations() -> list[str]:
    """Return the routes of the document, as "POST /api/v1/search"."""
    paths = make_app(Settings()).openapi()["paths"]
    return [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("operation", operations())
def test_a_request_is_answered_as_the_document_says(
    api: Any, operation: str, mode: GenerationMode, record_property: Callable[[str, object], None]
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
        sent.append(1)
        case.call_and_validate(headers={"host": "localhost"}, excluded_checks=[ignored_auth, *ABOUT_MEANING])

    sent: list[int] = []
    try:
        answered()
    finally:
        record_property("cases", len(sent))
