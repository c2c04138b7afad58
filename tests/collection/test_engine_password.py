"""The password of an engine's URL: known to the engine's client alone, once that is opened."""

from __future__ import annotations

import gc
import types
from pathlib import Path
from typing import Any

import pytest
from tests.collection.test_engine_home import FEW, add, found
from tests.services.engines import EngineServer

from lookalike import Collection
from lookalike.engine.drivers import Driver
from lookalike.errors import EngineUnavailableError, OptionError

SECRET = "s3cr%40t"
LEFT_OUT = (Driver, type, types.ModuleType, types.FunctionType, types.FrameType)


@pytest.fixture
def url(engine_server: EngineServer) -> str:
    """A URL with a password, which an engine without security does not look at."""
    return engine_server.url.replace("://", f"://shop:{SECRET}@")


def texts(thing: Any) -> list[str]:
    """All texts that an object holds, but for those of the engine's client."""
    seen: dict[int, Any] = {}
    stack = [thing]
    while stack:
        one = stack.pop()
        if id(one) not in seen and not isinstance(one, LEFT_OUT):
            seen[id(one)] = one
            stack += gc.get_referents(one)
    return [one for one in seen.values() if isinstance(one, str)]


def test_a_password_is_kept_by_the_client_alone(tmp_path: Path, url: str) -> None:
    with Collection.create(tmp_path / "c", engine=url) as collection:
        assert any(SECRET in text for text in texts(collection))  # until the engine is opened
        add(collection, 0, FEW)
        assert found(collection, 3)[0] == "s3"
        told = texts(collection)
        assert any("lookalike-vectors-" in text for text in told)
        assert not [text for text in told if SECRET in text or "s3cr@t" in text]
        assert SECRET not in str(collection.info()) + repr(collection) + str(collection.index("vectors"))
        collection.set_index("vectors", engine=url)
        assert not [text for text in texts(collection) if SECRET in text]
    for file in (tmp_path / "c").rglob("*"):
        assert file.is_dir() or SECRET.encode() not in file.read_bytes()
    with Collection.open(tmp_path / "c", engine=url) as collection:
        collection.remove_feature("vectors")


def test_a_password_for_another_engine_is_not_kept_where_that_cannot_be_reached(
    tmp_path: Path, engine_server: EngineServer
) -> None:
    with Collection.create(tmp_path / "c", engine=engine_server.url) as collection:
        add(collection, 0, 20)
        with pytest.raises(EngineUnavailableError) as refused:
            collection.set_index(
                "vectors", engine=f"{engine_server.release.engine}://shop:{SECRET}@127.0.0.1:1"
            )
        assert SECRET not in str(refused.value)
        assert not [text for text in texts(collection) if SECRET in text]
        collection.remove_feature("vectors")


@pytest.mark.parametrize("given", ["opensaerch://shop:s3cr%40t@h", "shop:s3cr%40t@h:9200"])
@pytest.mark.parametrize("option", ["engine", "buckets"])
def test_neither_error_nor_log_shows_the_password_of_a_mistyped_url(
    tmp_path: Path, given: str, option: str, caplog: pytest.LogCaptureFixture
) -> None:
    options: Any = {option: given}
    told = ""
    try:
        with Collection.create(tmp_path / "c", **options) as collection:
            add(collection, 0, 3)  # a store is opened by now
    except OptionError as error:
        told = str(error)
    assert "h" in told + caplog.text
    assert SECRET not in told + caplog.text
