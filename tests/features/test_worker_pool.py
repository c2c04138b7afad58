"""A pool that is closed leaves nobody waiting, and one whose attendant failed goes on."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from lookalike.errors import FeatureError
from lookalike.features.batch import Extracted
from lookalike.features.registry import FeatureSpec
from lookalike.features.worker_pool import Batch, WorkerPool, _Attendant


def picture() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 30), (200, 30, 30)).save(stream, "PNG")
    return stream.getvalue()


def pool() -> WorkerPool:
    return WorkerPool([FeatureSpec("look", "look")], jobs=1, max_pixels=10**7, time_limit=30)


def test_batches_that_wait_when_it_is_closed_are_told() -> None:
    with pool() as opened:
        batches = [opened.submit([("a", picture())] * 50, [["look"]] * 50) for _ in range(20)]
    told = 0
    for batch in batches:
        try:
            assert all(isinstance(one, Extracted) for one in batch.results.result(10))
        except FeatureError:
            told += 1
    assert told > 0


def test_a_batch_that_was_given_when_it_is_closed_is_told() -> None:
    """One batch was finished, another given, and the next look finds the end."""
    opened = pool()
    opened.batches.put(None)
    attendant = _Attendant(opened)
    given = Batch([("a", picture())], [["look"]])
    attendant._given.append(given)
    attendant.run()
    with pytest.raises(FeatureError, match="closed"):
        given.results.result(0)


def test_a_closed_pool_takes_nothing() -> None:
    with pool() as opened:
        pass
    with pytest.raises(FeatureError, match="closed"):
        opened.submit([("a", picture())], [["look"]])


def test_another_attendant_follows_one_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    with pool() as opened:
        with monkeypatch.context() as broken:
            broken.setattr("subprocess.Popen", lambda *_, **__: (_ for _ in ()).throw(OSError("no memory")))
            with pytest.raises(OSError, match="no memory"):
                opened.submit([("a", picture())], [["look"]]).results.result(10)
        for attendant in opened._attendants:
            attendant.join(10)
        (result,) = opened.submit([("a", picture())], [["look"]]).results.result(30)
    assert isinstance(result, Extracted)
