"""What Dask logs in the thread of an open pool is left out, in whatever order pools close."""

import asyncio
import gc
import logging

import pytest
from tests.services import dask

pytestmark = dask.needed


def test_pools_that_overlap_leave_the_log_as_it_was(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from lookalike.features.dask_pool import DaskPool

    async def nothing(self: DaskPool) -> None:
        pass

    monkeypatch.setattr(DaskPool, "_connect", nothing)
    log = logging.getLogger("distributed.batched")

    async def fail() -> None:
        log.error("of the pool")

    first, second = (DaskPool("tcp://127.0.0.1:1", {}, {}, max_pixels=1, time_limit=None) for _ in range(2))
    first.__enter__()
    second.__enter__()
    first.__exit__()
    second._wait(fail())
    log.error("of another client in this process")
    second.__exit__()
    log.error("afterwards")
    assert "of the pool" not in caplog.text
    assert "of another client" in caplog.text
    assert "afterwards" in caplog.text
    assert log.filters == []


def test_an_error_that_a_task_of_dask_left_behind_is_not_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As when the client cancels what a lost scheduler had while the pool does; faults of ours are told."""
    from lookalike.features.dask_pool import DaskPool

    async def left_behind() -> None:
        async def fail() -> None:
            raise RuntimeError("left by a task")

        failing = asyncio.get_running_loop().create_task(fail())
        await asyncio.sleep(0.01)
        del failing
        gc.collect()

    async def wrong_callback() -> None:
        def fail() -> None:
            raise RuntimeError("in a callback")

        asyncio.get_running_loop().call_soon(fail)
        await asyncio.sleep(0.01)

    async def nothing(self: DaskPool) -> None:
        pass

    monkeypatch.setattr(DaskPool, "_connect", nothing)
    with DaskPool("tcp://127.0.0.1:1", {}, {}, max_pixels=1, time_limit=None) as pool:
        pool._wait(left_behind())
        pool._wait(wrong_callback())
    assert "left by a task" not in caplog.text
    assert "in a callback" in caplog.text
