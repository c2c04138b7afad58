"""The log of Dask's clients is off while a pool is open, in whatever order pools are closed."""

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
    log = logging.getLogger("distributed.client")
    first, second = (DaskPool("tcp://127.0.0.1:1", {}, {}, max_pixels=1, time_limit=None) for _ in range(2))
    first.__enter__()
    second.__enter__()
    first.__exit__()
    log.error("while the second is open")
    second.__exit__()
    log.error("afterwards")
    assert "while" not in caplog.text
    assert "afterwards" in caplog.text
    assert log.filters == []
