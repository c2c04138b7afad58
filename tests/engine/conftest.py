"""An engine, and a museum in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.engine.museum import make_museum
from tests.services.engines import EngineServer

from lookalike.engine import EngineIndex
from lookalike.engine.client import Engine


@pytest.fixture(scope="session")
def engine(engine_server: EngineServer) -> Iterator[Engine]:
    """Return an engine of each release."""
    opened = Engine.open(engine_server.url, timeout=60)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def museum(engine: Engine) -> Iterator[EngineIndex]:
    """Return an index of the museum, for the whole session: leave it as it is."""
    index = make_museum(engine, f"museum-for-reading-{engine.name}", shards=2, graph=True)
    yield index
    index.drop()
