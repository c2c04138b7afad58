"""A collection at hand, or behind a service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import pytest
from tests.collection.afar import NOT_FROM_AFAR, Create, Served

from lookalike import Collection


@pytest.fixture(params=["here", "afar"])
def create(request: pytest.FixtureRequest) -> Iterator[Create]:
    """Return what makes a collection; a test that takes it runs on both."""
    if request.param == "here":
        yield Collection.create
        return
    with ExitStack() as stack:

        def served(folder: Path) -> Collection:
            Collection.create(folder).close()
            return cast(Collection, stack.enter_context(Served(folder)))

        yield served


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what cannot be done from afar, with its reason."""
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            name = item.nodeid.rpartition("/")[2].partition("[")[0]
            reasons = [why for test, why in NOT_FROM_AFAR.items() if f"{name}::".startswith(f"{test}::")]
            if item.callspec.params.get("create") == "afar" and reasons:
                item.add_marker(pytest.mark.skip(reason=f"not from afar: {reasons[0]}"))
